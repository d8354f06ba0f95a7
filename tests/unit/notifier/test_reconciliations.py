"""Reconciliations that are overdue, told from what the last one said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from connector.commands.wiring.timetable import Timetable
from consumers.notifier.reconciliations import Scheduled, overdue_alerts, overdue_key
from consumers.notifier.severity import Severity, severity_of
from consumers.reconciler.alert import unfinished_key
from consumers.reconciler.settings import ReconcileSettings
from schemas.records import Alert, AlertState
from tests.unit.notifier.values import DAY, HOUR, MINUTE, NOW, seen

ENDED = Alert(unfinished_key("moodle"), AlertState.CLEARED, "CS7011", "reconcile", NOW, {"sink": "moodle"})
AT_NINE = NOW.replace(hour=9) + DAY
"""When the next one was due."""
SIX = 6 * HOUR


def told(*standing: Alert, now: datetime, since: datetime = NOW - DAY, sink: str = "moodle") -> list[Alert]:
    """By a notifier that knows these last words."""
    table = Timetable(ReconcileSettings.model_validate({"at": ["09:00"]}))
    return list(overdue_alerts({sink: Scheduled(unfinished_key(sink), table.is_due)}, seen(*standing), since, now))


def ended(at: datetime = NOW + 2 * HOUR) -> Alert:
    return replace(ENDED, at=at)


def test_one_that_is_long_overdue_alarms_once() -> None:
    """Hours after its time, for it may take some; and it is over with the next that comes to its end."""
    assert told(ended(), now=AT_NINE + SIX - MINUTE) == []
    (alert,) = told(ended(), now=AT_NINE + SIX)
    assert (alert.key, alert.state, alert.code) == (overdue_key("moodle"), AlertState.RAISED, "CS8009")
    assert alert.parameters == {"sink": "moodle", "at": "2026-09-01 10:00 UTC"}
    assert severity_of(alert.key) is Severity.WARNING
    assert told(ended(), alert, now=AT_NINE + DAY) == []

    (over,) = told(ended(AT_NINE + SIX), alert, now=AT_NINE + SIX)
    assert (over.key, over.state, over.parameters) == (alert.key, AlertState.CLEARED, alert.parameters)


def test_one_that_fails_is_not_told_twice() -> None:
    """It has an alert of its own."""
    (alert,) = told(ended(), now=AT_NINE + SIX)
    fails = replace(ENDED, state=AlertState.RAISED)

    assert told(fails, now=AT_NINE + DAY) == []
    assert [one.state for one in told(fails, alert, now=AT_NINE + DAY)] == [AlertState.CLEARED]


def test_a_sink_that_was_never_reconciled_is_not_watched() -> None:
    """The very first one waits for its time."""
    assert told(now=AT_NINE + 9 * DAY) == []


def test_after_a_long_stop_it_may_be_made_up_for_first() -> None:
    """The alarm waits; one that stands is not over for that."""
    now = AT_NINE + 9 * DAY
    (alert,) = told(ended(), now=now)

    assert told(ended(), now=now, since=now - timedelta(minutes=5)) == []
    assert told(ended(), alert, now=now, since=now) == []


def test_a_sink_without_a_schedule_is_watched_no_more() -> None:
    """It was taken out of the settings."""
    (alert,) = told(ended(), now=AT_NINE + SIX)

    assert [one.state for one in told(ended(), alert, now=AT_NINE + SIX, sink="other")] == [AlertState.CLEARED]
