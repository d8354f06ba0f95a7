"""Removals that the guard let pass and that are not sent yet: on what that was decided, and for how long it holds.

The cohort of each is locked as long as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from consumers.cohorts.desk import Desk
from consumers.cohorts.plan import Removal

_FRESH = 5.0
"""Seconds for which what was read of a cohort is good enough to remove by. Calls are short, so most go far sooner."""


@dataclass(frozen=True, slots=True)
class Approval:
    """On what a removal was approved."""

    at: float
    """Monotonic."""
    members: Mapping[str, AbstractSet[int]]
    keys: AbstractSet[str]
    """That the account carried, normalised. Which of them are wanted is for the moment of the call."""
    allowance: str | None
    """What it passes under, for the journal."""


class Approvals:
    """By removal, in the order in which they were approved."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._standing: dict[Removal, Approval] = {}

    def __len__(self) -> int:
        return len(self._standing)

    def __iter__(self) -> Iterator[Removal]:
        return iter(self._standing)

    def __getitem__(self, removal: Removal) -> Approval:
        return self._standing[removal]

    def allowances(self) -> dict[Removal, str | None]:
        """What keeps its place in the budget: these have no intent yet."""
        return {removal: approval.allowance for removal, approval in self._standing.items()}

    def grant(self, removal: Removal, approval: Approval) -> None:
        """The guard let it pass."""
        self._desk.crew.lock([removal.cohort])
        self._standing[removal] = approval

    def withdraw(self, removal: Removal) -> None:
        """It is prepared, which has locks of its own, or it is to be read and planned again."""
        del self._standing[removal]
        self._desk.crew.unlock([removal.cohort])

    def withdraw_stale(self) -> None:
        """What was read before a pause of Moodle, or too long ago, is read and planned again: the entry is still due."""
        oldest = max(self._desk.clock.monotonic() - _FRESH, self._desk.pause.failed_at)
        for removal, approval in list(self._standing.items()):
            if approval.at <= oldest:
                self.withdraw(removal)

    def forget(self, partitions: AbstractSet[int]) -> None:
        """Partitions are about to be ours no longer."""
        for removal in list(self._standing):
            if self._desk.ledger.partition_of(removal.cohort) in partitions:
                self.withdraw(removal)
