"""What the tests of the notifier share: alerts, rules, a clock, and topics in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.runtime.errors import OperationalError
from consumers.notifier.book import Book
from consumers.notifier.letter import Letter
from consumers.notifier.news import News, Rules, Seen, gather_news
from consumers.notifier.polls import PollAges
from consumers.notifier.severity import Severity
from schemas.records import Alert, AlertState, AlertTold, Checkpoint

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OUTAGE, HELD = "connector/apogee/source", "moodle.held"
ROLES = frozenset({"connector", "consume", "reconcile", "notify"})


def outage(at: datetime = NOW, reason: str = "ORA-12541", *, source: str = "apogee") -> Alert:
    """The source cannot be reached."""
    parameters = {"source": source, "reason": reason}
    return Alert(f"connector/{source}/source", AlertState.RAISED, "CS2001", "connector", at, parameters)


def healed(at: datetime, key: str = OUTAGE, code: str = "CS2001") -> Alert:
    """An alert is over; the connector says so without parameters."""
    return Alert(key, AlertState.CLEARED, code, "connector", at)


def held(at: datetime = NOW, count: int = 5) -> Alert:
    """Removals wait for a person."""
    parameters = {"count": str(count), "cohorts": "1", "past": "0"}
    return Alert(HELD, AlertState.RAISED, "CS5031", "consume", at, parameters)


def rules(**more: Any) -> Rules:
    """Everything, gathered for a minute, changes after a quarter of an hour, reminders each day."""
    given: dict[str, Any] = {
        "recipient": "ops",
        "severities": frozenset(Severity),
        "roles": ROLES,
        "gather": MINUTE,
        "again_after": 15 * MINUTE,
        "remind_every": DAY,
    }
    return Rules(**(given | more))


def seen(*alerts: Alert, at: datetime | None = None) -> dict[str, Seen]:
    """The last words on alerts, read when they were said or at ``at``."""
    return {alert.key: Seen(alert, at or alert.at) for alert in alerts}


def told(alert: Alert, at: datetime, recipient: str = "ops") -> AlertTold:
    """That a recipient was told of an alert."""
    return AlertTold(recipient, alert.key, alert.state, alert.code, alert.role, alert.at, at, dict(alert.parameters))


def by_key(*records: AlertTold) -> dict[str, AlertTold]:
    return {record.key: record for record in records}


def news_of(
    standing: Mapping[str, Seen], known: Mapping[str, AlertTold], now: datetime, wanted: Rules | None = None
) -> list[tuple[str, str]]:
    """Turn and key of all news."""
    found: Sequence[News] = gather_news(wanted or rules(), standing, known, now)
    return [(one.turn.value, one.told.key) for one in found]


@dataclass
class ManualClock:
    """Stands still until it is moved; sleeping moves it."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.move(timedelta(seconds=seconds))

    def move(self, by: timedelta) -> None:
        self.time += by


@dataclass
class Carrier:
    """Keeps what it is given, or fails as told."""

    letters: list[Letter] = field(default_factory=list)
    fault: OperationalError | None = None
    tried: int = 0

    def carry(self, letter: Letter) -> None:
        self.tried += 1
        if self.fault is not None:
            raise self.fault
        self.letters.append(letter)

    def probe(self) -> str:
        return "fine"


@dataclass
class Topics:
    """What outlives a notifier."""

    alerts: list[Alert] = field(default_factory=list)
    told: dict[tuple[str, str], AlertTold] = field(default_factory=dict)
    checkpoints: list[tuple[Checkpoint, datetime]] = field(default_factory=list)


@dataclass
class Office:
    """An ``Office`` over topics in memory. ``breaks`` fails the next write of what was told."""

    topics: Topics
    clock: ManualClock
    holds: bool = True
    breaks: Exception | None = None
    read: list[int] = field(default_factory=lambda: [0, 0])

    def elected(self) -> bool:
        return self.holds

    def open(self) -> Book:
        book = Book(PollAges(self.clock.now()))
        book.remember(self.topics.told.values())
        self.read = [0, 0]
        self.renew(book)
        return book

    def renew(self, book: Book) -> None:
        for alert in self.topics.alerts[self.read[0] :]:
            book.hear(alert, self.clock.now())
        for checkpoint, written_at in self.topics.checkpoints[self.read[1] :]:
            book.hear_poll(checkpoint, written_at)
        self.read = [len(self.topics.alerts), len(self.topics.checkpoints)]

    def write(self, alerts: Sequence[Alert], told: Sequence[AlertTold], forgotten: Sequence[AlertTold]) -> None:
        if told and self.breaks is not None:
            fault, self.breaks = self.breaks, None
            raise fault
        self.topics.alerts += alerts
        for record in told:
            self.topics.told[record.recipient, record.key] = record
        for record in forgotten:
            del self.topics.told[record.recipient, record.key]

    def close(self) -> None:
        self.holds = False
