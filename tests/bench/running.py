"""One or more runs of the chosen scenarios, each on a stage of its own."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.bench.measure import Measure, middle
from tests.bench.scenarios import chosen
from tests.bench.stage import Bench, Options
from tests.demo.narration import Narrator
from tests.demo.processes import Children


@dataclass
class Results:
    """What was measured, and what could not be."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    busy: float = field(default_factory=lambda: os.getloadavg()[0])
    """Processes that wanted a processor in the minute before."""
    takings: dict[str, list[Measure]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Why a measure could not be taken, by its name."""

    @property
    def measures(self) -> list[Measure]:
        return [middle(taken) for taken in self.takings.values()]

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "began": self.began.isoformat(timespec="seconds"),
            "machine": {
                "processors": os.cpu_count(),
                "system": platform.platform(),
                "python": platform.python_version(),
                "load_average_before": round(self.busy, 2),
            },
            "measures": [measure.plain for measure in self.measures],
            "failures": self.failures,
        }


def run(options: Options, only: Sequence[str], repeat: int, narrator: Narrator) -> Results:
    """Take all measures of these names ``repeat`` times. A scenario that fails does not keep the others from being tried.

    Raises:
        ValueError: no measure is called so.
    """
    results, scenarios = Results(), chosen(only)
    for turn in range(repeat):
        narrator.heading(f"Run {turn + 1} of {repeat}" if repeat > 1 else "The stage")
        with Children(options.directory / "logs") as children, Bench(options, children, narrator) as bench:
            for scenario, names in scenarios.items():
                narrator.say(f"   {', '.join(names)}:")
                try:
                    taken = [measure for measure in scenario.take(bench) if measure.name in names]
                except Exception as failure:
                    results.failures |= dict.fromkeys(names, f"{type(failure).__name__}: {failure}")
                    continue
                for measure in taken:
                    narrator.say(f"   {measure.line}")
                    results.takings.setdefault(measure.name, []).append(measure)
    return results
