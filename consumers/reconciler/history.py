"""Earlier runs, as the journal keeps them: counts alone, so that a chart can be drawn of them. Pure.

A run that only compared, and one that did not come to its end, leaves nothing: what stands here happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consumers.reconciler.report import Report
from schemas.records import JournalEntry

KIND = "reconcile"
"""Of the journal's entries about runs."""
_COUNTS = ("asked", "agreed", "cohorts", "vanished")


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier run."""

    finished_at: datetime
    took: timedelta
    verdict: str
    found: Mapping[str, int] = field(default_factory=dict)
    """Differences by kind, before the repair."""
    left: Mapping[str, int] = field(default_factory=dict)
    """By kind, afterwards."""
    missed: Mapping[str, int] = field(default_factory=dict)
    """By cause, what polling had missed."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """``asked``, ``agreed``, ``cohorts``, ``vanished``."""
    narrowed: str = ""
    """What it was narrowed to; empty for everything."""

    @property
    def plain(self) -> dict[str, object]:
        """For machines."""
        return {
            "finished_at": self.finished_at.isoformat(),
            "seconds": self.took.total_seconds(),
            "verdict": self.verdict,
            "narrowed": self.narrowed,
            "found": dict(self.found),
            "left": dict(self.left),
            "missed": dict(self.missed),
            **self.counts,
        }


def is_kept(report: Report) -> bool:
    """Whether a run belongs into the journal. Not where the ledger names no cohort: there a record in the journal would
    tell the consumer that somebody had worked for this Moodle before.
    """
    return not report.dry_run and report.before.cohorts > 0


def entry_of(report: Report, run: str, author: str) -> JournalEntry:
    """What the journal keeps of a run; ``run`` names it. Cohorts may be named, people never are."""
    plain = report.plain
    details = {name: str(plain[name]) for name in _COUNTS}
    details["seconds"] = f"{(report.finished_at - report.started_at).total_seconds():.1f}"
    for part in ("found", "left"):
        details |= {f"{part}.{kind}": str(count) for kind, count in sorted(plain[part].items()) if count}
    details |= {name: str(count) for name, count in sorted(report.source.items()) if name.startswith("missed.")}
    return JournalEntry(
        at=report.finished_at,
        kind=KIND,
        run=run,
        cohort="",
        answer=report.verdict.value,
        reason=report.narrowed or None,
        author=author,
        details=details,
    )


def past_of(entry: JournalEntry) -> Past | None:
    """The run that an entry of the journal tells of; None if it tells of something else."""
    if entry.kind != KIND:
        return None

    def part(name: str) -> dict[str, int]:
        start = f"{name}."
        return {key.removeprefix(start): _number(said) for key, said in entry.details.items() if key.startswith(start)}

    return Past(
        finished_at=entry.at,
        took=timedelta(seconds=_seconds(entry.details.get("seconds", ""))),
        verdict=entry.answer or "",
        found=part("found"),
        left=part("left"),
        missed=part("missed"),
        counts={name: _number(entry.details[name]) for name in _COUNTS if name in entry.details},
        narrowed=entry.reason or "",
    )


def history_lines(past: list[Past]) -> list[str]:
    """For people, the latest run last."""
    if not past:
        return ["The journal tells of no run."]
    text = [f"{'finished':<18}{'found':>8}{'left':>8}{'asked':>8}  verdict"]
    for run in past:
        found, left = sum(run.found.values()), sum(run.left.values())
        told = f"{run.verdict.replace('_', ' ')}{f' ({run.narrowed})' if run.narrowed else ''}"
        text.append(f"{run.finished_at:%Y-%m-%d %H:%M}Z {found:>8}{left:>8}{run.counts.get('asked', 0):>8}  {told}")
    return text


def _number(text: str) -> int:
    """A count; 0 for what a later release may write in its place."""
    return int(text) if text.isdecimal() else 0


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
