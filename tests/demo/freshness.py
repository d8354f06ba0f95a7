"""How long a change took from its commit in Oracle to its line in Moodle's log, by one clock and from outside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.demo.moodle_site import MembershipEvent

Membership = tuple[int, int]
"""Ids of a cohort and of a user, as Moodle has them."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from commit to membership, shortest first, and how many never came."""

    seconds: tuple[float, ...]
    missing: int = 0

    def percentile(self, percent: float) -> float:
        """The smallest time that this share of the changes did not exceed; not a number without any."""
        if not self.seconds:
            return math.nan
        return self.seconds[max(0, math.ceil(percent / 100 * len(self.seconds)) - 1)]

    def __str__(self) -> str:
        if not self.seconds:
            return "nothing was measured"
        points = ", ".join(f"p{percent:g} {self.percentile(percent):.2f} s" for percent in (50, 90, 99, 100))
        return f"{len(self.seconds)} changes: {points}" + (f"; {self.missing} never came" if self.missing else "")


def measure(committed: Mapping[Membership, float], events: Iterable[MembershipEvent]) -> Freshness:
    """Match additions with the first line of the log that shows them."""
    shown: dict[Membership, float] = {}
    for event in events:
        if event.added:
            shown.setdefault((event.cohort, event.user), event.at)
    taken = sorted(shown[key] - at for key, at in committed.items() if key in shown)
    return Freshness(tuple(taken), len(committed) - len(taken))
