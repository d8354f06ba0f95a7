"""Transactions: records, and a group's offsets, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from connector.runtime.kafka.connection import Connection, header_list
from connector.runtime.kafka.errors import Fenced, KafkaFault, TransactionAborted, translate, unavailable
from connector.runtime.messages import KafkaMessage, message

TRANSACTION_TIMEOUT = 15.0
"""Seconds after which the broker gives up a transaction. Short, because an open one hides everything behind it from
readers of committed records."""


class Transaction:
    """An open transaction; lives inside ``TransactionalProducer.transaction``."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._failed: KafkaFault | None = None

    def put(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int = 0,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Add a record; ``value`` None is a tombstone.

        Raises:
            KafkaFault: see ``errors``.
        """
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition, headers=header_list(headers), on_delivery=self._delivered
                )
                return
            except BufferError:  # the local queue is full: let deliveries make room
                self._producer.poll(0.1)
            except KafkaException as error:
                raise translate(error) from error

    def offsets(self, positions: Iterable[TopicPartition], group_metadata: Any) -> None:
        """Commit these positions of a group with the transaction; fails when the group's generation has moved on.

        Records are delivered first: rolling back while some are on their way makes the client fail the next
        transaction too ("skipped sequence numbers").
        """
        _flush(self._producer, TRANSACTION_TIMEOUT)
        self.check()
        try:
            self._producer.send_offsets_to_transaction(list(positions), group_metadata, TRANSACTION_TIMEOUT)
        except KafkaException as error:
            raise translate(error) from error

    def check(self) -> None:
        """Raise what a delivery has reported."""
        if self._failed:
            raise self._failed

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None and self._failed is None:
            self._failed = translate(error)


class TransactionalProducer:
    """One transactional id. After ``Fenced`` it is of no more use."""

    def __init__(self, connection: Connection, transactional_id: str) -> None:
        self._producer: Any = connection.producer(
            transactional_id=connection.name(transactional_id),
            transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000),
        )
        self._fenced = False

    def initialise(self, timeout: float = 30.0) -> None:
        """Fence every earlier producer of this id and finish what it left open. Call once, first."""
        try:
            self._producer.init_transactions(timeout)
        except KafkaException as error:
            raise self._translated(error) from error

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block, and is rolled back when the block raises.

        Raises:
            TransactionAborted: nothing of it counts; do the work again.
            Fenced: another instance has taken over; whether the commit happened is for the topic to say.
            BrokerUnavailable: the outcome of the commit is unknown until the producer is initialised anew.
        """
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._translated(error) from error
        transaction = Transaction(self._producer)
        try:
            yield transaction
            _flush(self._producer, TRANSACTION_TIMEOUT)
            transaction.check()
        except BaseException as error:
            self._abort(error)
            raise
        self._commit()

    def close(self) -> None:
        """Give queued deliveries a last moment; open transactions were ended by their block."""
        if not self._fenced:  # then nothing of it can be delivered
            _flush(self._producer, 1.0)

    def _commit(self) -> None:
        while True:
            try:
                self._producer.commit_transaction(TRANSACTION_TIMEOUT)
                return
            except KafkaException as error:
                cause = error.args[0]
                if cause.txn_requires_abort():
                    self._abort(error)
                    raise TransactionAborted(message(KafkaMessage.ABORTED, reason=cause.str())) from error
                if not cause.retriable():
                    raise self._translated(error) from error
                # A retriable failure of a commit may only be tried again: its outcome is open.

    def _abort(self, cause: BaseException) -> None:
        if isinstance(cause, Fenced):
            self._fenced = True
            return  # the broker has ended it already, and a fenced producer can do nothing
        try:
            self._producer.abort_transaction(TRANSACTION_TIMEOUT)
        except KafkaException as error:
            raise self._translated(error) from cause

    def _translated(self, error: KafkaException) -> KafkaFault:
        fault = translate(error)
        self._fenced |= isinstance(fault, Fenced)
        return fault


def _flush(producer: Any, seconds: float) -> None:
    try:
        producer.flush(seconds)
    except SystemError as error:
        # One that had met a fatal error failed without saying why (confluent-kafka 2.16). What comes next tells it.
        raise unavailable(str(error)) from error
