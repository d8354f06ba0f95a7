"""What a reconciliation found and did, as a value that prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from consumers.reconciler.drift import Comparison, Treatment


class Verdict(StrEnum):
    """How a reconciliation ended; decides the exit code."""

    CLEAN = "clean"
    REPAIRED = "repaired"
    ATTENTION = "needs_attention"


@dataclass(frozen=True, slots=True)
class Report:
    """A finished reconciliation."""

    started_at: datetime
    finished_at: datetime
    source: Mapping[str, int]
    """Counts of the connector's snapshot: rows, differences, and the differences by cause."""
    before: Comparison
    after: Comparison | None
    """The second comparison, after the repair; None when nothing was to be repaired, or for a dry run."""
    asked: int = 0
    """Memberships that the consumer was asked to recheck."""
    dry_run: bool = False
    narrowed: str = ""
    """What it was narrowed to; empty for everything."""
    unknown: str = ""
    """Of that, what the ledger does not have; told as ``narrowed`` is."""

    @property
    def last(self) -> Comparison:
        return self.after or self.before

    @property
    def verdict(self) -> Verdict:
        if self.last.pressing or self.unknown:
            return Verdict.ATTENTION
        return Verdict.REPAIRED if self.asked or self.source.get("published", 0) else Verdict.CLEAN

    @property
    def plain(self) -> dict[str, Any]:
        """For machines. Cohorts are named, people are not."""
        return {
            "verdict": self.verdict.value,
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "dry_run": self.dry_run,
            "narrowed": self.narrowed,
            "unknown": self.unknown,
            "source": dict(self.source),
            "found": dict(self.before.by_kind),
            "treatment": dict(self.before.treatments | self.last.treatments),
            "asked": self.asked,
            "left": dict(self.last.by_kind),
            "waiting": dict(self.last.waiting),
            "agreed": self.last.agreed,
            "cohorts": self.last.cohorts,
            "vanished": self.last.vanished,
            "cohorts_with_differences": dict(self.by_cohort),
        }

    @property
    def by_cohort(self) -> Mapping[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for difference in self.last.differences:
            found.setdefault(difference.cohort, Counter())[difference.kind.value] += 1
        return found

    def lines(self) -> list[str]:
        """For people."""
        last = self.last
        text = [
            f"Source     {listed(self.source) or 'not asked'}",
            f"Compared   {last.cohorts} cohorts ({last.vanished} vanished, kept), {last.agreed} memberships agree",
            f"Waiting    {listed(last.waiting) or 'nothing'}",
            f"Found      {listed(self.before.by_kind) or 'no difference'}",
        ]
        if self.unknown:
            text.append(f"Unknown    {self.unknown}: the ledger has nothing under this name")
        if self.dry_run:
            text.append(f"Would ask  for {len(self.before.repairable)} rechecks")
        elif self.asked:
            text.append(f"Asked      for {self.asked} rechecks; left: {listed(last.by_kind) or 'nothing'}")
        text += [f"  {cohort}: {listed(kinds)}" for cohort, kinds in sorted(self.by_cohort.items())]
        text.append(f"Verdict    {self.verdict.value.replace('_', ' ')}")
        for treatment in Treatment:
            kinds = [kind.replace("_", " ") for kind, how in last.treatments.items() if how == treatment]
            if kinds and treatment is not Treatment.REPAIRED:
                text.append(f"           {treatment.value.replace('_', ' ')}: {', '.join(kinds)}")
        if Treatment.DECISION in last.treatments.values():
            text.append("           docs/how-to/reconcile.md tells what to do about each kind")
        return text


def listed(counts: Mapping[str, int]) -> str:
    """Counts in a line, those that are not nought."""
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()) if count)


@dataclass(slots=True)
class Progress:
    """Where a running reconciliation stands, for a progress bar or a log line."""

    step: str
    counts: Mapping[str, int] = field(default_factory=dict)
    done: int = 0
    """Of ``total``."""
    total: int | None = None
    """None where nobody knows how much there is to do."""
