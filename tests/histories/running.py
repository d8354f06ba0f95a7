"""Any number of histories in worker processes, and what they add up to."""

from __future__ import annotations

import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.histories.history import live

_AT_ONCE = 250


@dataclass
class Tally:
    """The sum of many histories."""

    histories: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    hazards: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    absences: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    """Seeds in which a promise was broken, and which one."""

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
        yield f"kinds: {_listed(self.kinds)}"
        yield f"hazards, by how many histories had them: {_listed(self.hazards)}"
        told = Counter({cause: n for cause, n in self.missed.items() if not cause.startswith("(")})
        otherwise = sum(n for cause, n in self.missed.items() if cause.startswith("("))
        yield f"missed by polling and found by the next snapshot, by cause: {_listed(told)}"
        yield f"absences, by cause: {_listed(self.absences)}; {otherwise} told by another cause than the hazard's"
        for seed, promise in sorted(self.wrong)[:20]:
            yield f"seed {seed}: {promise}; repeat it with: make histories SEED={seed} N=1 TRACE=1"
        yield (
            f"{self.histories:,} histories, {sum(told.values()):,} memberships missed by polling where nothing was proved, "
            f"all found by the next snapshot; {len(self.wrong)} broken promises (missed under a proof, never found, "
            "wrongly removed)"
        )


def run(first: int, count: int, processes: int) -> Tally:
    """Live through so many histories, beginning with this seed."""
    pieces = [range(at, min(at + _AT_ONCE, first + count)) for at in range(first, first + count, _AT_ONCE)]
    whole = Tally()
    with multiprocessing.get_context("spawn").Pool(processes, initializer=_silence) as pool:
        for part in pool.imap_unordered(_live_through, pieces):
            whole.add(part)
    return whole


def _silence() -> None:
    logging.disable(logging.CRITICAL)


def _live_through(seeds: Iterable[int]) -> Tally:
    tally = Tally()
    for seed in seeds:
        outcome = live(seed)
        tally.histories += 1
        tally.kinds[outcome.kind] += 1
        tally.hazards.update(outcome.hazards)
        tally.missed.update(outcome.missed)
        tally.absences.update(outcome.absences)
        if outcome.wrong is not None:
            tally.wrong.append((seed, outcome.wrong))
    return tally


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items())) or "none"
