"""The one writer of the connector's topics: records, checkpoint and counter in small transactions.

A transaction holds whole students, at most 2,000 records, and the checkpoint of a batch goes with its last one: a
checkpoint never overtakes what it stands for. The embedded state takes the same records within the same step; if either
side fails, neither counts, and if the process dies between the two commits, the topic is read on from the last position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import Count, Histogram, Metrics, Pseudonym, TraceContext, Tracer
from connector.source.difference import Change
from connector.source.state import State
from schemas.codec import Codec
from schemas.keys import encode_key, partition_of
from schemas.records import (
    Alert,
    Checkpoint,
    CohortChanged,
    MembershipChanged,
    Notification,
    PublisherState,
    Record,
    StudentValues,
    Suspects,
)

MOST_RECORDS = 2000
_CACHED_COHORTS = 50_000


class Transaction(Protocol):
    """An open transaction of the log."""

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int = 0,
        headers: Mapping[str, bytes] | None = None,
    ) -> None: ...


class Log(Protocol):
    """Where transactions are written; commits at the end of the block, and rolls back when it raises."""

    def transaction(self) -> AbstractContextManager[Transaction]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """What belongs together."""

    changes: Sequence[Change] = ()
    suspects: Sequence[Suspects] = ()
    values: Sequence[StudentValues] = ()
    checkpoint: Checkpoint | None = None
    alerts: Sequence[Alert] = ()
    notifications: Sequence[Notification] = ()
    live_since: datetime | None = None
    """When the poll began that found these changes; each then begins a trace. None for loads and snapshots."""
    answered: tuple[int, str] | None = None
    """Behind the signal that this answers, if no source answers it: the offset, and the topic's id. Holds with the last
    transaction.
    """


@dataclass(slots=True)
class _Piece:
    changes: list[Change] = field(default_factory=list)
    others: list[Record] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.changes) + len(self.others)


class Publisher:
    """Assigns revisions and writes. Exceptions of the log pass through; then nothing of the transaction counts."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        topics: Topics,
        partitions: int,
        state: State,
        clock: Clock,
        metrics: Metrics,
        tracer: Tracer,
        pseudonym: Pseudonym,
    ) -> None:
        self._log, self._codec, self._topics, self._partitions = log, codec, topics, partitions
        self._state, self._clock, self._metrics = state, clock, metrics
        self._tracer, self._pseudonym = tracer, pseudonym
        self._partition_of = lru_cache(_CACHED_COHORTS)(partition_of)
        self.commits = 0
        """Transactions committed so far."""

    def publish(self, batch: Batch) -> None:
        """Write all of it, in as many transactions as needed, in order."""
        pieces = list(_pieces(batch))
        for number, piece in enumerate(pieces, 1):
            self._write(piece, batch, last=number == len(pieces))

    def _write(self, piece: _Piece, batch: Batch, *, last: bool) -> None:
        began = self._clock.monotonic()
        revision = self._state.highest_revision
        changes: list[Change] = []
        for change in piece.changes:
            revision += 1
            changes.append(replace(change, revision=revision))
        records: list[Record] = [*changes, *piece.others]
        if last:
            records += [*([batch.checkpoint] if batch.checkpoint else []), *batch.alerts]
            records += [replace(said, revision=revision) for said in batch.notifications]
        link = self._tracer.current()
        with self._state.writing(), self._log.transaction() as transaction:
            for record in records:
                self._put(transaction, record, batch.live_since, link)
            # They are on their way to the brokers; meanwhile the state takes them over.
            for record in records:
                if not isinstance(record, Notification):
                    self._state.apply(_key(record), record)
            mine = self._publisher_state(revision, batch.answered if last else None)
            self._state.apply(("publisher",), mine)
            self._put(transaction, mine, batch.live_since, link)
        self.commits += 1
        self._metrics.count(Count.TRANSACTIONS, role="connector", outcome="committed")
        self._metrics.observe(Histogram.TRANSACTION_DURATION, self._clock.monotonic() - began, role="connector")
        told = Counter((c.source, c.state, c.cause) for c in changes if isinstance(c, MembershipChanged))
        for (source, said, cause), count in told.items():
            self._metrics.count(Count.PUBLISHED, count, source=source, op=said.value, cause=cause)

    def release(self, cohort: str, students: Sequence[str]) -> None:
        """Forget a cohort that vanished, and these, who are all its members: a tombstone each. In one transaction however
        many they are, so that there is no cohort of which a part is forgotten; the cohort comes first.
        """
        partition = self._partition_of(cohort, self._partitions)
        with self._state.writing(), self._log.transaction() as transaction:
            for student in (None, *students):
                transaction.put(self._topics.memberships, encode_key(cohort, student), None, partition)
            self._state.forget(cohort, None)
            mine = self._publisher_state(self._state.highest_revision, None)
            self._state.apply(("publisher",), mine)
            self._put(transaction, mine, None, None)
        self.commits += 1
        self._metrics.count(Count.TRANSACTIONS, role="connector", outcome="committed")

    def _publisher_state(self, revision: int, answered: tuple[int, str] | None) -> PublisherState:
        counts, recorded = self._state.counts(), self._state.publisher
        offset, topic = (recorded.signals_offset, recorded.signals_topic) if recorded is not None else (None, None)
        if answered is not None:
            offset, topic = answered
        return PublisherState(revision + 1, self._partitions, counts["memberships"], counts["cohorts"], offset, topic)

    def _put(
        self, transaction: Transaction, record: Record, live_since: datetime | None, link: TraceContext | None
    ) -> None:
        topic, partition = self._place(record)
        key = encode_key(*_key(record))
        if isinstance(record, Suspects) and not record.missing:
            transaction.put(topic, key, None, partition)
            return
        headers = None
        if isinstance(record, MembershipChanged | CohortChanged) and link is not None:
            context = link if live_since is None else self._begin_trace(record, live_since, link)
            headers = dict(context.headers())
        transaction.put(topic, key, self._codec.encode(topic, record), partition, headers)

    def _begin_trace(
        self, record: MembershipChanged | CohortChanged, since: datetime, link: TraceContext
    ) -> TraceContext:
        """A trace of its own for each live change, from the poll that found it."""
        attributes: dict[str, str | int] = {
            "source": record.source,
            "cause": record.cause,
            "cohort": record.cohort,
            "state": record.state.value,
            "revision": record.revision,
        }
        if isinstance(record, MembershipChanged):
            attributes["student"] = self._pseudonym.of("student", record.student)
        return self._tracer.record("change published", since, self._clock.now(), links=(link,), attributes=attributes)

    def _place(self, record: Record) -> tuple[str, int]:
        match record:
            case MembershipChanged() | CohortChanged():
                return self._topics.memberships, self._partition_of(record.cohort, self._partitions)
            case Alert():
                return self._topics.alerts, 0
            case Notification():
                return self._topics.notifications, 0
            case _:
                return self._topics.checkpoints, 0


def _key(record: Record) -> tuple[str | int | None, ...]:
    match record:
        case MembershipChanged():
            return (record.cohort, record.student)
        case CohortChanged():
            return (record.cohort, None)
        case Suspects():
            return ("suspects", record.source, record.student)
        case StudentValues():
            return ("values", record.source, record.student)
        case Checkpoint():
            return ("checkpoint", record.source)
        case PublisherState():
            return ("publisher",)
        case Alert():
            return (record.key,)
        case Notification():
            return (record.source,)
        case _:
            raise TypeError(f"the connector does not write a {type(record).__name__}")


def _pieces(batch: Batch) -> Iterator[_Piece]:
    """Transactions' worth: cohorts first, then whole students with what is remembered of them."""
    cohorts = [change for change in batch.changes if isinstance(change, CohortChanged)]
    members = [change for change in batch.changes if isinstance(change, MembershipChanged)]
    remembered: dict[str, list[Record]] = {}
    entries: list[Suspects | StudentValues] = [*batch.suspects, *batch.values]
    for entry in entries:
        remembered.setdefault(entry.student, []).append(entry)
    piece = _Piece(list(cohorts))
    for student, changes in groupby(members, key=lambda change: change.student):
        group = list(changes)
        others = remembered.pop(student, [])
        if len(piece) and len(piece) + len(group) + len(others) > MOST_RECORDS:
            yield piece
            piece = _Piece()
        piece.changes += group
        piece.others += others
    for others in remembered.values():
        if len(piece) and len(piece) + len(others) > MOST_RECORDS:
            yield piece
            piece = _Piece()
        piece.others += others
    if len(piece) or batch.checkpoint or batch.alerts or batch.notifications or batch.answered is not None:
        yield piece
