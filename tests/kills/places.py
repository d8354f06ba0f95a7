"""Where a consumer may come to its end: names for moments in its loop, and what is to happen there.

``seams`` makes the places; here they are only named, so that whoever draws them needs nothing of the product.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

ANY = "any moment"
"""Not a place in the code: from outside, whatever the process does."""

COMMITS = ("intent", "outcome", "intake")
"""Kinds of commits: one with an intent to call, one with what calls have brought, any other."""
CALLS = ("add", "remove", "create")

LOOP = (
    *(f"before {kind} commit" for kind in COMMITS),
    *(f"after {kind} commit" for kind in COMMITS),
    "in transaction",
    "offsets in transaction",
    "entry put",
    "before keep",
    "after keep",
    "records taken",
    "before restore",
    "after restore",
    "before release",
    "after release",
)
"""In the thread of the loop. ``before keep``: the topic has the commit, the local store has not."""
IN_CALLS = tuple(f"{when} {call}" for when in ("before", "during", "after") for call in CALLS)
"""In the threads that call Moodle: just before the call, some milliseconds into it, with the answer in the hand."""
PLACES = (*LOOP, *IN_CALLS)

_OFTEN = frozenset(
    ("entry put", "records taken", "in transaction", "offsets in transaction", "before keep", "after keep")
)
_ONCE = frozenset(("before restore", "after restore", "before release", "after release"))


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one life of a process: at the ``count``-th time that it comes by the place."""

    place: str = ANY
    count: int = 1
    freezes: bool = False
    """It stops there as a machine that sleeps does, and goes on later."""

    @property
    def options(self) -> list[str]:
        """For the command line of ``victim``."""
        if self.place == ANY:
            return []
        return ["--freeze-at" if self.freezes else "--die-at", f"{self.place}:{self.count}"]


def draw(chance: random.Random, *, freezing: float) -> Fate:
    """A fate. ``freezing``: how often it is to be a freeze; those are in the loop, so that no call has been begun and
    not sent when the clock goes on without it.
    """
    if chance.random() < 0.1:
        return Fate()
    freezes = chance.random() < freezing
    place = chance.choice(LOOP if freezes else PLACES)
    if place in _ONCE:
        return Fate(place, 1, freezes)
    return Fate(place, chance.randint(1, 12 if place in _OFTEN else 2), freezes)
