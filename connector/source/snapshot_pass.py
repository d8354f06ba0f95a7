"""A pass of a snapshot under way: how far it is, and what it found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.source.absences import Absences
from connector.source.examining import Subject
from schemas.records import SnapshotProgress


@dataclass
class Pass:
    """A pass under way."""

    steps: Generator[None, None, None]
    progress: SnapshotProgress
    settled: datetime
    """Database time before which nothing was stamped that is committed after the pass began."""
    absences: Absences
    told: float
    counts: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    """By cause, what this pass or an earlier part of it found that polling had missed."""
    put_off: dict[str, Subject] = field(default_factory=dict)
    """Students whose change is published when more is known of their rows."""
    put_off_at: float = 0.0
    """When the first of them was, by a monotonic clock."""
    keys: set[str] = field(default_factory=set)
    """Of these rows."""
    stamps: Mapping[str, int] | None = None
    """What is known of them, while those students are decided; None otherwise."""
    uncounted: Counter[str] = field(default_factory=Counter)
    """Of these, absences that the metric does not have yet, since their cause may still become more exact."""

    def described(self) -> SnapshotProgress:
        """For the checkpoint."""
        rows, differences = self.counts["rows"], self.counts["differences"]
        return replace(self.progress, rows=rows, differences=differences, missed=dict(+self.missed))

    def told_counts(self) -> dict[str, int]:
        """For a notification."""
        missed = {f"missed.{cause}": count for cause, count in sorted((+self.missed).items())}
        return {name: int(count) for name, count in self.counts.items()} | missed
