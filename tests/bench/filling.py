"""Filling a ledger's topic with what a consumer would have left there."""

from __future__ import annotations

from collections.abc import Iterable

from connector.runtime.kafka.connection import Connection
from schemas.codec import SingleObjectCodec
from schemas.records import Record

_LONGEST = 300.0


def write_ledger(connection: Connection, topic: str, records: Iterable[tuple[bytes, Record, int]]) -> None:
    """Write records with their keys and partitions, and wait for them.

    Raises:
        ValueError: not all were acknowledged.
    """
    codec, producer = SingleObjectCodec(), connection.producer(linger_ms=50)
    for key, record, partition in records:
        value = codec.encode(topic, record)
        while True:
            try:
                producer.produce(topic, value, key, partition)
                break
            except BufferError:  # the local queue is full; its records are sent, or given up by the client
                producer.poll(0.1)
    if left := producer.flush(_LONGEST):
        raise ValueError(f"{left} records of {topic} could not be written")
