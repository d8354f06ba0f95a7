"""What a person says of the partitions of a sink as wholes: sent into each, and answered by whoever owns it."""

from __future__ import annotations

import getpass
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from connector.commands.commanding import LIFE
from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base
from connector.runtime.errors import Unavailable
from connector.runtime.kafka.reading import BEGINNING, Tail
from connector.runtime.kafka.sending import Sender
from connector.runtime.messages import ReconcilerMessage, message
from schemas.codec import Undecodable
from schemas.keys import encode_key, name_in
from schemas.records import Command, JournalEntry, PartitionMarker

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of it."""

    followed: int
    """Partitions."""
    refused: Mapping[str, int]
    """Partitions, by reason."""


def markers(base: Base, sink: str) -> dict[int, PartitionMarker]:
    """The marker of each partition of the ledger; none of one in which no consumer has worked.

    Raises:
        KafkaFault: the ledger cannot be read.
    """
    found: dict[int, PartitionMarker] = {}
    for partition in range(base.settings.kafka.partitions):  # one at a time, so that memory stays bounded
        for record in latest(base, base.topics(sink).ledger, [partition], lambda key: len(key) == 1).values():
            if isinstance(record, PartitionMarker):
                found[record.partition] = record
    return found


def say(base: Base, sink: str, kind: str, marks: Mapping[int, str]) -> Answers:
    """Send a command of this kind into each of these partitions, with its hash, and wait for the answers.

    Raises:
        KafkaFault: not all were acknowledged.
        Unavailable: not all partitions have answered; what was said stands for a day.
    """
    names, partitions, now = base.topics(sink), base.settings.kafka.partitions, base.clock.now()
    journal = Tail(base.connection, names.journal, _ends(base, names.journal, marks))
    try:
        sender, waiting = Sender(base.connection, base.codec), set[str]()
        for partition, mark in marks.items():
            name = name_in(partition, partitions)
            command = Command(uuid.uuid4().hex, kind, name, getpass.getuser(), now, now + LIFE, hash=mark)
            sender.put(names.commands, encode_key(name), command, partition)
            waiting.add(command.id)
        sender.flush()
        return _answers(base, journal, waiting)
    finally:
        journal.close()


def _answers(base: Base, journal: Tail, waiting: set[str]) -> Answers:
    followed, refused = 0, Counter[str]()
    deadline = base.clock.monotonic() + base.settings.reconcile.answer_within.total_seconds()
    while waiting:
        for raw in journal.poll():
            try:
                record = base.codec.decode(raw.value or b"")
            except Undecodable:
                continue  # of a later release, and no answer to this
            if isinstance(record, JournalEntry) and (number := record.details.get("command")) in waiting:
                waiting.discard(number)
                if record.kind == "command_refused":
                    refused[record.reason or ""] += 1
                else:
                    followed += 1
        if base.clock.monotonic() > deadline:
            raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role="consumer"))
        base.clock.sleep(_LOOK_EVERY_S)
    return Answers(followed, dict(refused))


def _ends(base: Base, topic: str, partitions: Mapping[int, str]) -> dict[int, int]:
    tail = Tail(base.connection, topic, dict.fromkeys(partitions, BEGINNING))
    try:
        return tail.ends()
    finally:
        tail.close()
