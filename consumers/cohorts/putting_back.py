"""Putting dead letters back: the record that was set aside is read once more, and taken in by the gate like any other.

Its bytes come from the memberships topic, not from the dead letters: if compaction has removed it there, a later record
of the same key has superseded it, and there is nothing to put back. In any case its key is compared with Moodle.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from connector.runtime.kafka.reading import Message
from consumers.cohorts.desk import Desk
from consumers.cohorts.intake import Intake
from consumers.cohorts.positions import Hold
from consumers.cohorts.rechecks import Rechecks
from schemas.records import Command

Place = tuple[int, int]
"""Partition and offset in the memberships topic."""


@dataclass(frozen=True, slots=True)
class Again:
    """A record of the memberships topic that was asked for once more."""

    partition: int
    offset: int
    message: Message | None
    """None: it is not on the topic any more."""


class PuttingBack:
    """Remembers which commands wait for which record."""

    def __init__(self, desk: Desk, rechecks: Rechecks, intake: Intake) -> None:
        self._desk, self._rechecks, self._intake = desk, rechecks, intake
        self._awaited: dict[Place, list[tuple[Command, Hold]]] = {}
        self._unasked: list[Place] = []

    @property
    def waiting(self) -> int:
        """Records that are being read."""
        return len(self._awaited)

    def ask(self, command: Command, offset: int, hold: Hold) -> None:
        """Read the record at this offset of the command's partition again; ``hold`` is the command's own place."""
        place = (self._desk.ledger.partition_of(command.cohort), offset)
        if place not in self._awaited:
            self._unasked.append(place)
        self._awaited.setdefault(place, []).append((command, hold))

    def wanted(self) -> list[Place]:
        """Places to read that were not told before."""
        wanted, self._unasked = self._unasked, []
        return wanted

    def heard(self, found: Iterable[Again], now: datetime) -> None:
        """Take in what was read, then have its key compared with Moodle; the commands are worked off with that."""
        for again in found:
            waiting = self._awaited.pop((again.partition, again.offset), ())
            if not waiting or again.partition not in self._desk.ledger.owned:
                continue
            answer, reason = (
                ("compacted", None) if again.message is None else self._intake.take_again(again.message, now)
            )
            for command, hold in waiting:
                self._desk.answer(command, "put_back", now, reason=reason, answer=answer, offset=str(command.offset))
                self._rechecks.ask(command.cohort, command.student, now, hold)

    def forget(self, partitions: AbstractSet[int]) -> None:
        """Partitions are ours no longer; the commands stay held and are read again by whoever has them."""
        self._awaited = {place: asked for place, asked in self._awaited.items() if place[0] not in partitions}
        self._unasked = [place for place in self._unasked if place[0] not in partitions]
