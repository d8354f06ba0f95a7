"""Dead letters: what cannot be used is set aside with its bytes, and too much of it in a short time is an alarm."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from connector.runtime.errors import Stage
from connector.runtime.kafka.reading import Message
from consumers.cohorts.desk import Desk
from schemas.records import DeadLetter


class Letters:
    """Sets records of any topic aside."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lately: deque[datetime] = deque()
        self.overflowing = False
        """Too many in a short time: nothing more must be taken in until a person has looked."""

    def set_aside(self, message: Message, stage: Stage, reason: str, now: datetime) -> None:
        """This record cannot be used."""
        position = f"{message.topic}/{message.partition}/{message.offset}"
        trace = self._desk.witness.dead_letter(stage, message.headers, position, now)
        self._desk.ledger.set_aside(
            DeadLetter(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                key=message.key,
                value=message.value,
                headers=dict(message.headers),
                stage=stage,
                reason=reason,
                trace_id=trace,
                at=now,
            )
        )
        settings = self._desk.settings
        self._lately.append(now)
        while self._lately[0] < now - settings.dead_letter_window:
            self._lately.popleft()
        self.overflowing = self.overflowing or len(self._lately) > settings.dead_letter_limit
