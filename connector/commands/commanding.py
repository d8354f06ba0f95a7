"""Sending commands to the consumers, which follow them through plan and guard."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base
from connector.runtime.kafka.sending import Sender
from schemas.keys import encode_key, partition_of
from schemas.records import Command, EntryStatus, LedgerEntry

LIFE = timedelta(hours=24)
"""After this a command that nobody has followed is ignored."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a command is about."""

    cohort: str
    student: str | None = None
    revision: int | None = None


def send_commands(base: Base, sink: str, kind: str, orders: Iterable[Order], mark: str | None = None) -> int:
    """Send a command for each order, in the name of whoever runs this; how many.

    Raises:
        KafkaFault: not all were acknowledged.
    """
    sender, topic = Sender(base.connection, base.codec), base.topics(sink).commands
    now, count = base.clock.now(), 0
    for order in orders:
        command = Command(
            id=uuid.uuid4().hex,
            kind=kind,
            cohort=order.cohort,
            author=getpass.getuser(),
            issued_at=now,
            expires_at=now + LIFE,
            student=order.student,
            revision=order.revision,
            hash=mark,
        )
        partition = partition_of(order.cohort, base.settings.kafka.partitions)
        sender.put(topic, encode_key(order.cohort), command, partition)
        count += 1
    sender.flush()
    return count


def held_removals(base: Base, sink: str) -> list[LedgerEntry]:
    """Every removal that is held now, in a stable order."""
    return sorted(_held(base, sink), key=lambda entry: (entry.cohort, entry.student))


def mark_of(entries: Iterable[LedgerEntry]) -> str:
    """The hash that stands for exactly this list: who, where, and the revision that says so."""
    text = "\n".join(f"{entry.cohort}\t{entry.student}\t{entry.desired_revision}" for entry in entries)
    return sha256(text.encode()).hexdigest()[:12]


def _held(base: Base, sink: str) -> Iterator[LedgerEntry]:
    topic = base.topics(sink).ledger
    for partition in range(base.settings.kafka.partitions):  # one at a time, so that memory stays bounded
        for record in latest(base, topic, [partition], lambda key: len(key) == 2).values():
            if isinstance(record, LedgerEntry) and record.status is EntryStatus.HELD:
                yield record
