"""Numbers that have not come yet: which of a sequence's numbers are waited for, and until when. Pure.

A sequence gives out its numbers in order, but rows show when their transactions commit, in any order. So below the
highest number read, the *position*, numbers may be missing, and nobody can tell why: their transaction is still open or
was rolled back, another instance keeps a block of them in its cache, another table took them, or their row bears a
newer number by now. All are waited for alike, as *gaps*.

The promise: let every read ask for all gaps and for everything above the position, and let ``opened_at`` be the clock
before the read that found a number missing. If that number's row commits no later than ``opened_at`` + patience, one of
the reads brings it. For a gap is given up by a read that asked for it once more, later than that.

It does not cost more than it must: what a read brings splits the gaps, and if more than ``MOST`` are left, neighbours
become one again, at the price of reading the numbers between them once more. Only gaps that opened at about the same
time are joined, so that a stream of new ones does not keep the old ones alive: joining makes a gap live longer by no
more than ``patience / 32``, however often it happens.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest

MOST = 64
"""Gaps in a checkpoint, and ranges in a query."""
_AGES = 32
"""Gaps are joined only within one of so many parts of the patience. Well below ``MOST``: one gap of each always fits."""
_SHORTEST_AGE = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that are waited for."""

    low: int
    high: int
    """Included."""
    opened_at: datetime
    """The database's clock before the read that found them missing; UTC."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sequence has been read."""

    position: int
    """The highest number read."""
    gaps: tuple[Gap, ...] = ()
    """Below the position; in ascending order, apart from each other. A later one did not open earlier."""

    def awaits(self, number: int) -> bool:
        """Whether a read that asks for everything would bring this number."""
        if number > self.position:
            return True
        after = bisect_right(self.gaps, number, key=lambda gap: gap.low)
        return after > 0 and number <= self.gaps[after - 1].high


def advance(at: Progress, found: Collection[int], now: datetime, patience: timedelta) -> tuple[Progress, int]:
    """What holds once everything that a read brought is published, and how many gaps are given up.

    ``found`` are the numbers that the read of all gaps and of everything above the position brought, ``now`` the
    database's clock before it. Both clock and patience count in whole milliseconds, as checkpoints do.
    """
    numbers = sorted(found)
    position = max([at.position, *numbers[-1:]])
    # A clock that went back would leave gaps of the future, which do not age: they begin anew, and live longer.
    watched = [replace(gap, opened_at=min(gap.opened_at, now)) for gap in at.gaps]
    watched.append(Gap(at.position + 1, position, now))
    left = [piece for gap in watched for piece in _missing(gap, numbers)]
    waiting = [gap for gap in left if now - gap.opened_at <= patience]
    return Progress(position, _joined(waiting, patience)), len(left) - len(waiting)


def _missing(gap: Gap, numbers: Sequence[int]) -> Iterator[Gap]:
    """What is left of a gap without these numbers, which ascend."""
    low = gap.low
    for index in range(bisect_left(numbers, gap.low), bisect_right(numbers, gap.high)):
        if numbers[index] > low:
            yield Gap(low, numbers[index] - 1, gap.opened_at)
        low = numbers[index] + 1
    if low <= gap.high:
        yield Gap(low, gap.high, gap.opened_at)


def _joined(gaps: Sequence[Gap], patience: timedelta) -> tuple[Gap, ...]:
    """At most ``MOST`` gaps that cover all of these and as few other numbers as possible."""
    surplus = len(gaps) - MOST
    if surplus <= 0:
        return tuple(gaps)
    span = max(patience / _AGES, _SHORTEST_AGE)
    ages = [(gap.opened_at - _EPOCH) // span for gap in gaps]
    alike = [index for index in range(1, len(gaps)) if ages[index] == ages[index - 1]]
    closed = set(nsmallest(surplus, alike, key=lambda index: gaps[index].low - gaps[index - 1].high))
    joined = [gaps[0]]
    for index, gap in enumerate(gaps[1:], 1):
        if index in closed:
            joined[-1] = Gap(joined[-1].low, gap.high, gap.opened_at)  # the later of the two moments
        else:
            joined.append(gap)
    return tuple(joined)
