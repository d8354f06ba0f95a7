"""Comparing Moodle with the ledger: for replayed records, commands, and at the end of a quarantine.

Requests are collected for a moment, so that a replay of a whole partition costs one read per hundred cohorts and, where
Moodle is right, no write. They stand in memory only; what asked for them is held on its topic (``positions``) until they
are worked off, so that no crash loses one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from consumers.cohorts.calls import Reader, Shown, read_members
from consumers.cohorts.comparing import Rules, look
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.foreign import look_for_strangers
from consumers.cohorts.positions import Hold, Reading
from schemas.records import EntryStatus, LedgerEntry

_NAMED = 50
"""Students of a cohort that are remembered one by one; from there on all of it is compared, which costs the same read."""
_REST_AT_MOST = timedelta(seconds=30)
"""Before a cohort is read again whose accounts are asked for: an answer is used for two minutes (``roll``), and all of them
have to be known at one time."""


@dataclass
class _Request:
    """What is to be compared in one cohort."""

    since: datetime
    students: set[str] | None = field(default_factory=set)
    """None: all of them."""
    whole: bool = False
    """Whether the cohort as such was asked for, and with it members whom no record names."""
    holds: dict[Reading, Hold] = field(default_factory=dict)
    """What waits on the topics until it is done: the lowest place of each."""

    def add(self, students: AbstractSet[str] | None) -> None:
        if students is None or self.students is None or len(self.students | students) > _NAMED:
            self.students = None
        else:
            self.students |= students

    def hold(self, hold: Hold) -> None:
        other = self.holds.get(hold.reading)
        self.holds[hold.reading] = hold if other is None else other.merge(hold)

    def release(self) -> None:
        """It was worked off, or there is nothing to compare."""
        for hold in self.holds.values():
            hold.release()


class Rechecks:
    """Collects what is to be compared, reads, and repairs through plan and guard."""

    def __init__(self, desk: Desk, reader: Reader) -> None:
        self._desk, self._reader = desk, reader
        self._asked: dict[str, _Request] = {}

    @property
    def waiting(self) -> int:
        """Cohorts to be read."""
        return len(self._asked)

    def ask(self, cohort: str, student: str | None, now: datetime, hold: Hold | None = None) -> None:
        """Compare one membership, or the whole cohort. ``hold``: the place on a topic that asks for it."""
        request = self._asked.setdefault(cohort, _Request(now))
        request.add(None if student is None else {student})
        request.whole |= student is None
        if hold is not None:
            request.hold(hold)

    def forget(self, lost: Callable[[str], bool]) -> None:
        """Drop the cohorts that are no longer ours. Their places stay held, so that the next owner reads them again."""
        self._asked = {cohort: asked for cohort, asked in self._asked.items() if not lost(cohort)}

    def offer(self, now: datetime) -> bool:
        """Prepare one read; whether it did."""
        until = now - self._desk.settings.recheck_window
        ripe = (
            cohort for cohort, request in self._asked.items() if request.since <= until and not self._desk.busy(cohort)
        )
        known: dict[str, int] = {}
        asked: dict[str, _Request] = {}
        for cohort in list(islice(ripe, self._desk.settings.recheck_cohorts)):
            request = self._asked.pop(cohort)
            entry = self._desk.ledger.cohort(cohort)
            if entry is not None and entry.moodle_id is not None:
                known[cohort], asked[cohort] = entry.moodle_id, request
            else:
                request.release()  # nobody is in it; what it waits for stands in the ledger
        if not known:
            return False
        self._desk.prepare(
            Prepared(
                "rechecks",
                partial(read_members, self._reader, known),
                partial(self._done, asked),
                cancel=partial(self._again, asked),
                cohorts=frozenset(known),
                needs_commit=False,
            )
        )
        return True

    def _again(self, asked: Mapping[str, _Request], rest: timedelta = timedelta()) -> None:
        now = self._desk.clock.now() + rest
        for cohort, request in asked.items():
            if not self._desk.ledger.owns(cohort):
                continue
            waiting = self._asked.setdefault(cohort, _Request(now))
            waiting.add(request.students)
            waiting.whole |= request.whole
            for hold in request.holds.values():
                waiting.hold(hold)

    def _done(self, asked: Mapping[str, _Request], shown: Shown | BaseException) -> None:
        if isinstance(shown, BaseException):
            raise shown
        self._desk.heard(shown.failure)
        if shown.failure is not None:
            self._again(asked)
            return
        self._desk.gone |= shown.gone
        agreed = repaired = 0
        unsure: dict[str, _Request] = {}
        for cohort, members in shown.members.items():
            for entry in self._entries(cohort, asked[cohort].students):
                changed = self._compare(entry, members)
                repaired += changed
                agreed += not changed
            if asked[cohort].whole and not look_for_strangers(self._desk, cohort, members):
                unsure[cohort] = asked[cohort]
        for cohort in shown.gone:  # no call can put anybody into it any more; what is settled waits for the cohort
            for entry in self._entries(cohort, asked[cohort].students):
                repaired += entry.status is EntryStatus.QUARANTINED and self._compare(entry, frozenset())
        for cohort, request in asked.items():
            if cohort not in unsure:
                request.release()
        # Accounts are asked for meanwhile; to read the cohort again before they are known would tell nothing.
        self._again(unsure, min(self._desk.settings.parked_retry, _REST_AT_MOST))
        self._desk.witness.rechecked(agreed, repaired)

    def _entries(self, cohort: str, students: set[str] | None) -> Sequence[LedgerEntry]:
        if students is None:
            return list(self._desk.ledger.entries_of(cohort))
        return list(self._desk.entries((cohort, student) for student in sorted(students)))

    def _compare(self, entry: LedgerEntry, members: AbstractSet[int]) -> bool:
        desk, settings = self._desk, self._desk.settings
        now = desk.clock.now()
        stay = settings.foreign == "keep"
        rules = Rules(now, settings.removal_settle, settings.moodle_settle, stay)
        told = look(entry, members, desk.roll, rules, desk.ledger)
        if told == entry:
            return False
        desk.ledger.put(told)
        desk.note(told, "recheck", now, answer=told.applied.value, reason=told.reason or None)
        return True
