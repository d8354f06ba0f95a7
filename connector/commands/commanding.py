"""Sending commands to the consumers, which follow them through plan and guard."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.commands.wiring.base import Base
from connector.runtime.kafka.sending import Sender
from schemas.keys import encode_key, partition_of
from schemas.records import Command

LIFE = timedelta(hours=24)
"""After this a command that nobody has followed is ignored."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a command is about."""

    cohort: str
    student: str | None = None
    revision: int | None = None
    offset: int | None = None


def new_command(kind: str, cohort: str, now: datetime) -> Command:
    """A command in the name of whoever runs this."""
    return Command(uuid.uuid4().hex, kind, cohort, getpass.getuser(), now, now + LIFE)


def send_commands(base: Base, sink: str, kind: str, orders: Iterable[Order], mark: str | None = None) -> int:
    """Send a command for each order, in the name of whoever runs this; how many.

    Raises:
        KafkaFault: not all were acknowledged.
    """
    sender, topic = Sender(base.connection, base.codec), base.topics(sink).commands
    now, count = base.clock.now(), 0
    for order in orders:
        command = replace(
            new_command(kind, order.cohort, now),
            student=order.student,
            revision=order.revision,
            hash=mark,
            offset=order.offset,
        )
        partition = partition_of(order.cohort, base.settings.kafka.partitions)
        sender.put(topic, encode_key(order.cohort), command, partition)
        count += 1
    sender.flush()
    return count
