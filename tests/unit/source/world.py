"""A database, a log and a clock in memory, so that the real poller runs without any end, and time moves by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.runtime.errors import OperationalError
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import MemoryMetrics, MemoryTracer, Pseudonym
from connector.source.feed import Feed
from connector.source.hint_settings import followed
from connector.source.hints import Group, HintRow, OpenTransaction, OpenTransactions, Position
from connector.source.hints.zones import Grain, NumberColumn, TimeColumn
from connector.source.identity import fingerprint
from connector.source.loop import Poller, first_unanswered
from connector.source.mapping import Row, RowMapping, stamp_column
from connector.source.publisher import Publisher
from connector.source.settings import SourceSettings
from connector.source.signals_topic import SignalsTopic
from connector.source.state import State
from connector.source.store import open_store
from connector.source.working import Worker
from schemas.codec import SingleObjectCodec
from schemas.keys import decode_key
from schemas.records import (
    Alert,
    CohortChanged,
    DatabaseIdentity,
    MembershipChanged,
    Notification,
    Presence,
    Record,
    Signal,
)

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
CODEC = SingleObjectCodec()
PARIS = ZoneInfo("Europe/Paris")


def settings(**changes: Any) -> SourceSettings:
    """Settings of a source with the columns ID, STUDENT, GRP, TITLE, STATUS, STAMP; ``changes`` replace whole keys."""
    plain: dict[str, Any] = {
        "dsn": "db/x",
        "user": "u",
        "password": "p",
        "share": 1.0,
        "absence_settle": "60s",
        "membership": {
            "table": "ENROLMENTS",
            "student": "{STUDENT}",
            "row_key": "{ID}",
            "active": [{"column": "STATUS", "values": ["E"]}],
        },
        "cohort": {"idnumber": "{GRP}", "name": "{TITLE}"},
        "hints": [{"cursor": "STAMP", "overlap": "30s", "interval": "1s"}],
    }
    return SourceSettings.model_validate(plain | changes)


class HandClock:
    """Time that only ``sleep`` moves."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - START).total_seconds()

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A row of the table."""

    student: str | None
    grp: str | None
    status: str = "E"
    title: str = "Group"
    stamp: datetime | None = START
    left_view: bool = False
    """Whether the view that memberships are read from leaves the row out."""

    def row(self, number: int) -> Row:
        return {
            "ID": number,
            "STUDENT": self.student,
            "GRP": self.grp,
            "TITLE": self.title,
            "STATUS": self.status,
            "STAMP": self.stamp,
        }


@dataclass
class Database:
    """A table under the clock. Uncommitted changes are invisible; each is stamped when it is made."""

    clock: HandClock
    rows: dict[int, Enrolment] = field(default_factory=dict)
    pending: dict[int, Enrolment | None] = field(default_factory=dict)
    skew: timedelta = timedelta()
    fault: OperationalError | None = None
    hidden: bool = False
    """Whether a policy hides every row."""
    grain: Grain = Grain.TIMESTAMP
    name: str = "STUDENTS"
    truths: list[list[str]] = field(default_factory=list)
    listed: list[str] | None = None
    """What the cohort query lists; None for no such query."""
    busy: float = 0.0
    transactions_visible: bool = False
    against: tuple[str, ...] = ()
    """What speaks against a proof."""
    began: datetime | None = None
    """When the open transaction changed something first."""
    transactions: int = 0

    def now(self) -> datetime:
        return self.clock.now() + self.skew

    def put(self, number: int, student: str | None, grp: str | None, *, commit: bool = True, **more: Any) -> None:
        """Insert or replace a row."""
        stamp = self.now().replace(microsecond=0) if self.grain is Grain.DATE else self.now()
        self.began = self.began or self.now()
        self.pending[number] = Enrolment(student, grp, **{"stamp": stamp} | more)
        if commit:
            self.commit()

    def delete(self, number: int) -> None:
        """A hard delete: no hint tells."""
        self.pending[number] = None
        self.commit()

    def commit(self) -> None:
        for number, row in self.pending.items():
            if row is None:
                self.rows.pop(number, None)
            else:
                self.rows[number] = row
        self.pending.clear()
        self.began, self.transactions = None, self.transactions + 1

    def truth_of(self) -> dict[str, set[str]]:
        """Cohort → students, as the committed rows say."""
        cohorts: dict[str, set[str]] = {}
        for row in self.rows.values():
            if row.student and row.grp and row.status == "E" and not row.left_view:
                cohorts.setdefault(row.grp, set()).add(row.student)
        return cohorts

    # --- as the poller sees it --------------------------------------------------------------------------------------

    def visible(self) -> list[tuple[int, Enrolment]]:
        if self.fault is not None:
            raise self.fault
        return [] if self.hidden else sorted(self.rows.items())

    def viewed(self) -> list[tuple[int, Enrolment]]:
        """The rows of the view."""
        return [(number, row) for number, row in self.visible() if not row.left_view]


class FakeSource:
    """The ``Source`` of a ``Database``."""

    def __init__(self, database: Database, settings: SourceSettings) -> None:
        self.database, self._hints = database, followed(settings.hints)
        self._stamped = list(RowMapping.of(settings).stamped.values())

    def _rows(self, found: Iterable[tuple[int, Enrolment]]) -> list[Row]:
        """With the cursors of the hints that watch the same rows."""
        return [{**row.row(number), **self._stamps(number, row)} for number, row in found]

    def _stamps(self, number: int, row: Enrolment) -> dict[str, object]:
        stamp = row.stamp.replace(tzinfo=None) if row.stamp is not None else None
        kinds = enumerate(self._stamped, 1)
        return {stamp_column(n): number if hint.kind == "sequence" else stamp for n, hint in kinds}

    @property
    def busy(self) -> float:
        return self.database.busy

    def clock(self) -> datetime:
        self.database.visible()
        return self.database.now()

    def identity(self) -> DatabaseIdentity:
        self.database.visible()
        return DatabaseIdentity(self.database.name, self.database.name, "PRIMARY")

    def open_transactions(self) -> OpenTransactions:
        database = self.database
        if not database.transactions_visible:
            return OpenTransactions(visible=False)
        began = [] if database.began is None else [database.began.replace(microsecond=0)]
        open_ = tuple(OpenTransaction(f"tx{database.transactions}", at) for at in began)
        return OpenTransactions(visible=True, open=open_, everywhere=True)

    def against_proof(self, hint: str) -> tuple[str, ...]:
        return self.database.against

    def cursor_column(self, hint: str) -> TimeColumn | NumberColumn:
        if self._hints[hint].kind == "sequence":
            return NumberColumn()
        return TimeColumn(self.database.grain, ZoneInfo("UTC"))

    def changed(self, hint: str, low: Position, high: Position | None = None) -> list[HintRow]:
        assert isinstance(low, datetime)
        by_cohort = self._hints[hint].by_cohort
        found: Counter[tuple[str | tuple[object, ...], datetime]] = Counter()
        for _, row in self.database.visible():
            if row.student is None or row.stamp is None:
                continue
            stamp = row.stamp.replace(tzinfo=None)
            if stamp >= low and (not isinstance(high, datetime) or stamp <= high):
                found[(row.grp,) if by_cohort else row.student, stamp] += 1
        return [HintRow(subject, stamp, count) for (subject, stamp), count in found.items()]

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        return [
            HintRow(row.student, number)
            for number, row in self.database.visible()
            if row.student is not None
            and any(low <= number and (high is None or number <= high) for low, high in ranges)
        ]

    def highest(self, hint: str) -> int | None:
        return max((number for number, row in self.database.visible() if row.student is not None), default=None)

    def scan(self, hint: str) -> list[Group]:
        groups: dict[str | tuple[object, ...], list[int]] = {}
        for number, row in self.database.viewed():
            subject = (row.grp,) if self._hints[hint].by_cohort else row.student
            if subject is not None:
                groups.setdefault(subject, []).append(hash((number, row)))
        return [Group(subject, len(hashes), sum(hashes)) for subject, hashes in groups.items()]

    def watched(self, values: Sequence[str]) -> list[Row] | None:
        if all(hint.table is None for hint in self._hints.values()):
            return None
        wanted = frozenset(values)
        return self._rows((number, row) for number, row in self.database.visible() if row.student in wanted)

    def truth(self, values: Sequence[str]) -> list[Row]:
        assert len(values) <= 500
        self.database.truths.append(list(values))
        wanted = frozenset(values)
        return self._rows((number, row) for number, row in self.database.viewed() if row.student in wanted)

    def students_of(self, cohort: tuple[object, ...]) -> list[str]:
        return [row.student for _, row in self.database.viewed() if (row.grp,) == cohort and row.student]

    def cohorts(self) -> list[Row] | None:
        listed = self.database.listed
        return None if listed is None else [{"GRP": grp, "TITLE": "Group"} for grp in listed]

    def snapshot(self) -> Iterator[list[Row]]:
        rows = self._rows(self.database.viewed())
        rows.sort(key=lambda row: (row["STUDENT"] is None, str(row["STUDENT"]).encode()))
        size = max(3, len(rows) // 20)
        for start in range(0, len(rows), size):
            self.database.visible()  # may fail in the middle
            yield []  # nothing has come yet
            yield rows[start : start + size]

    def refresh(self) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Written:
    """A record of the log."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: Mapping[str, bytes] | None


class MemoryLog:
    """Transactions in memory; ``failing`` makes the next commit fail."""

    def __init__(self) -> None:
        self.records: list[Written] = []
        self.sizes: list[int] = []
        self.failing: Exception | None = None

    @contextmanager
    def transaction(self) -> Iterator[_Open]:
        open_ = _Open([])
        yield open_
        failing, self.failing = self.failing, None
        if failing is not None:
            raise failing
        self.records += open_.records
        self.sizes.append(len(open_.records))


@dataclass
class _Open:
    records: list[Written]

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int = 0,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        self.records.append(Written(topic, partition, key, value, headers))


class Site:
    """A poller over databases by source name. ``restart`` makes a new process that restores from the log."""

    def __init__(self, chunk_rows: int | None = None, **sources: SourceSettings) -> None:
        self.clock = HandClock()
        self.sources = sources or {"apogee": settings()}
        self.databases = {name: Database(self.clock) for name in self.sources}
        self.log, self.topics = MemoryLog(), Topics()
        self.metrics, self.tracer = MemoryMetrics(), MemoryTracer()
        self._signals: list[Signal] = []
        """The signals topic; the offset is the index."""
        self._signals_read, self._signals_topic = 0, 1
        self.restart()

    @property
    def database(self) -> Database:
        return next(iter(self.databases.values()))

    def restart(self) -> None:
        """Lose everything but the log, and restore."""
        self.state = State(open_store(None, "test"))
        with self.state.writing():
            for written in self.log.records:
                if written.topic in (self.topics.memberships, self.topics.checkpoints, self.topics.alerts):
                    key = decode_key(written.key)
                    if written.value is None and written.topic == self.topics.memberships:
                        self.state.forget(str(key[0]), None if key[1] is None else str(key[1]))
                    else:
                        self.state.apply(key, self._decoded(written))
        self.publisher = Publisher(
            self.log, CODEC, self.topics, 4, self.state, self.clock, self.metrics, self.tracer, Pseudonym(b"k" * 32)
        )
        signals = SignalsTopic(f"signals-{self._signals_topic}", len(self._signals))
        workers = {}
        for name, section in self.sources.items():
            feed = Feed(
                name,
                section,
                fingerprint(section),
                FakeSource(self.databases.setdefault(name, Database(self.clock)), section),
                self.state,
                self.publisher,
                self.clock,
                self.metrics,
                self.tracer,
            )
            workers[name] = Worker(feed, signals)
        self._signals_read = first_unanswered(workers.values(), self.state, signals)
        self.poller = Poller(workers, self, signals, self.publisher, self.state, self.clock)

    def poll(self) -> Sequence[tuple[int, Signal]]:
        """The inbox of the poller."""
        found = list(enumerate(self._signals))[self._signals_read :]
        self._signals_read = len(self._signals)
        return found

    def signal(self, kind: str, **more: Any) -> str:
        signal = Signal(f"{kind}{self._signals_topic}.{len(self._signals)}", kind, "test", self.clock.now(), **more)
        self._signals.append(signal)
        return signal.id

    def make_signals_anew(self) -> None:
        """Delete the signals topic, and make another one under its name."""
        self._signals.clear()
        self._signals_topic += 1

    def run(self, seconds: float, step: float = 1.0) -> None:
        """Let the poller turn while so much time passes."""
        for _ in range(int(seconds / step)):
            self.poller.run_once()
            self.clock.sleep(step)

    def _decoded(self, written: Written) -> Record | None:
        return None if written.value is None else CODEC.decode(written.value)

    def _of(self, topic: str) -> list[Record]:
        found = (self._decoded(written) for written in self.log.records if written.topic == topic)
        return [record for record in found if record is not None]

    def published(self) -> list[MembershipChanged | CohortChanged]:
        return [r for r in self._of(self.topics.memberships) if isinstance(r, MembershipChanged | CohortChanged)]

    def changes(self) -> list[MembershipChanged]:
        return [record for record in self.published() if isinstance(record, MembershipChanged)]

    def members(self) -> dict[str, set[str]]:
        """What the topic says: cohort → students; cohorts without members left out."""
        cohorts: dict[str, set[str]] = {}
        for record in self.changes():
            students = cohorts.setdefault(record.cohort, set())
            (students.add if record.state is Presence.PRESENT else students.discard)(record.student)
        return {cohort: students for cohort, students in cohorts.items() if students}

    def cohort(self, idnumber: str) -> CohortChanged:
        """The last record of a cohort."""
        return [r for r in self.published() if isinstance(r, CohortChanged) and r.cohort == idnumber][-1]

    def causes(self, student: str) -> list[tuple[str, str, str]]:
        """(cohort, state, cause) of the student's records."""
        return [(r.cohort, r.state.value, r.cause) for r in self.changes() if r.student == student]

    def notifications(self, signal_id: str) -> list[Notification]:
        found = self._of(self.topics.notifications)
        return [n for n in found if isinstance(n, Notification) and n.signal_id == signal_id]

    def alerts(self) -> dict[str, Alert]:
        return {alert.key: alert for alert in self._of(self.topics.alerts) if isinstance(alert, Alert)}


def populated(site: Site, seconds: float) -> Site:
    """The site with two groups of four students, loaded and polled for a while; their rows are an hour old."""
    for number in range(1, 9):
        site.database.put(number, f"s{number}", "A" if number < 5 else "B")
    site.clock.sleep(3600)
    site.run(seconds)
    assert site.database.truth_of() == site.members()
    return site


def changed(row: Enrolment, **fields: Any) -> Enrolment:
    """A row changed behind the cursor's back."""
    return replace(row, **fields)
