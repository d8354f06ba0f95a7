"""A connector between the Oracle stand-in and a real broker, turned by the test's own hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import oracledb
from confluent_kafka import TopicPartition

from connector.runtime.clock import SystemClock
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.reading import BEGINNING, Message, Tail
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import MemoryMetrics, MemoryTracer, Pseudonym
from connector.source.oracle.reader import OracleSource
from connector.source.service import Connector, Surroundings
from connector.source.settings import SourceSettings
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key
from schemas.records import Alert, Checkpoint, CohortChanged, MembershipChanged, Notification, Presence, Record, Signal
from tests.standins.oracle import OracleStandin

CLOCK = SystemClock()
CODEC = SingleObjectCodec()
TABLE = (
    "create table enrolments (id number(10) primary key, student varchar2(20), grp varchar2(200), "
    "title varchar2(300), status char(2), updated_at timestamp(6))"
)


def settings_for(dsn: str, **changes: Any) -> SourceSettings:
    """Settings for the table above; ``changes`` replace whole keys."""
    plain: dict[str, Any] = {
        "dsn": dsn,
        "user": "app",
        "password": "app",
        "share": 1.0,
        "absence_settle": "1s",
        "membership": {
            "table": "enrolments",
            "student": "{STUDENT}",
            "row_key": "{ID}",
            "active": [{"column": "STATUS", "values": ["E"]}],
        },
        "cohort": {"idnumber": "{GRP}", "name": "{TITLE|default:Group}"},
        "hints": [{"cursor": "UPDATED_AT", "overlap": "10s", "interval": "50ms"}],
    }
    return SourceSettings.model_validate(plain | changes)


class Database:
    """The student system: its own session of the stand-in."""

    def __init__(self, standin: OracleStandin) -> None:
        self.standin, self.dsn = standin, standin.dsn
        self.connection = self.connect()
        self.run(TABLE)

    def connect(self) -> oracledb.Connection:
        return oracledb.connect(user="app", password="app", dsn=self.dsn)

    def run(self, sql: str, *rows: tuple[Any, ...]) -> None:
        with self.connection.cursor() as cursor:
            if rows:
                cursor.executemany(sql, list(rows))
            else:
                cursor.execute(sql)
        self.connection.commit()

    def enrol(self, *rows: tuple[int, str | None, str | None]) -> None:
        """Insert (id, student, group)."""
        self.run(
            "insert into enrolments (id, student, grp, title, status, updated_at) "
            "values (:1, :2, :3, 'Group', 'E', systimestamp)",
            *rows,
        )


class SkippingClock(SystemClock):
    """The machine's clock, but that a test may leave out a pause."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let so much time have passed, by the monotonic clock alone."""
        self._skipped += seconds


class World:
    """One broker, any number of connectors."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self.connection, self._folder = connection, folder
        self.topics = Topics(connection.settings.topic_prefix)
        topics.ensure(connection, self.topics.source_side())
        self.metrics, self.tracer = MemoryMetrics(), MemoryTracer()
        self.clock = SkippingClock()
        self._signals = 0
        self._operator: TransactionalProducer | None = None
        self._read: dict[str, tuple[Tail, list[Message]]] = {}
        """What was read of each topic; the next look reads on from there."""
        self._asking: Any = None

    @contextmanager
    def connector(self, name: str = "state", **sources: SourceSettings) -> Iterator[Connector]:
        around = Surroundings(self.clock, self.metrics, self.tracer, Pseudonym(b"k" * 32))
        made = Connector(
            sources, OracleSource, self.connection, self.topics, CODEC, around, self._folder / f"{name}.sqlite"
        )
        try:
            yield made
        finally:
            made.close()

    def signal(self, kind: str, **more: Any) -> str:
        """Ask the connectors something; the signal's id."""
        self._signals += 1
        signal = Signal(f"{kind}-{self._signals}", kind, "test", datetime.now(UTC), **more)
        if self._operator is None:
            self._operator = TransactionalProducer(self.connection, "operator")
            self._operator.initialise()
        with self._operator.transaction() as transaction:
            transaction.put(self.topics.signals, encode_key(None), CODEC.encode(self.topics.signals, signal))
        return signal.id

    def messages(self, topic: str, partitions: int = 1) -> list[Message]:
        """All of a topic, as far as it is committed."""
        if topic not in self._read:
            self._read[topic] = Tail(self.connection, topic, dict.fromkeys(range(partitions), BEGINNING)), []
        tail, found = self._read[topic]
        ends, deadline = self._ends(topic, partitions), time.monotonic() + 60
        while any(tail.positions[partition] < end for partition, end in ends.items()):
            assert time.monotonic() < deadline, f"the end of {topic} does not come"
            found += tail.poll(timeout=0.1)
        return list(found)

    def _ends(self, topic: str, partitions: int) -> dict[int, int]:
        """As ``Tail.ends``, by one client for all topics: a new one has to find its way to the broker first."""
        if self._asking is None:
            self._asking = self.connection.consumer(group_id="asking", isolation_level="read_uncommitted")
        places = (TopicPartition(topic, partition) for partition in range(partitions))
        return {place.partition: self._asking.get_watermark_offsets(place, 30.0)[1] for place in places}

    def close(self) -> None:
        """Leave the broker."""
        for tail, _ in self._read.values():
            tail.close()
        if self._asking is not None:
            self._asking.close()
        if self._operator is not None:
            self._operator.close()

    def published(self) -> list[MembershipChanged | CohortChanged]:
        """All records of the memberships topic, in the order of their revisions; not what took some of them back."""
        messages = self.messages(self.topics.memberships, 4)
        found = [CODEC.decode(m.value) for m in messages if m.value is not None]
        records = [record for record in found if isinstance(record, MembershipChanged | CohortChanged)]
        return sorted(records, key=lambda record: record.revision)

    def members(self) -> dict[str, set[str]]:
        """What the topic says now: cohort → students."""
        cohorts: dict[str, set[str]] = {}
        for record in self.published():
            if isinstance(record, MembershipChanged):
                students = cohorts.setdefault(record.cohort, set())
                (students.add if record.state is Presence.PRESENT else students.discard)(record.student)
        return cohorts

    def records_of(self, student: str) -> list[tuple[str, str, str]]:
        """(cohort, state, cause) of every record of a student, in order."""
        return [
            (r.cohort, r.state.value, r.cause)
            for r in self.published()
            if isinstance(r, MembershipChanged) and r.student == student
        ]

    def notifications(self, signal_id: str) -> list[Notification]:
        found: list[Record] = [CODEC.decode(m.value or b"") for m in self.messages(self.topics.notifications)]
        return [n for n in found if isinstance(n, Notification) and n.signal_id == signal_id]

    def checkpoint(self, source: str) -> Checkpoint:
        """The last one of a source."""
        found = (CODEC.decode(m.value) for m in self.messages(self.topics.checkpoints) if m.value is not None)
        return [record for record in found if isinstance(record, Checkpoint) and record.source == source][-1]

    def alerts(self) -> dict[str, Alert]:
        """The last word of each alert."""
        found = (CODEC.decode(m.value or b"") for m in self.messages(self.topics.alerts))
        return {alert.key: alert for alert in found if isinstance(alert, Alert)}


def turn(*connectors: Connector, until: Callable[[], bool], seconds: float = 60) -> None:
    """Run the connectors side by side until something holds; a minute at most, which only a failure takes."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "did not happen in time"
        for connector in connectors:
            connector.run_once()


def settle(connector: Connector, seconds: float = 1.0) -> None:
    """Run a connector until it is quiet, and for a while."""
    turn(connector, until=lambda: connector.quiet)
    deadline = time.monotonic() + seconds
    turn(connector, until=lambda: time.monotonic() > deadline)
