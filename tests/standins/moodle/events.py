"""The standard log: what Moodle writes down about calls and changes."""

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.standins.moodle import php
from tests.standins.moodle.records import LEVEL_COURSE, LEVEL_SYSTEM, Context

CALLED = "\\core\\event\\webservice_function_called"
LOGIN_FAILED = "\\core\\event\\webservice_login_failed"
MEMBER_ADDED = "\\core\\event\\cohort_member_added"
MEMBER_REMOVED = "\\core\\event\\cohort_member_removed"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One row of the log; ``number`` rises by one from event to event, ``time`` is Unix time."""

    eventname: str
    action: str
    target: str
    crud: str
    userid: int
    contextlevel: int
    contextinstanceid: int
    objecttable: str | None = None
    objectid: int | None = None
    relateduserid: int | None = None
    courseid: int = 0
    other: str = "null"
    ip: str = "127.0.0.1"
    time: float = 0
    number: int = 0

    def as_row(self) -> dict[str, Any]:
        """The row as Moodle's table holds it."""
        return {
            "eventname": self.eventname,
            "component": "core",
            "action": self.action,
            "target": self.target,
            "objecttable": self.objecttable,
            "objectid": self.objectid,
            "crud": self.crud,
            "edulevel": 0,
            "contextlevel": self.contextlevel,
            "contextinstanceid": self.contextinstanceid,
            "userid": self.userid,
            "courseid": self.courseid,
            "relateduserid": self.relateduserid,
            "other": self.other,
            "origin": "ws",
            "ip": self.ip,
        }


class EventLog:
    """The last events in order, and counts of all there ever were."""

    def __init__(self, keep: int = 200_000) -> None:
        self.counts: Counter[str] = Counter()
        """Events by the last part of their name."""
        self.calls: Counter[str] = Counter()
        """Calls that passed authentication, by function."""
        self._rows: deque[LogEvent] = deque(maxlen=keep)
        self._lock = threading.Lock()
        self._number = 0

    def append(self, events: Iterable[LogEvent], now: float) -> None:
        """Write events of one commit, all with the same time."""
        with self._lock:
            for event in events:
                self._number += 1
                object.__setattr__(event, "number", self._number)
                object.__setattr__(event, "time", now)
                self._rows.append(event)
                self.counts[event.eventname.rpartition("\\")[2]] += 1

    def append_call(self, event: LogEvent, function: str, now: float) -> None:
        """Write that a function was called, and count it."""
        self.append([event], now)
        with self._lock:
            self.calls[function] += 1

    def since(self, number: int) -> list[LogEvent]:
        """Events after the one with this number, oldest first, as far as they are kept."""
        with self._lock:
            kept = self._number - number
            if kept <= 0:
                return []
            if kept >= len(self._rows):
                return list(self._rows)
            return [self._rows[index] for index in range(-kept, 0)]

    @property
    def last_number(self) -> int:
        return self._number

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()
            self.counts.clear()
            self.calls.clear()
            self._number = 0


def function_called(userid: int, function: str, ip: str) -> LogEvent:
    other = php.json_encode({"function": function})
    return LogEvent(CALLED, "called", "webservice_function", "r", userid, LEVEL_SYSTEM, 0, other=other, ip=ip)


def login_failed(other: dict[str, Any], ip: str) -> LogEvent:
    text = php.json_encode({"method": 1, **other})
    return LogEvent(LOGIN_FAILED, "failed", "webservice_login", "r", 0, LEVEL_SYSTEM, 0, other=text, ip=ip)


_MEMBER_CRUD = {"added": "c", "removed": "d"}


def member(action: str, context: Context, cohortid: int, memberid: int, userid: int, ip: str) -> LogEvent:
    """A member was added or removed by *userid*."""
    return LogEvent(
        MEMBER_ADDED if action == "added" else MEMBER_REMOVED,
        action,
        "cohort_member",
        _MEMBER_CRUD[action],
        userid,
        context.level,
        context.instance,
        "cohort",
        cohortid,
        memberid,
        ip=ip,
    )


_COHORT_CRUD = {"created": "c", "updated": "u", "deleted": "d"}


def cohort(action: str, context: Context, cohortid: int, userid: int, ip: str) -> LogEvent:
    return LogEvent(
        f"\\core\\event\\cohort_{action}",
        action,
        "cohort",
        _COHORT_CRUD[action],
        userid,
        context.level,
        context.instance,
        "cohort",
        cohortid,
        ip=ip,
    )


def course(
    name: str, crud: str, objects: tuple[str, int], courseid: int, memberid: int, userid: int, other: object, ip: str
) -> LogEvent:
    """An enrolment or a role that came or went with a membership; *name* like ``user_enrolment_created``."""
    target, _, action = name.rpartition("_")
    return LogEvent(
        f"\\core\\event\\{name}",
        action,
        target,
        crud,
        userid,
        LEVEL_COURSE,
        courseid,
        objects[0],
        objects[1],
        memberid,
        courseid,
        php.json_encode(other),
        ip,
    )
