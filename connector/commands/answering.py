"""Sending commands to the consumers and waiting for what they say: each is answered once, in the journal."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from connector.commands.wiring.base import Base
from connector.runtime.errors import Unavailable
from connector.runtime.kafka.reading import Tail, ends_of
from connector.runtime.kafka.sending import Sender
from connector.runtime.messages import ReconcilerMessage, message
from schemas.codec import Undecodable
from schemas.records import Command, JournalEntry

REFUSED = "command_refused"
"""Kind of the answer that says why a command is not followed."""
_LOOK_EVERY_S = 0.25

Question = tuple[int, bytes, Command]
"""A command, and the partition and the key that it is sent with."""


def ask(base: Base, sink: str, questions: Collection[Question]) -> list[JournalEntry]:
    """Send these commands; the answers, one to each, as they came.

    Raises:
        KafkaFault: not all were acknowledged.
        Unavailable: not all were answered in time; what was sent stands for a day.
    """
    names = base.topics(sink)
    ends = ends_of(base.connection, names.journal, {partition for partition, _, _ in questions})
    with closing(Tail(base.connection, names.journal, ends)) as journal:
        sender = Sender(base.connection, base.codec)
        for partition, key, command in questions:
            sender.put(names.commands, key, command, partition)
        sender.flush()
        return _answers(base, journal, {command.id for _, _, command in questions})


def _answers(base: Base, journal: Tail, waiting: set[str]) -> list[JournalEntry]:
    found: list[JournalEntry] = []
    deadline = base.clock.monotonic() + base.settings.reconcile.answer_within.total_seconds()
    while True:
        for raw in journal.poll():
            try:
                record = base.codec.decode(raw.value or b"")
            except Undecodable:
                continue  # of a later release, and no answer to these
            if isinstance(record, JournalEntry) and (number := record.details.get("command")) in waiting:
                waiting.discard(number)
                found.append(record)
        if not waiting:
            return found
        if base.clock.monotonic() > deadline:
            raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role="consumer"))
        base.clock.sleep(_LOOK_EVERY_S)
