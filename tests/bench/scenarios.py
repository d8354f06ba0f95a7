"""All scenarios, in the order in which they are run: each finds the stage as the ones before have left it.

A new figure is a name here and a ``Measure`` from its scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench import (
    folding,
    freshness,
    idling,
    large,
    loading,
    publishing,
    reconciling,
    replaying,
    restoring,
    rushing,
    snapshots,
)
from tests.bench.measure import Measure
from tests.bench.stage import Bench


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that is done, and the measures taken by it."""

    names: tuple[str, ...]
    take: Callable[[Bench], Sequence[Measure]]


SCENARIOS = (
    Scenario(loading.NAMES, loading.take),
    Scenario(freshness.NAMES, freshness.take),
    Scenario(replaying.NAMES, replaying.take),
    # From here on without Moodle, and what the ones before have started is stopped.
    Scenario(publishing.NAMES, publishing.take),
    Scenario(folding.NAMES, folding.take),
    Scenario(restoring.NAMES, restoring.take),
    Scenario(snapshots.NAMES, snapshots.take),
    Scenario(idling.NAMES, idling.take),
    Scenario(rushing.NAMES, rushing.take),
    Scenario(large.NAMES, large.take),
    Scenario(reconciling.NAMES, reconciling.take),
)


def chosen(only: Sequence[str]) -> dict[Scenario, tuple[str, ...]]:
    """The scenarios that take the measures whose name begins with one of ``only`` (all without any), and these names.

    Raises:
        ValueError: no measure is called so.
    """
    for start in only:
        if not any(name.startswith(start) for scenario in SCENARIOS for name in scenario.names):
            known = ", ".join(name for scenario in SCENARIOS for name in scenario.names)
            raise ValueError(f"no measure is called {start!r}; there are: {known}")
    picked = {}
    for scenario in SCENARIOS:
        names = tuple(name for name in scenario.names if not only or name.startswith(tuple(only)))
        if names:
            picked[scenario] = names
    return picked
