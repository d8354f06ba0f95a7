"""Single records outside any transaction: signals, commands, alerts of commands."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import translate, unavailable
from schemas.codec import Codec
from schemas.records import Record

_ACKNOWLEDGED_WITHIN = 15.0


class Sender:
    """Sends records and waits until all brokers that must have them do."""

    def __init__(self, connection: Connection, codec: Codec) -> None:
        self._producer: Any = connection.producer(message_timeout_ms=int(_ACKNOWLEDGED_WITHIN * 1000))
        self._codec = codec
        self._failed: list[Any] = []

    def put(self, topic: str, key: bytes, record: Record | None, partition: int = 0) -> None:
        """Queue a record, or with None a tombstone; ``flush`` says whether it arrived."""
        value = None if record is None else self._codec.encode(topic, record)
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._delivered)
                return
            except BufferError:  # the local queue is full: let deliveries make room
                self._producer.poll(0.1)
            except KafkaException as error:
                raise translate(error) from error

    def flush(self) -> None:
        """Wait for every queued record.

        Raises:
            KafkaFault: one was not acknowledged; it may have arrived all the same.
        """
        left = self._producer.flush(_ACKNOWLEDGED_WITHIN)
        failed, self._failed = self._failed, []
        if failed:
            raise translate(failed[0])
        if left:
            raise unavailable(f"{left} records were not acknowledged in {_ACKNOWLEDGED_WITHIN:g} s")

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None:
            self._failed.append(error)
