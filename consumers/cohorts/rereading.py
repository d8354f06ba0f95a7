"""Reading single records of the memberships topic once more, beside the group that reads it from end to end."""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import Tail
from consumers.cohorts.putting_back import Again, Place


class Rereading:
    """One record after the other, without waiting for any. A client is open only while there is something to read."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection, self._topic = connection, topic
        self._queue: deque[Place] = deque()
        self._tail: Tail | None = None

    @property
    def waiting(self) -> int:
        """Records that have not come yet."""
        return len(self._queue)

    def ask(self, partition: int, offset: int) -> None:
        """Read this one; it must lie before the end of what was committed."""
        self._queue.append((partition, offset))

    def poll(self) -> list[Again]:
        """What has come since the last time.

        Raises:
            KafkaFault: see ``Tail``.
        """
        if not self._queue:
            return []
        partition, offset = self._queue[0]
        if self._tail is None:
            self._tail = Tail(self._connection, self._topic, {partition: offset})
        messages = self._tail.poll(1)
        if self._tail.positions[partition] <= offset:
            return []
        # What comes first from there on is another record, or the end, if compaction has removed the one.
        found = next((message for message in messages if message.offset == offset), None)
        self._queue.popleft()
        self.close()
        return [Again(partition, offset, found)]

    def forget(self, partitions: AbstractSet[int]) -> None:
        """What was asked of these is wanted no longer."""
        if self._queue and self._queue[0][0] in partitions:
            self.close()
        self._queue = deque(place for place in self._queue if place[0] not in partitions)

    def close(self) -> None:
        """Stop reading for now."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None
