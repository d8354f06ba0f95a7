"""The ledger's transactions on the real broker, and reading the ledger topic back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import TransactionAborted
from connector.runtime.kafka.group import GroupConsumer
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up
from connector.runtime.kafka.topics import Topics
from connector.runtime.messages import ConsumerMessage, message
from consumers.cohorts.ledger import Outgoing, remember_marker
from consumers.cohorts.store import Store
from schemas.codec import Codec, Undecodable
from schemas.records import CohortEntry, LedgerEntry, PartitionMarker


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
                    value = self._codec.encode(topic, outgoing.record)
                    transaction.put(topic, outgoing.key, value, outgoing.partition)
                transaction.offsets(
                    [group.position(partition, offset) for partition, offset in positions.items()], group.metadata
                )
        except TransactionAborted:
            return False
        return True


class KafkaRestorer:
    """A ``Restorer`` from the ledger topic into files of the state directory."""

    def __init__(
        self, connection: Connection, topics: Topics, codec: Codec, clock: Clock, directory: Path, identity: str
    ) -> None:
        """``identity``: ids of the ledger's topic; a file made from another one is thrown away."""
        self._connection, self._topics, self._codec, self._clock = connection, topics, codec, clock
        self._directory, self._identity = directory, identity

    def store_of(self, partition: int) -> Store:
        return Store(self._directory / f"{self._topics.ledger}-{partition}.sqlite", self._identity)

    def restore(self, stores: Mapping[int, Store]) -> None:
        starts = {partition: store.fact("ledger_offset") for partition, store in stores.items()}
        offsets = {partition: BEGINNING if start is None else int(start) for partition, start in starts.items()}
        tail = Tail(self._connection, self._topics.ledger, offsets)
        try:
            for batch in catch_up(tail, self._clock):
                for record in batch:
                    self._apply(record, stores[record.partition])
            for partition, position in tail.positions.items():
                stores[partition].set_fact("ledger_offset", str(position))
        finally:
            tail.close()
        for store in stores.values():
            store.keep()

    def reached(self, partitions: Collection[int]) -> Mapping[int, int]:
        if not partitions:
            return {}
        tail = Tail(self._connection, self._topics.ledger, dict.fromkeys(partitions, BEGINNING))
        try:
            return tail.ends()
        finally:
            tail.close()

    def _apply(self, record: Message, store: Store) -> None:
        if record.value is None:
            return
        try:
            entry = self._codec.decode(record.value)
        except Undecodable as error:
            # Going on would forget what a later release wrote down.
            raise Halted(message(ConsumerMessage.UNDECODABLE, topic=self._topics.ledger, reason=str(error))) from error
        match entry:
            case LedgerEntry():
                store.put(entry)
            case CohortEntry():
                store.put_cohort(entry)
            case PartitionMarker():
                remember_marker(store, entry)
            case _:
                pass  # of a later release, and none of our business
