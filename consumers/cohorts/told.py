"""What all consumers have said in alerts, read on from the beginning of the topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up
from schemas.codec import Codec, Undecodable
from schemas.records import Alert


class Told:
    """See the module."""

    def __init__(self, connection: Connection, topic: str, codec: Codec, clock: Clock) -> None:
        self._codec, self._clock = codec, clock
        self._tail = Tail(connection, topic, {0: BEGINNING})

    def standing(self) -> list[Alert]:
        """The last word of every alert, up to the end as it is now.

        Raises:
            KafkaFault: the topic cannot be read.
        """
        batches = catch_up(self._tail, self._clock)
        return list({alert.key: alert for batch in batches for alert in self._decoded(batch)}.values())

    def poll(self) -> list[Alert]:
        """What was said since then.

        Raises:
            KafkaFault: the topic cannot be read.
        """
        return list(self._decoded(self._tail.poll()))

    def close(self) -> None:
        self._tail.close()

    def _decoded(self, batch: Iterable[Message]) -> Iterator[Alert]:
        for message in batch:
            with suppress(Undecodable):  # of a release that is not ours: then it is not ours to clear
                record = self._codec.decode(message.value or b"")
                if isinstance(record, Alert):
                    yield record
