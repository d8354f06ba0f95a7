"""The alerts of reconciliations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connector.runtime.messages import MoodleMessage, ReconcilerMessage, message
from connector.runtime.messages.translation import translation_in
from consumers.notifier.letter import told_in
from consumers.notifier.severity import Severity, severity_of
from consumers.reconciler.alert import alerts_of, says_the_same, unfinished, unfinished_key
from consumers.reconciler.drift import Difference, Drift, Policy
from consumers.reconciler.report import Report
from schemas.records import Alert, AlertState, AlertTold
from tests.unit.reconciler.test_history import STUDENT, WHEN, compared, report

QUARTER = timedelta(minutes=15)


def about_differences(run: Report) -> Alert:
    """The alert about what a run left."""
    (found,) = [alert for alert in alerts_of(run, "moodle") if alert.key == "reconcile/moodle/differences"]
    return found


def test_what_is_left_is_an_alert_without_people() -> None:
    """With how many of which kind; cohorts and students stand in the report."""
    alert = about_differences(report())

    assert (alert.key, alert.state, alert.role) == ("reconcile/moodle/differences", AlertState.RAISED, "reconcile")
    assert alert.parameters == {"sink": "moodle", "count": "1", "kinds": "foreign: 1"}
    assert STUDENT not in str(alert)
    assert severity_of(alert.key) is Severity.WARNING


def test_what_is_left_is_told_in_the_language_of_the_recipient() -> None:
    """Each kind with the name that documentation and settings have for it."""
    every = compared(*(Difference(kind, "C", STUDENT, n) for n, kind in enumerate(Drift)))
    every.policy = Policy(repair=(), report=())
    alert = about_differences(replace(report(), after=every))
    told = AlertTold("who", alert.key, alert.state, alert.code, alert.role, WHEN, WHEN, alert.parameters)
    text, _ = told_in(told, translation_in("fr"))

    assert [kind for kind in Drift if f"({kind})\N{NO-BREAK SPACE}: 1" not in text] == []
    assert "membre manquant (missing)" in text


def test_a_run_that_leaves_nothing_clears_it() -> None:
    """That it has healed is told."""
    assert about_differences(replace(report(), after=compared())).state is AlertState.CLEARED


@pytest.mark.parametrize("changes", [{"dry_run": True}, {"narrowed": "cohort INFO"}])
def test_a_run_that_did_not_do_all_says_nothing(changes: dict[str, object]) -> None:
    """Neither that something is left, nor that nothing is; nor that a scheduled one would come to its end."""
    assert list(alerts_of(replace(report(), **changes), "moodle")) == []  # type: ignore[arg-type]


def test_a_run_of_everything_clears_that_scheduled_ones_fail() -> None:
    """Whoever started it, and whatever it left."""
    (over,) = [alert for alert in alerts_of(report(), "moodle") if alert.key == unfinished_key("moodle")]

    assert (over.state, over.at) == (AlertState.CLEARED, report().finished_at)


def test_in_shadow_a_comparison_is_all_that_a_scheduled_one_does() -> None:
    """So it came to its end; what differs is not the product's yet."""
    keys = [alert.key for alert in alerts_of(replace(report(), dry_run=True), "moodle", shadow=True)]

    assert keys == [unfinished_key("moodle")]


def test_that_scheduled_ones_fail_is_told_with_its_reason() -> None:
    """In the language of the recipient, the reason and its remedy included."""
    reason = message(ReconcilerMessage.ROLE_SILENT, role="consumer")
    alert = unfinished("moodle", reason, QUARTER, WHEN)
    told = AlertTold("ops", alert.key, alert.state, alert.code, alert.role, WHEN, WHEN, dict(alert.parameters))
    french = translation_in("fr")
    text, fix = told_in(told, french)

    assert severity_of(alert.key) is Severity.WARNING
    assert (
        text == f"La réconciliation programmée de moodle n'arrive pas à son terme\u00a0: CS7001 {french.text(reason)}"
    )
    assert french.fix(reason) in fix
    assert "15m" in fix


def test_the_same_reason_at_a_later_attempt_is_no_news() -> None:
    """Only what is said counts, not when; another reason is news."""
    reason = message(ReconcilerMessage.ROLE_SILENT, role="consumer")
    other = message(MoodleMessage.REPORT_RESTLESS)
    alert = unfinished("moodle", reason, QUARTER, WHEN)

    assert says_the_same(unfinished("moodle", reason, QUARTER, WHEN + QUARTER), alert)
    assert not says_the_same(unfinished("moodle", other, QUARTER, WHEN), alert)
    assert not says_the_same(alert, None)
