"""The notifier's topics: alerts and checkpoints are read, what was told is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.group import NOTIFIER_GROUP, Elector
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up, read_to_end
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import Log
from consumers.notifier.book import Book
from consumers.notifier.polls import PollAges
from schemas.codec import Codec, Undecodable
from schemas.keys import Key, KeyFault, decode_key, encode_key
from schemas.records import Alert, AlertTold, Checkpoint, Record

_WAIT_S = 1.0
_TRIAL = encode_key("", "")
"""Key of a tombstone that means nothing: no recipient has an empty name."""
_log = Log("notify")


class OfficeByTopics:
    """An ``Office``. Which one sends is elected over the partition of the alerts."""

    def __init__(self, connection: Connection, topics: Topics, codec: Codec, clock: Clock) -> None:
        self._connection, self._topics, self._codec, self._clock = connection, topics, codec, clock
        self._elector = Elector(connection, topics.alerts, NOTIFIER_GROUP)
        self._sender = Sender(connection, codec)
        self._tails: list[Tail] = []

    def elected(self) -> bool:
        holding = self._elector.poll(_WAIT_S)
        if not holding:
            self._close_tails()
        return holding

    def open(self) -> Book:
        book = Book(PollAges(self._clock.now()))
        self._close_tails()
        # If what was told could not be noted, it would be told again and again: so that is tried before anything is told.
        self._sender.put(self._topics.told, _TRIAL, None)
        self._sender.flush()
        for batch in read_to_end(self._connection, self._topics.told, {0: BEGINNING}, self._clock):
            self._each(batch, lambda key, record, _: _enter_told(book, key, record))
        for topic in (self._topics.alerts, self._topics.checkpoints):
            tail = Tail(self._connection, topic, {0: BEGINNING})
            self._tails.append(tail)
            for batch in catch_up(tail, self._clock):
                self._enter(book, batch)
        return book

    def renew(self, book: Book) -> None:
        for tail in self._tails:
            self._enter(book, tail.poll())

    def write(self, alerts: Sequence[Alert], told: Sequence[AlertTold], forgotten: Sequence[AlertTold]) -> None:
        for alert in alerts:
            self._sender.put(self._topics.alerts, encode_key(alert.key), alert)
        for record in told:
            self._sender.put(self._topics.told, encode_key(record.recipient, record.key), record)
        for record in forgotten:
            self._sender.put(self._topics.told, encode_key(record.recipient, record.key), None)
        self._sender.flush()

    def close(self) -> None:
        self._close_tails()
        self._elector.close()

    def _close_tails(self) -> None:
        for tail in self._tails:
            tail.close()
        self._tails.clear()

    def _enter(self, book: Book, batch: Sequence[Message]) -> None:
        now = self._clock.now()

        def enter(key: Key, record: Record | None, written_at: datetime) -> None:
            if isinstance(record, Alert):
                book.hear(record, now)
            elif isinstance(record, Checkpoint):
                book.hear_poll(record, written_at)
            elif record is None and len(key) == 1:
                book.lose(str(key[0]))

        self._each(batch, enter)

    def _each(self, batch: Sequence[Message], enter: Callable[[Key, Record | None, datetime], None]) -> None:
        """Decode what concerns us. Most of the checkpoints' topic are values of student columns and suspects."""
        for found in batch:
            try:
                key = decode_key(found.key)
                if found.topic == self._topics.checkpoints and key[:1] != ("checkpoint",):
                    continue
                record = None if found.value is None else self._codec.decode(found.value)
            except (KeyFault, Undecodable) as fault:  # of another release: nothing that could be told
                _log.warning("alerts.undecodable", topic=found.topic, offset=found.offset, reason=str(fault))
                continue
            enter(key, record, datetime.fromtimestamp(found.timestamp_ms / 1000, UTC))


def _enter_told(book: Book, key: Key, record: Record | None) -> None:
    if isinstance(record, AlertTold):
        book.remember([record])
    elif record is None and len(key) == 2:
        book.forget(str(key[0]), str(key[1]))
