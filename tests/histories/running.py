"""Any number of histories in worker processes, and what they add up to."""

from __future__ import annotations

import gc
import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.histories.history import Outcome, live

_AT_ONCE = 250


@dataclass
class Tally:
    """The sum of many histories."""

    histories: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    hazards: Counter[str] = field(default_factory=Counter)
    """By how many histories had them."""
    missed: Counter[str] = field(default_factory=Counter)
    """Memberships that polling missed and a snapshot found, by cause."""
    absences: Counter[str] = field(default_factory=Counter)
    """Removals that rest on absence, by cause."""
    wrong: list[tuple[int, str, str]] = field(default_factory=list)
    """Seeds in which a promise was broken, with the kind of the source, and which one."""

    def take(self, seed: int, outcome: Outcome) -> None:
        """Count one more."""
        self.histories += 1
        self.kinds[outcome.kind] += 1
        self.hazards.update(outcome.hazards)
        self.missed.update(outcome.missed)
        self.absences.update(outcome.absences)
        if outcome.wrong is not None:
            self.wrong.append((seed, outcome.kind, outcome.wrong))

    def add(self, other: Tally) -> None:
        """Take over what another one counted."""
        self.histories += other.histories
        self.kinds += other.kinds
        self.hazards += other.hazards
        self.missed += other.missed
        self.absences += other.absences
        self.wrong += other.wrong

    def lines(self) -> Iterator[str]:
        """For people; the last line says it all."""
        yield f"kinds of sources: {_listed(self.kinds)}"
        yield f"removals that rest on absence, by cause: {_listed(self.absences)}"
        for seed, kind, promise in sorted(self.wrong)[:20]:
            yield f"seed {seed} ({kind}): {promise}; repeat it with: make histories SEED={seed} N=1 TRACE=1"
        proved = self._count("MISSED", proved=True)
        assumed = self._count("MISSED", proved=False)
        never, removals = self._count("NEVER"), self._count(" removed from ")
        others = len(self.wrong) - proved - assumed - never - removals
        yield (
            f"{self.histories:,} histories; of these with {_listed(self.hazards)}; "
            f"missed although proved: {proved}; missed although what is assumed held: {assumed}; "
            f"otherwise missed, and found by the next snapshot: {_listed(self.missed)}; never found: {never}; "
            f"wrong removals: {removals}; otherwise wrong: {others}"
        )

    def _count(self, word: str, *, proved: bool | None = None) -> int:
        return sum(word in promise and proved in (None, kind.startswith("proved")) for _, kind, promise in self.wrong)


def run(first: int, count: int, processes: int, *, whole: bool = False) -> Tally:
    """Live through so many histories, beginning with this seed; ``whole``: through the whole poller."""
    pieces = [range(at, min(at + _AT_ONCE, first + count)) for at in range(first, first + count, _AT_ONCE)]
    sum_of = Tally()
    with multiprocessing.get_context("spawn").Pool(processes, initializer=_prepare) as pool:
        for part in pool.imap_unordered(partial(_live_through, whole=whole), pieces):
            sum_of.add(part)
    return sum_of


def tell(seed: int, *, whole: bool = False) -> Outcome:
    """One history, step by step."""
    if whole:
        from tests.histories.whole import live_whole

        return live_whole(seed, trace=True)
    return live(seed, trace=True)


def _prepare() -> None:
    logging.disable(logging.CRITICAL)
    # Each history leaves a small world of references behind; to look for them often costs a tenth of the time.
    gc.set_threshold(50_000, 20, 20)


def _live_through(seeds: range, *, whole: bool) -> Tally:
    tally = Tally()
    if whole:
        from tests.histories.whole import live_whole as through
    else:
        through = live
    for seed in seeds:
        tally.take(seed, through(seed))
    return tally


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items())) or "none"
