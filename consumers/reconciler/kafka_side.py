"""The connector and the consumer as the reconciler meets them: through topics alone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.group import members_of
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up, read_to_end
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.signals import Signals
from connector.runtime.kafka.topics import Topics
from consumers.reconciler.compare import Difference
from consumers.reconciler.run import PartitionView, Scope
from schemas.codec import Codec
from schemas.keys import decode_key, encode_key, partition_of
from schemas.records import CohortEntry, Command, LedgerEntry, Notification, PartitionMarker

AUTHOR = "reconciler"
_COMMAND_LIFE = timedelta(hours=1)
_WHOLE_COHORT = 50
"""From so many differences on, one command for the whole cohort is cheaper than one for each membership."""


class ConnectorByTopics:
    """Asks by signals, hears notifications that were written after it was made."""

    def __init__(self, connection: Connection, signals: Signals, group: str, sources: Sequence[str]) -> None:
        self._connection, self._signals, self._group, self._sources = connection, signals, group, sources

    def running(self) -> bool:
        return members_of(self._connection, self._group) > 0

    def ask(self, scope: Scope) -> Mapping[str, str]:
        kind = "look" if scope.cohorts or scope.students else "snapshot"
        number = self._signals.ask(kind, scope.source, students=scope.students, cohorts=scope.cohorts)
        return dict.fromkeys([scope.source] if scope.source else self._sources, number)

    def heard(self) -> Iterable[Notification]:
        return self._signals.heard()


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

    def close(self) -> None:
        self._tail.close()

    def running(self) -> bool:
        return members_of(self._connection, self._group) > 0

    def backlog(self) -> int:
        markers = self._markers()
        behind = self._unread(self._topics.memberships, {p: marker.next_offset for p, marker in markers.items()})
        behind |= self._unread(self._topics.commands, {p: marker.commands_offset for p, marker in markers.items()})
        return len(behind)

    def ledger(self) -> Iterator[PartitionView]:
        for partition in range(self._partitions):
            part = _Partition()
            for batch in read_to_end(self._connection, self._topics.ledger, {partition: BEGINNING}, self._clock):
                for raw in batch:
                    part.take(raw, self._codec)
            yield PartitionView(list(part.cohorts.values()), list(part.entries.values()))

    def recheck(self, differences: Sequence[Difference]) -> None:
        by_cohort: dict[str, list[Difference]] = defaultdict(list)
        for difference in differences:
            by_cohort[difference.cohort].append(difference)
        now = self._clock.now()
        for cohort, found in by_cohort.items():
            students = {difference.student for difference in found}
            for student in [None] if len(students) >= _WHOLE_COHORT else sorted(students, key=str):
                command = Command(
                    id=uuid.uuid4().hex,
                    kind="recheck",
                    cohort=cohort,
                    student=student,
                    author=AUTHOR,
                    issued_at=now,
                    expires_at=now + _COMMAND_LIFE,
                )
                partition = partition_of(cohort, self._partitions)
                self._sender.put(self._topics.commands, encode_key(cohort), command, partition)
        self._sender.flush()

    @property
    def _partitions(self) -> int:
        return self._connection.settings.partitions

    def _markers(self) -> dict[int, PartitionMarker]:
        """Every partition's marker, as of now; only what is new since the last call is read."""
        for batch in catch_up(self._tail, self._clock):
            for raw in batch:
                # A marker's key is its partition alone; others need not be decoded.
                if raw.value is not None and raw.key is not None and len(decode_key(raw.key)) == 1:
                    record = self._codec.decode(raw.value)
                    if isinstance(record, PartitionMarker):
                        self._known_markers[record.partition] = record
        return self._known_markers

    def _unread(self, topic: str, next_offsets: Mapping[int, int]) -> set[int]:
        """Some partitions with a record at or after these offsets, none when there is none.

        Offsets alone do not tell: transactions leave holes in them.
        """
        starts = {p: next_offsets.get(p, BEGINNING) for p in range(self._partitions)}
        for batch in read_to_end(self._connection, topic, starts, self._clock):
            return {raw.partition for raw in batch}
        return set()
