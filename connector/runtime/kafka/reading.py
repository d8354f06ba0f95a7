"""Reading a topic by assignment: to its end, and on from there.

The end that counts is the end of what *may* be committed: a predecessor that is dying may still commit what it wrote.
Under ``read_committed`` the client's end stops before the first open transaction, so the end is asked for uncommitted,
and read committed until the position passes it. A position, not a count: transactions leave holes in the offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import translate, unavailable

BEGINNING = -2
"""librdkafka's logical offset of the first record."""
_QUIET = 30.0


@dataclass(frozen=True, slots=True)
class Message:
    """A record as Kafka holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int = 0
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def next_offset(self) -> int:
        """Where to go on after this record."""
        return self.offset + 1


def as_message(raw: Any) -> Message:
    """Our value of the client's message; of headers with one name the last counts."""
    headers = {name: value or b"" for name, value in raw.headers() or ()}
    return Message(raw.topic(), raw.partition(), raw.offset(), raw.key(), raw.value(), raw.timestamp()[1], headers)


def consume(consumer: Any, limit: int, timeout: float) -> Iterator[Any]:
    """What the client has, up to ``limit``; waits at most ``timeout`` seconds for the first. The client's own bulk call
    would wait for the whole time unless ``limit`` came together.
    """
    first = consumer.poll(timeout)
    if first is not None:
        yield first
        yield from consumer.consume(limit - 1, 0.0) if limit > 1 else ()


class Tail:
    """Reads given partitions of one topic from given offsets, for as long as one likes.

    Uncommitted and aborted records are never seen. Memory is bounded by the client's queue.
    """

    def __init__(self, connection: Connection, topic: str, starts: Mapping[int, int]) -> None:
        self.topic = topic
        self._connection = connection
        self._consumer: Any = connection.consumer(
            group_id=connection.name("cohortstream-reader"), enable_partition_eof=True, auto_offset_reset="earliest"
        )
        self._positions = dict(starts)
        self._assign()

    @property
    def positions(self) -> dict[int, int]:
        """Next offset by partition; behind holes as soon as the client has passed them."""
        return dict(self._positions)

    def watch(self, partition: int, start: int) -> None:
        """Read one more partition."""
        self._positions[partition] = start
        self._consumer.incremental_assign([TopicPartition(self.topic, partition, start)])

    def forget(self, partition: int) -> None:
        """Read this partition no longer."""
        if self._positions.pop(partition, None) is not None:
            self._consumer.incremental_unassign([TopicPartition(self.topic, partition)])

    def poll(self, limit: int = 5000, timeout: float = 0.0) -> list[Message]:
        """Up to ``limit`` records; waits at most ``timeout`` seconds for the first one.

        Raises:
            KafkaFault: see ``errors``.
        """
        messages = []
        for raw in consume(self._consumer, limit, timeout):
            error = raw.error()
            if error is None:
                message = as_message(raw)
                self._positions[message.partition] = message.next_offset
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's name
                self._positions[raw.partition()] = max(self._positions[raw.partition()], raw.offset())
            else:
                raise translate(error)
        return messages

    def ends(self) -> dict[int, int]:
        """The end of each partition, uncommitted records included: what a dying predecessor may still commit."""
        return ends_of(self._connection, self.topic, self._positions)

    def close(self) -> None:
        self._consumer.close()

    def _assign(self) -> None:
        try:
            self._consumer.assign([TopicPartition(self.topic, p, o) for p, o in self._positions.items()])
        except KafkaException as error:
            raise translate(error) from error


def ends_of(connection: Connection, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The end of each of these partitions, uncommitted records included, without reading anything of them.

    Raises:
        KafkaFault: see ``errors``.
    """
    reader: Any = connection.consumer(
        group_id=connection.name("cohortstream-reader"), isolation_level="read_uncommitted"
    )
    try:
        return {p: reader.get_watermark_offsets(TopicPartition(topic, p), 10.0)[1] for p in partitions}
    except KafkaException as error:
        raise translate(error) from error
    finally:
        reader.close()


def read_to_end(
    connection: Connection, topic: str, starts: Mapping[int, int], clock: Clock, limit: int = 5000
) -> Iterator[list[Message]]:
    """Batches of records from ``starts`` to the end of what may be committed now.

    Raises:
        BrokerUnavailable: no progress for half a minute (longer than any transaction may stay open).
    """
    tail = Tail(connection, topic, starts)
    try:
        yield from catch_up(tail, clock, limit)
    finally:
        tail.close()


def catch_up(tail: Tail, clock: Clock, limit: int = 5000) -> Iterator[list[Message]]:
    """As ``read_to_end``, on a tail that goes on being used afterwards."""
    ends = tail.ends()
    moved = clock.monotonic()
    while behind := {p for p, end in ends.items() if tail.positions[p] < end}:
        before = tail.positions
        if batch := tail.poll(limit, 0.1):
            yield batch
        if tail.positions != before:
            moved = clock.monotonic()
        elif clock.monotonic() - moved > _QUIET:
            raise unavailable(f"no progress in reading partitions {sorted(behind)} of {tail.topic}")


def offsets_at(connection: Connection, topic: str, partitions: Iterable[int], timestamp_ms: int) -> dict[int, int]:
    """The first offset at or after a time, by partition; the end where there is none."""
    reader: Any = connection.consumer(group_id=connection.name("cohortstream-reader"))
    try:
        wanted = [TopicPartition(topic, p, timestamp_ms) for p in partitions]
        found = reader.offsets_for_times(wanted, 10.0)
        return {
            tp.partition: tp.offset
            if tp.offset >= 0
            else reader.get_watermark_offsets(TopicPartition(topic, tp.partition), 10.0)[1]
            for tp in found
        }
    except KafkaException as error:
        raise translate(error) from error
    finally:
        reader.close()
