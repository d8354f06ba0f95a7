"""Publishing: records through the connector's publisher, its state and a transaction, against a bare producer that sends
the same keys and values.

The bare one is idempotent, with the settings of ours, and has everything encoded beforehand.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from connector.commands.process import collecting_rarely
from connector.runtime.clock import SystemClock
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.producer import Transaction, TransactionalProducer
from connector.runtime.kafka.settings import KafkaSettings
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import TelemetrySettings, start_telemetry
from connector.source.causes import Cause
from connector.source.difference import Change
from connector.source.publisher import MOST_RECORDS, Batch, Publisher
from connector.source.state import State
from connector.source.store import open_store
from schemas.codec import SingleObjectCodec
from schemas.records import CohortChanged, CohortState, MembershipChanged, Presence, SupportingRow
from tests.bench.enrolments import ROWS_A_STUDENT
from tests.bench.measure import Measure
from tests.bench.stage import Bench

NAMES = ("publish",)
_TIMES = 3
_GOAL = 0.3
_SOURCE = "bench"
_FINGERPRINT = "0123456789abcdef"

Put = tuple[str, bytes, bytes | None, int]


@dataclass
class _Recording:
    """A log that passes everything on, and remembers it."""

    log: TransactionalProducer
    put: list[Put] = field(default_factory=list)

    @contextmanager
    def transaction(self) -> Iterator[_Remembering]:
        with self.log.transaction() as transaction:
            yield _Remembering(transaction, self.put)


@dataclass
class _Remembering:
    transaction: Transaction
    records: list[Put]

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int = 0,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        self.records.append((topic, key, value, partition))
        self.transaction.put(topic, key, value, partition, headers)


def take(bench: Bench) -> Sequence[Measure]:
    """The medians of some, taken in turns, each into topics of its own."""
    directory = bench.options.directory / "publish"
    directory.mkdir(parents=True, exist_ok=True)
    batches = list(_batches(bench.options.records))
    ours, bare, processor, sent = [], [], 0.0, 0
    _, put = _publish(bench.bootstrap, "publish-remembered.", directory, batches, remember=True)
    for turn in range(_TIMES):
        bare.append(_send(bench.bootstrap, f"publish-bare{turn}.", put))
        used = time.process_time()
        ours.append(_publish(bench.bootstrap, f"publish-ours{turn}.", directory, batches)[0])
        processor, sent = time.process_time() - used, len(put)
    speed, reference = sent / statistics.median(ours), sent / statistics.median(bare)
    note = (
        f"{sent:,} records in transactions of at most {MOST_RECORDS:,}, medians of {_TIMES}; ours "
        f"{1e6 / speed:.0f} µs a record, of which {1e6 * processor / sent:.0f} on our processor; bare {1e6 / reference:.1f}"
    )
    return [Measure(NAMES[0], "records/s", speed, reference, _GOAL, at_least=True, note=note)]


def _batches(records: int) -> Iterator[Batch]:
    """As chunks of a first load: new cohorts, then student by student."""
    at = datetime.now(UTC)
    groups = max(8, records // 100)
    known: set[int] = set()
    changes: list[Change] = []
    members: list[Change] = []
    for number in range(records):
        student, place = divmod(number, ROWS_A_STUDENT)
        group = (student * 13 + place * (groups // ROWS_A_STUDENT)) % groups
        cohort = f"2026-{group:06}"
        if group not in known:
            known.add(group)
            new = CohortState.PRESENT
            changes.append(
                CohortChanged(cohort, f"Group {group}", new, at, at, 0, Cause.NEW_COHORT, _SOURCE, _FINGERPRINT)
            )
        members.append(
            MembershipChanged(
                cohort=cohort,
                student=f"{student:08}",
                state=Presence.PRESENT,
                sources=(_SOURCE,),
                cause=Cause.FIRST_LOAD,
                revision=0,
                source=_SOURCE,
                observed_at=at,
                fingerprint=_FINGERPRINT,
                rows=(SupportingRow(_SOURCE, str(number + 1)),),
            )
        )
        if len(members) == MOST_RECORDS or number == records - 1:
            yield Batch(changes + members)
            changes, members = [], []


def _publish(
    bootstrap: str, prefix: str, directory: Path, batches: Sequence[Batch], *, remember: bool = False
) -> tuple[float, list[Put]]:
    """Seconds that the connector's way takes, from an empty state; and what was put, if that is to be remembered."""
    connection, names = _prepared(bootstrap, prefix)
    telemetry = start_telemetry(TelemetrySettings(log_level="error"), "bench")
    producer = TransactionalProducer(connection, "bench")
    recording = _Recording(producer)
    with closing(State(open_store(directory / f"{prefix}sqlite", prefix))) as state, collecting_rarely():
        publisher = Publisher(
            recording if remember else producer,
            SingleObjectCodec(),
            names,
            connection.settings.partitions,
            state,
            SystemClock(),
            telemetry.metrics,
            telemetry.tracer,
            telemetry.pseudonym,
        )
        producer.initialise()
        began = time.monotonic()
        for batch in batches:
            with telemetry.tracer.span("first_load chunk", root=True):
                publisher.publish(batch)
        seconds = time.monotonic() - began
    producer.close()
    telemetry.stop()
    return seconds, recording.put


def _send(bootstrap: str, prefix: str, records: Sequence[Put]) -> float:
    """Seconds that a bare producer takes, to the last acknowledgement."""
    connection, names = _prepared(bootstrap, prefix)
    producer = connection.producer()
    topic_of = {record[0]: prefix + record[0].split(".", 1)[1] for record in records}
    assert names.memberships in topic_of.values()
    began = time.monotonic()
    for topic, key, value, partition in records:
        while True:
            try:
                producer.produce(topic_of[topic], value, key, partition)
                break
            except BufferError:  # the local queue is full
                producer.poll(0.1)
    if left := producer.flush(120.0):
        raise TimeoutError(f"{left} records of the bare producer were not acknowledged")
    return time.monotonic() - began


def _prepared(bootstrap: str, prefix: str) -> tuple[Connection, Topics]:
    connection = Connection(KafkaSettings(bootstrap_servers=bootstrap, topic_prefix=prefix, replication_factor=1))
    names = Topics(prefix)
    topics.ensure(connection, names.source_side())
    return connection, names
