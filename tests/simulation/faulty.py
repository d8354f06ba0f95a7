"""Simulated days with a fault in the consumer: each must be found, so that days without one tell something.

``python -m tests.simulation.faulty NAME`` plants one and tells which of the first days finds it, and what that day says.
"""

from __future__ import annotations

import logging
import sys

from tests.planting import Edits, plant

MOST = 48
"""Days that are tried."""

FAULTS: dict[str, tuple[str, Edits]] = {
    "removals before the end of the topic": (
        "consumers.cohorts.due",
        [("self._desk.ledger.owned & self._desk.at_end", "self._desk.ledger.owned")],
    ),
}


def find(name: str) -> tuple[int, str] | None:
    """The first day that finds the fault, and what it says. Only in a process that has not imported the consumer yet."""
    plant(*FAULTS[name])
    logging.disable(logging.CRITICAL)
    from tests.simulation.cohorts import make_day

    for seed in range(MOST):
        try:
            make_day(seed).run()
        except AssertionError as error:
            return seed, str(error)
    return None


if __name__ == "__main__":
    print(find(sys.argv[1]))
