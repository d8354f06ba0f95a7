"""The connector and the consumer as the reconciler meets them: through topics alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.group import members_of
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up, ends_of, read_to_end
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.signals import Signals
from connector.runtime.kafka.topics import Topics
from consumers.reconciler.asking import Watched, commands_for
from consumers.reconciler.drift import Difference
from consumers.reconciler.sides import PartitionView, Scope, Target
from schemas.codec import Codec
from schemas.keys import decode_key, encode_key, partition_of
from schemas.records import (
    Checkpoint,
    CohortEntry,
    LedgerEntry,
    Notification,
    PartitionMarker,
)


class ConnectorByTopics:
    """Asks by signals, hears notifications that were written after it was made."""

    def __init__(
        self,
        connection: Connection,
        signals: Signals,
        group: str,
        sources: Sequence[str],
        checkpoints: Callable[[], Iterable[Checkpoint]],
    ) -> None:
        self._connection, self._signals, self._group, self._sources = connection, signals, group, sources
        self._checkpoints = checkpoints

    def running(self) -> bool:
        return members_of(self._connection, self._group) > 0

    def expected_rows(self) -> Mapping[str, int]:
        return {one.source: one.last_snapshot["rows"] for one in self._checkpoints() if one.last_snapshot.get("rows")}

    def ask(self, scope: Scope) -> Mapping[str, str]:
        kind = "look" if scope.cohorts or scope.students else "snapshot"
        number = self._signals.ask(kind, scope.source, students=scope.students, cohorts=scope.cohorts)
        return dict.fromkeys([scope.source] if scope.source else self._sources, number)

    def heard(self) -> Iterable[Notification]:
        return self._signals.heard()


def checkpoints(connection: Connection, topics: Topics, codec: Codec, clock: Clock) -> Iterable[Checkpoint]:
    """The latest checkpoint of each source."""
    found: dict[str, Checkpoint] = {}
    for batch in read_to_end(connection, topics.checkpoints, {0: BEGINNING}, clock):
        for raw in batch:
            record = None if raw.value is None else codec.decode(raw.value)
            if isinstance(record, Checkpoint):
                found[record.source] = record
    return found.values()


@dataclass(slots=True)
class _Partition:
    """Latest records of one partition of the ledger."""

    cohorts: dict[str, CohortEntry] = field(default_factory=dict)
    entries: dict[tuple[str, str], LedgerEntry] = field(default_factory=dict)

    def take(self, raw: Message, codec: Codec) -> None:
        if raw.value is None:
            cohort, student = (*decode_key(raw.key), None)[:2]
            self.cohorts.pop(str(cohort), None)
            self.entries.pop((str(cohort), str(student)), None)
            return
        record = codec.decode(raw.value)
        if isinstance(record, CohortEntry):
            self.cohorts[record.cohort] = record
        elif isinstance(record, LedgerEntry):
            self.entries[record.cohort, record.student] = record


class ConsumerByTopics:
    """Reads the ledger, sends commands."""

    def __init__(self, connection: Connection, topics: Topics, codec: Codec, group: str, clock: Clock) -> None:
        self._connection, self._topics, self._codec, self._clock = connection, topics, codec, clock
        self._group = group
        self._sender = Sender(connection, codec)
        self._tail = Tail(connection, topics.ledger, dict.fromkeys(range(connection.settings.partitions), BEGINNING))
        self._known_markers: dict[int, PartitionMarker] = {}
        self._watched = Watched()

    def close(self) -> None:
        self._tail.close()

    @property
    def partitions(self) -> int:
        return self._connection.settings.partitions

    def running(self) -> bool:
        return members_of(self._connection, self._group) > 0

    def target(self) -> Target:
        return Target(self._ends(self._topics.memberships), self._ends(self._topics.commands))

    def backlog(self, target: Target) -> int:
        markers = self._markers()
        behind = self._unread(
            self._topics.memberships, {p: marker.next_offset for p, marker in markers.items()}, target.memberships
        )
        behind |= self._unread(
            self._topics.commands, {p: marker.commands_offset for p, marker in markers.items()}, target.commands
        )
        return len(behind)

    def ledger(self, cohorts: Collection[str] | None = None) -> Iterator[PartitionView]:
        wanted = self._homes(cohorts)
        for partition in range(self.partitions):
            part = _Partition()
            if partition in wanted:
                self._read(partition, part, None if cohorts is None else frozenset(cohorts))
            yield PartitionView(list(part.cohorts.values()), list(part.entries.values()))

    def students(self, cohorts: Collection[str] | None = None) -> Iterator[Collection[str]]:
        for partition in self._homes(cohorts):
            for batch in read_to_end(self._connection, self._topics.ledger, {partition: BEGINNING}, self._clock):
                keys = [decode_key(raw.key) for raw in batch if raw.value is not None]
                named = [key for key in keys if len(key) == 2 and (cohorts is None or key[0] in cohorts)]
                yield {student for _, student in named if isinstance(student, str)}

    def repair(self, differences: Sequence[Difference]) -> None:
        self._markers()  # what was written before is no answer
        self._watched = Watched.of(differences)
        for command in commands_for(differences, self._clock.now(), lambda: uuid.uuid4().hex):
            partition = partition_of(command.cohort, self.partitions)
            self._sender.put(self._topics.commands, encode_key(command.cohort), command, partition)
        self._sender.flush()

    def pending(self) -> int:
        self._markers()
        return len(self._watched.pending)

    def _homes(self, cohorts: Collection[str] | None) -> Sequence[int]:
        """The partitions of these cohorts, or all."""
        if cohorts is None:
            return range(self.partitions)
        return sorted({partition_of(cohort, self.partitions) for cohort in cohorts})

    def _read(self, partition: int, part: _Partition, cohorts: Collection[str] | None) -> None:
        for batch in read_to_end(self._connection, self._topics.ledger, {partition: BEGINNING}, self._clock):
            for raw in batch:
                if cohorts is None or decode_key(raw.key)[0] in cohorts:
                    part.take(raw, self._codec)

    def _ends(self, topic: str) -> dict[int, int]:
        return ends_of(self._connection, topic, range(self.partitions))

    def _markers(self) -> dict[int, PartitionMarker]:
        """Every partition's marker, as of now; only what is new since the last call is read."""
        for batch in catch_up(self._tail, self._clock):
            for raw in batch:
                # A marker's key is its partition alone; others need not be decoded, unless they answer a question.
                if raw.value is None or raw.key is None:
                    continue
                if b"," not in raw.key or self._watched:
                    record = self._codec.decode(raw.value)
                    self._watched.hear(record)
                    if isinstance(record, PartitionMarker):
                        self._known_markers[record.partition] = record
        return self._known_markers

    def _unread(self, topic: str, next_offsets: Mapping[int, int], ends: Mapping[int, int]) -> set[int]:
        """Some partitions with a record from these offsets on and before the ends, none when there is none.

        Offsets alone do not tell: transactions leave holes in them.
        """
        starts = {p: next_offsets.get(p, BEGINNING) for p, end in ends.items() if next_offsets.get(p, BEGINNING) < end}
        behind: set[int] = set()
        for batch in read_to_end(self._connection, topic, starts, self._clock) if starts else ():
            behind |= {raw.partition for raw in batch if raw.offset < ends[raw.partition]}
            if behind:
                break
        return behind
