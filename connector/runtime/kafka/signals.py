"""Asking the connector to look again, and hearing what becomes of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import Tail, ends_of
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.topics import Topics
from schemas.codec import Codec
from schemas.keys import encode_key
from schemas.records import Notification, Signal


@dataclass(frozen=True, slots=True)
class Followed:
    """Whose snapshot is taken in place of ours: it begins later than ours was asked for, so it says as much. Whoever began
    theirs anew in turn would only be begun anew by us. Pure.
    """

    asked: set[str] = field(default_factory=set)
    """Ids of our signals."""
    _in_place_of: dict[tuple[str, str], str] = field(default_factory=dict)
    """Id of ours, by source and id of the one that is followed."""

    def as_ours(self, heard: Notification) -> Notification:
        """What was heard, in our signal's name if it speaks of what is taken in its place."""
        ours = self._in_place_of.get((heard.source, heard.signal_id), heard.signal_id)
        heard = replace(heard, signal_id=ours)
        if ours not in self.asked or heard.instead is None or heard.instead in self.asked:
            return heard
        self._in_place_of[heard.source, heard.instead] = ours
        return replace(heard, phase="restarting")


class Signals:
    """Sends signals in the name of ``author``, and hears notifications that are written after it was made."""

    def __init__(self, connection: Connection, topics: Topics, codec: Codec, clock: Clock, author: str) -> None:
        self._topics, self._codec, self._clock, self._author = topics, codec, clock, author
        self._sender = Sender(connection, codec)
        self._followed = Followed()
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
        self._followed.asked.add(signal.id)
        self._sender.put(self._topics.signals, encode_key(signal.id), signal)
        self._sender.flush()
        return signal.id

    def heard(self) -> Iterable[Notification]:
        """Notifications since the last call. A snapshot that is taken in place of one that we asked for is told as ours."""
        for raw in self._tail.poll():
            record = self._codec.decode(raw.value or b"")
            if isinstance(record, Notification):
                yield self._followed.as_ours(record)

    def close(self) -> None:
        self._tail.close()
