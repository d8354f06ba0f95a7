"""One measure: ours, the reference of the same run, their ratio, and the goal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure. ``goal`` is about the ratio: at most it, or at least it when ``at_least``."""

    name: str
    unit: str
    ours: float
    reference: float
    goal: float = 1.0
    at_least: bool = False
    note: str = ""
    """What else was seen that helps to understand the figure; several lines perhaps."""

    @property
    def ratio(self) -> float:
        """Where nothing is allowed, 1 stands for nothing and infinity for anything."""
        if self.reference == 0:
            return 1.0 if self.ours == 0 else math.inf
        return self.ours / self.reference

    @property
    def met(self) -> bool:
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    @property
    def line(self) -> str:
        """``name | ours | reference | ratio | goal``."""
        sign = "≥" if self.at_least else "≤"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.name} | {self.ours:.4g}{unit} | {self.reference:.4g}{unit} | {self.ratio:.2f} | "
            f"{sign} {self.goal:g}{'' if self.met else '  NOT MET'}"
        )

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON, which knows no infinity: ``ratio`` is null then."""
        return asdict(self) | {"ratio": self.ratio if math.isfinite(self.ratio) else None, "met": self.met}


def middle(taken: Sequence[Measure]) -> Measure:
    """One measure of several takings of the same: the medians of both sides."""
    ours, reference = (median(getattr(measure, side) for measure in taken) for side in ("ours", "reference"))
    notes = [measure.note for measure in taken if measure.note]
    if len(taken) > 1:
        each = "; ".join(f"{measure.ours:.4g} / {measure.reference:.4g}" for measure in taken)
        notes.insert(0, f"medians of {len(taken)} runs (ours / reference): {each}")
    return replace(taken[0], ours=ours, reference=reference, note="\n".join(notes))
