"""Asking the connector to look again, and hearing what becomes of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import Tail, ends_of
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.topics import Topics
from schemas.codec import Codec
from schemas.keys import encode_key
from schemas.records import Notification, Signal


class Signals:
    """Sends signals in the name of ``author``, and hears notifications that are written after it was made."""

    def __init__(self, connection: Connection, topics: Topics, codec: Codec, clock: Clock, author: str) -> None:
        self._topics, self._codec, self._clock, self._author = topics, codec, clock, author
        self._sender = Sender(connection, codec)
        self._tail = Tail(connection, topics.notifications, ends_of(connection, topics.notifications, [0]))

    def ask(
        self,
        kind: str,
        source: str | None = None,
        *,
        students: tuple[str, ...] = (),
        cohorts: tuple[str, ...] = (),
        mark: str | None = None,
    ) -> str:
        """Send a signal; its id. ``mark`` is the hash of what a person has seen.

        Raises:
            KafkaFault: it was not acknowledged.
        """
        signal = Signal(
            id=uuid.uuid4().hex,
            kind=kind,
            author=self._author,
            issued_at=self._clock.now(),
            source=source,
            students=students,
            cohorts=cohorts,
            hash=mark,
        )
        self._sender.put(self._topics.signals, encode_key(signal.id), signal)
        self._sender.flush()
        return signal.id

    def heard(self) -> Iterable[Notification]:
        """Notifications since the last call."""
        for raw in self._tail.poll():
            record = self._codec.decode(raw.value or b"")
            if isinstance(record, Notification):
                yield record

    def close(self) -> None:
        self._tail.close()
