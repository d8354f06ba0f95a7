"""What the journal keeps of runs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.reconciler.drift import Comparison, Difference, Drift
from consumers.reconciler.history import Past, entry_of, history_lines, is_kept, past_of
from consumers.reconciler.report import Report
from consumers.reconciler.sides import Scope
from tests.unit.reconciler.test_run import Connector, Consumer, reconciliation

WHEN = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
STUDENT = "21900001"


def compared(*differences: Difference, **more: int) -> Comparison:
    found = Comparison(list(differences), Counter(parked=2))
    found.agreed, found.cohorts, found.vanished = 10, more.get("cohorts", 3), 1
    return found


def report(cohort: str = "INFO") -> Report:
    """A run that found two differences and left one."""
    missing, foreign = Difference(Drift.MISSING, cohort, STUDENT, 11), Difference(Drift.FOREIGN, cohort, None, 99)
    source = {"rows": 40, "differences": 1, "missed.late_commit": 1}
    return Report(WHEN, WHEN + timedelta(seconds=90), source, compared(missing, foreign), compared(foreign), 1)


def test_a_run_can_be_read_back_from_the_journal() -> None:
    """With all its numbers."""
    entry = entry_of(report(), "run 1", "reconciler")

    assert past_of(entry) == Past(
        finished_at=WHEN + timedelta(seconds=90),
        took=timedelta(seconds=90),
        verdict="needs_attention",
        found={"missing": 1, "foreign": 1},
        left={"foreign": 1},
        missed={"late_commit": 1},
        counts={"asked": 1, "agreed": 10, "cohorts": 3, "vanished": 1},
    )
    assert STUDENT not in str(entry)
    assert (entry.kind, entry.cohort, entry.run, entry.author) == ("reconcile", "", "run 1", "reconciler")


def test_a_narrowed_run_says_so() -> None:
    """So that nobody takes its numbers for those of everything."""
    past = past_of(entry_of(replace(report(), narrowed="cohort INFO"), "run 1", "reconciler"))

    assert past is not None
    assert past.narrowed == "cohort INFO"
    assert "needs attention (cohort INFO)" in history_lines([past])[-1]


def test_what_a_later_release_writes_does_no_harm() -> None:
    """Another kind is none of ours; numbers that are none count as nothing."""
    entry = entry_of(report(), "run 1", "reconciler")
    strange = replace(entry, answer=None, details={"found.missing": "many", "seconds": "long", "more": "x"})

    assert past_of(replace(entry, kind="outcome")) is None
    past = past_of(strange)
    assert past is not None
    assert (past.found, past.took, past.verdict, past.counts) == ({"missing": 0}, timedelta(), "", {})


@pytest.mark.parametrize(
    ("run", "kept"),
    [
        (report(), True),
        (replace(report(), dry_run=True), False),
        (replace(report(), before=compared(cohorts=0)), False),
    ],
)
def test_only_runs_of_a_sink_at_work_are_kept(run: Report, kept: bool) -> None:  # noqa: FBT001 - a column of the table
    """A record in the journal tells consumers that the sink has begun; and a comparison asks nobody for anything."""
    assert is_kept(run) is kept


def test_a_run_is_handed_over_when_it_has_ended() -> None:
    """And it is the report that the caller gets."""
    kept: list[Report] = []
    run = replace(reconciliation(Connector(), Consumer({11})), keep=kept.append).run(Scope())

    assert kept == [run]


def test_history_is_listed_for_people() -> None:
    """One line a run; without any run a sentence."""
    past = past_of(entry_of(report(), "run 1", "reconciler"))
    assert past is not None

    assert history_lines([]) == ["The journal tells of no run."]
    assert re.fullmatch(r"2026-11-23 04:31Z +2 +1 +1  needs attention", history_lines([past])[1])
