"""The breaker: how many members may leave in a rolling day. Pure.

It counts *intents* of removals, once per (cohort, student, revision), however often a removal is tried; what a person
released counts nowhere. A removal passes when its cohort and its partition both have room, or an allowance has. The
counts come from the partition's journal, so no restart begins them anew, and each partition's owner decides alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction

from consumers.cohorts.plan import Removal

DAY = timedelta(hours=24)
"""The rolling day."""
Mark = tuple[str, str, int]
"""A removal that counts once: cohort, student, revision."""
Place = str | int
"""Where is counted: a cohort by its idnumber, a partition by its number."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A removal that was about to be sent, or was sent."""

    cohort: str
    student: str
    revision: int
    allowance: str | None = None
    """Name of the allowance that it was done under."""
    shown: bool = False
    """Whether Moodle still shows the membership, or again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of the members may leave in a day without an allowance."""

    cohort_share: float = 0.1
    cohort_least: int = 5
    partition_share: float = 0.01
    partition_least: int = 2

    def of_cohort(self, members: int) -> int:
        """Most of a cohort of so many members: never more than half of it, rounded up."""
        return min(max(self.cohort_least, share_of(self.cohort_share, members)), half_of(members))

    def of_partition(self, members: int) -> int:
        """Most of a partition with so many memberships."""
        return max(self.partition_least, share_of(self.partition_share, members))


@dataclass(frozen=True, slots=True)
class Allowance:
    """More may leave for a while: the weeks in which groups change."""

    name: str
    cohorts: str
    """A glob over idnumbers."""
    begins: datetime
    ends: datetime
    share: float
    """Of a cohort's members, in a rolling day."""
    most: int | None = None
    """Of each partition's memberships, in a rolling day."""

    def covers(self, cohort: str) -> bool:
        return fnmatchcase(cohort, self.cohorts)

    def stands(self, now: datetime) -> bool:
        """Whether it has begun and not ended."""
        return self.begins <= now < self.ends


@dataclass(frozen=True, slots=True)
class Breaker:
    """A ``Budget``: what the last day has left at one moment."""

    limits: Limits
    allowances: tuple[Allowance, ...]
    """Those that stand at this moment, in the order in which they are tried."""
    partition_of: Callable[[str], int]
    members: Mapping[Place, int]
    """Of each cohort that is asked for, and of its partition, as they were before the day's removals."""
    spent: Mapping[Place, Mapping[str | None, int]]
    """Removals of the day in each of these places, by allowance; None is without one."""
    earlier: Mapping[Mark, str | None]
    """Removals that had their place before, and under which allowance."""
    charged: Mapping[Mark, str | None] = field(default_factory=dict)
    """Those that were charged since."""

    def charge(self, removal: Removal) -> Breaker | None:
        mark = mark_of(removal)
        if removal.released or mark in self.earlier or mark in self.charged:
            return self
        for allowance in self.allowances:
            if allowance.covers(removal.cohort) and self._allows(removal.cohort, allowance):
                return self._with(mark, allowance.name)
        return self._with(mark, None) if self._fits(removal.cohort) else None

    def allowance_of(self, removal: Removal) -> str | None:
        mark = mark_of(removal)
        return self.charged.get(mark, self.earlier.get(mark))

    def _allows(self, cohort: str, allowance: Allowance) -> bool:
        here = self._count(cohort, allowance.name) < share_of(allowance.share, self.members[cohort])
        in_all = self._count(self.partition_of(cohort), allowance.name)
        return here and (allowance.most is None or in_all < allowance.most)

    def _fits(self, cohort: str) -> bool:
        members, partition = self.members[cohort], self.partition_of(cohort)
        return (
            self._count(cohort, None) < self.limits.of_cohort(members)
            # An allowance may go beyond the half, but nothing comes on top of it then.
            and sum(self.spent[cohort].values()) < half_of(members)
            and self._count(partition, None) < self.limits.of_partition(self.members[partition])
        )

    def _count(self, place: Place, allowance: str | None) -> int:
        return self.spent[place].get(allowance, 0)

    def _with(self, mark: Mark, allowance: str | None) -> Breaker:
        spent = dict(self.spent)
        for place in (mark[0], self.partition_of(mark[0])):
            spent[place] = {**spent[place], allowance: spent[place].get(allowance, 0) + 1}
        return replace(self, spent=spent, charged={**self.charged, mark: allowance})


def open_breaker(
    limits: Limits,
    allowances: Sequence[Allowance],
    now: datetime,
    partition_of: Callable[[str], int],
    present: Mapping[Place, int],
    intents: Iterable[Intent],
    approved: Mapping[Mark, str | None],
) -> Breaker:
    """The budget at this moment.

    ``present``: how many memberships Moodle shows now, of the cohorts in question and of their partitions. ``intents``:
    of the last day, in these partitions. ``approved``: removals that were let pass and have no intent yet; their place is
    theirs as long as they stand here.
    """
    earlier = dict(approved)
    gone: set[tuple[str, str]] = set()
    for intent in intents:
        earlier[intent.cohort, intent.student, intent.revision] = intent.allowance
        if not intent.shown:
            gone.add((intent.cohort, intent.student))
    left = Counter(place for cohort, _ in gone for place in (cohort, partition_of(cohort)))
    spent: dict[Place, Counter[str | None]] = {place: Counter() for place in present}
    for (cohort, _, _), allowance in earlier.items():
        for place in (cohort, partition_of(cohort)):
            if place in spent:
                spent[place][allowance] += 1
    return Breaker(
        limits,
        tuple(allowance for allowance in allowances if allowance.stands(now)),
        partition_of,
        {place: shown + left[place] for place, shown in present.items()},
        spent,
        earlier,
    )


def mark_of(removal: Removal) -> Mark:
    """What counts once."""
    return removal.cohort, removal.student, removal.revision


def share_of(share: float, members: int) -> int:
    """So many, rounded down; exact for the share as it was written."""
    return int(Fraction(repr(share)) * members)


def half_of(members: int) -> int:
    """Half, rounded up."""
    return (members + 1) // 2
