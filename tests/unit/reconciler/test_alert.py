"""The alert that a reconciliation leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.notifier.severity import Severity, severity_of
from consumers.reconciler.alert import alert_of
from schemas.records import AlertState
from tests.unit.reconciler.test_history import STUDENT, compared, report


def test_what_is_left_is_an_alert_without_people() -> None:
    """With how many of which kind; cohorts and students stand in the report."""
    alert = alert_of(report(), "moodle")

    assert alert is not None
    assert (alert.key, alert.state, alert.role) == ("reconcile/moodle/differences", AlertState.RAISED, "reconcile")
    assert alert.parameters == {"sink": "moodle", "count": "1", "kinds": "1 foreign"}
    assert STUDENT not in str(alert)
    assert severity_of(alert.key) is Severity.WARNING


def test_a_run_that_leaves_nothing_clears_it() -> None:
    """That it has healed is told."""
    alert = alert_of(replace(report(), after=compared()), "moodle")

    assert alert is not None
    assert alert.state is AlertState.CLEARED


@pytest.mark.parametrize("changes", [{"dry_run": True}, {"narrowed": "cohort INFO"}])
def test_a_run_that_did_not_do_all_says_nothing(changes: dict[str, object]) -> None:
    """Neither that something is left, nor that nothing is."""
    assert alert_of(replace(report(), **changes), "moodle") is None  # type: ignore[arg-type]
