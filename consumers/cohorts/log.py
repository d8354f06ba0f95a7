"""The ledger's transactions on the real broker, and reading the ledger topic back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import TransactionAborted
from connector.runtime.kafka.group import GroupConsumer
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up, ends_of, offsets_at, read_to_end
from connector.runtime.kafka.topics import Topics
from connector.runtime.messages import ConsumerMessage, message
from consumers.cohorts.ledger import Outgoing, remember_marker
from consumers.cohorts.recent import KEPT
from consumers.cohorts.store import Store
from schemas.codec import Codec, Undecodable
from schemas.keys import decode_key
from schemas.records import CohortEntry, Command, JournalEntry, LedgerEntry, PartitionMarker

_JOURNAL_READ = timedelta(hours=26)
"""How far back the journal is read into a fresh file: the day that counts, and some for clocks that differ."""


class KafkaLog:
    """A ``Log``: one transaction for ledger, journal, dead letters, alerts and the group's offsets."""

    def __init__(
        self, producer: TransactionalProducer, topics: Topics, codec: Codec, group: Callable[[], GroupConsumer]
    ) -> None:
        self._producer, self._codec, self._group = producer, codec, group
        self._names = {
            "ledger": topics.ledger,
            "journal": topics.journal,
            "deadletters": topics.deadletters,
            "alerts": topics.alerts,
        }

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        group = self._group()
        try:
            with self._producer.transaction() as transaction:
                for outgoing in records:
                    topic = self._names[outgoing.topic]
                    record = outgoing.record
                    value = None if record is None else self._codec.encode(topic, record)
                    transaction.put(topic, outgoing.key, value, outgoing.partition)
                transaction.offsets(
                    [group.position(partition, offset) for partition, offset in positions.items()], group.metadata
                )
        except TransactionAborted:
            return False
        return True


class KafkaRestorer:
    """A ``Restorer`` from the ledger topic, and the last day of the journal, into files of the state directory."""

    def __init__(
        self, connection: Connection, topics: Topics, codec: Codec, clock: Clock, directory: Path, identity: str
    ) -> None:
        """``identity``: ids of the ledger's and the journal's topics; a file made from others is thrown away."""
        self._connection, self._topics, self._codec, self._clock = connection, topics, codec, clock
        self._directory, self._identity = directory, identity

    def store_of(self, partition: int) -> Store:
        return Store(self._directory / f"{self._topics.ledger}-{partition}.sqlite", self._identity)

    def restore(self, stores: Mapping[int, Store]) -> None:
        self._read(self._topics.ledger, _starts(stores, "ledger_offset"), "ledger_offset", stores, self._apply)
        since = self._clock.now() - _JOURNAL_READ
        # What lies before that is of no use, and a file that was left weeks ago would take long.
        recent = offsets_at(self._connection, self._topics.journal, stores, int(since.timestamp() * 1000))
        starts = {p: max(start, recent[p]) for p, start in _starts(stores, "journal_offset").items()}
        self._read(self._topics.journal, starts, "journal_offset", stores, self._remember)
        for store in stores.values():
            store.recent.forget_before(self._clock.now() - KEPT)
            store.keep()

    def commands(self, partition: int, offset: int) -> list[Command]:
        topic, found = self._topics.commands, []
        for batch in read_to_end(self._connection, topic, {partition: offset}, self._clock):
            for record in batch:
                with suppress(Undecodable):  # it is set aside when the consumer follows its commands
                    command = self._codec.decode(record.value or b"")
                    if isinstance(command, Command):
                        found.append(command)
        return found

    def end_of(self, partition: int) -> int:
        return ends_of(self._connection, self._topics.memberships, [partition])[partition]

    def reached(self, partitions: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        if not partitions:
            return {}
        ends = {"ledger_offset": ends_of(self._connection, self._topics.ledger, partitions)}
        ends["journal_offset"] = ends_of(self._connection, self._topics.journal, partitions)
        return {partition: {fact: of[partition] for fact, of in ends.items()} for partition in partitions}

    def _read(
        self,
        topic: str,
        starts: Mapping[int, int],
        fact: str,
        stores: Mapping[int, Store],
        take: Callable[[Message, Store], None],
    ) -> None:
        """Read to the end and remember, as this fact, how far that was."""
        tail = Tail(self._connection, topic, starts)
        try:
            for batch in catch_up(tail, self._clock):
                for record in batch:
                    take(record, stores[record.partition])
            for partition, position in tail.positions.items():
                stores[partition].set_fact(fact, str(position))
        finally:
            tail.close()

    def _decode(self, record: Message, topic: str) -> object:
        """The record; None for one without a value.

        Raises:
            Halted: it cannot be decoded. Going on would forget what a later release wrote down.
        """
        try:
            return None if record.value is None else self._codec.decode(record.value)
        except Undecodable as error:
            raise Halted(message(ConsumerMessage.UNDECODABLE, topic=topic, reason=str(error))) from error

    def _remember(self, record: Message, store: Store) -> None:
        entry = self._decode(record, self._topics.journal)
        if isinstance(entry, JournalEntry):
            store.note(entry)

    def _apply(self, record: Message, store: Store) -> None:
        if record.value is None:
            take_back(record.key, store)
            return
        match self._decode(record, self._topics.ledger):
            case LedgerEntry() as entry:
                store.put(entry)
            case CohortEntry() as cohort:
                store.put_cohort(cohort)
            case PartitionMarker() as marker:
                remember_marker(store, marker)
            case _:
                pass  # of a later release, and none of our business


def take_back(key: bytes | None, store: Store) -> None:
    """A tombstone of the ledger: of a membership that was forgotten, or of something else, which is in no store."""
    match decode_key(key):
        case (str(cohort), str(student)):
            store.remove(cohort, student)
        case _:
            pass


def _starts(stores: Mapping[int, Store], fact: str) -> dict[int, int]:
    """Where to go on, by what each store remembers."""
    known = {partition: store.fact(fact) for partition, store in stores.items()}
    return {partition: BEGINNING if offset is None else int(offset) for partition, offset in known.items()}
