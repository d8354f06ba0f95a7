"""Puts faults into the real code, one at a time, and lives through histories until one notices.

``python -m tests.histories.mutating [WORD]`` tries those of ``mutants`` with the word in their names, each in a process of
its own, where the module is imported from the changed text; status 1 if one was not noticed.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.histories.mutants import MUTANTS, Mutant
from tests.planting import plant

if TYPE_CHECKING:
    from tests.histories.plans import Script  # at run time only once the fault is planted

MOST = 10_000
"""Histories that can notice a fault; if none of so many does, it counts as not noticed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a fault."""

    name: str
    histories: int
    """Until it was noticed, or in all."""
    seed: int | None = None
    """Of the history that noticed it."""
    how: str = ""

    def __str__(self) -> str:
        if self.seed is None:
            return f"{self.name}: NOT NOTICED by {self.histories:,} histories"
        return f"{self.name}: noticed by history {self.histories:,} (seed {self.seed}: {self.how})"


def concerns(script: Script, only: Sequence[str]) -> bool:
    """Whether a history is of the sorts that all these words name."""
    from tests.histories.hazards import Hazard

    shape = script.shape
    sorts = {
        "timed": shape.timed,
        "proved": shape.proved,
        "sequence": shape.kind == "sequence",
        "scanned": shape.scanned,
        "small": script.small,
        "slip": script.slip is not None,
        "exact": script.place.column.digits == 6,
        "set back": script.jump < 0,
        "half hidden": Hazard.HALF_HIDDEN in script.hazards,
        "queues": script.queues,
        "releasing": shape.age > 0,
    }
    return all(sorts[word] for word in only)


def put_to_the_test(mutant: Mutant) -> Verdict:
    """Live through histories with the fault. Only in a process that has not imported the module yet."""
    plant(mutant.module, mutant.edits)
    logging.disable(logging.CRITICAL)
    from tests.histories.history import live
    from tests.histories.script import write

    lived, seed = 0, mutant.seed
    while lived < MOST:
        if not mutant.only or concerns(write(seed), mutant.only):
            lived += 1
            try:
                how = live(seed).wrong
            except Exception as fault:  # a fault may well lead to a crash
                how = repr(fault)
            if how is not None:
                return Verdict(mutant.name, lived, seed, how)
        seed += 1
    return Verdict(mutant.name, lived)


def try_all(word: str, processes: int) -> Iterator[Verdict]:
    """The verdicts, one by one."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap(put_to_the_test, chosen, chunksize=1)


def main() -> int:
    """Try those whose name has a word in it."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories.mutating")
    parser.add_argument("word", nargs="?", default="", help="part of a name")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    verdicts = []
    for verdict in try_all(arguments.word, arguments.processes):
        print(verdict, flush=True)
        verdicts.append(verdict)
    noticed = sum(verdict.seed is not None for verdict in verdicts)
    print(f"{len(verdicts)} faults, {noticed} noticed")
    return noticed < len(verdicts)


if __name__ == "__main__":
    sys.exit(main())
