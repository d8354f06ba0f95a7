"""Reading topics for commands: the latest record of each key, decoded; an alert that stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from connector.commands.wiring.base import Base
from connector.runtime.kafka.reading import BEGINNING, Message, read_to_end
from schemas.codec import Undecodable
from schemas.keys import Key, KeyFault, decode_key
from schemas.records import Alert, AlertState, Record


def messages(base: Base, topic: str, partitions: Iterable[int]) -> Iterator[Message]:
    """Everything that the topic holds of these partitions, in order within each."""
    for batch in read_to_end(base.connection, topic, dict.fromkeys(partitions, BEGINNING), base.clock):
        yield from batch


def decoded(base: Base, found: Iterable[Message]) -> Iterator[tuple[Message, Key, Record | None]]:
    """With key and record; None for a tombstone. Poison is passed over: the consumer has dead-lettered it."""
    for message in found:
        try:
            key = decode_key(message.key)
            record = None if message.value is None else base.codec.decode(message.value)
        except (KeyFault, Undecodable):
            continue
        yield message, key, record


def latest(
    base: Base, topic: str, partitions: Iterable[int], wanted: Callable[[Key], bool] = lambda _: True
) -> dict[Key, Record]:
    """The record that counts, by key. Keeps what is ``wanted`` only, so that memory is bounded by the answer."""
    raw: dict[Key, Message] = {}
    for message in messages(base, topic, partitions):
        try:
            key = decode_key(message.key)
        except KeyFault:
            continue
        if wanted(key):
            if message.value is None:
                raw.pop(key, None)
            else:
                raw[key] = message
    return {key: record for _, key, record in decoded(base, raw.values()) if record is not None}


def raised_alert(base: Base, key: str) -> Alert | None:
    """The alert that stands under this key; None if none does.

    Raises:
        KafkaFault: the alerts cannot be read.
    """
    alert = latest(base, base.topics().alerts, [0], lambda found: found == (key,)).get((key,))
    return alert if isinstance(alert, Alert) and alert.state is AlertState.RAISED else None
