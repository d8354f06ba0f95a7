"""The age of the last successful poll, told from checkpoints."""

from __future__ import annotations

from datetime import datetime, timedelta

from consumers.notifier.polls import PollAges, poll_key
from schemas.records import Alert, AlertState, Checkpoint
from tests.unit.notifier.values import DAY, HOUR, MINUTE, NOW

LIMIT = 15 * MINUTE
KEY = poll_key("apogee")
SECOND = timedelta(seconds=1)


def checkpoint(read: datetime | None, *, fingerprint: str = "f", source: str = "apogee") -> Checkpoint:
    return Checkpoint(source, loaded=True, hints=(), fingerprint=fingerprint, database_time=read)


def watched(read: datetime = NOW, at: datetime = NOW, since: datetime = NOW - DAY) -> PollAges:
    """Ages after one checkpoint."""
    ages = PollAges(since)
    ages.heard(checkpoint(read), at)
    return ages


def told(ages: PollAges, now: datetime, *standing: Alert, limit: timedelta = LIMIT) -> list[Alert]:
    return list(ages.alerts({"apogee": limit} if limit else {}, {alert.key: alert for alert in standing}, now))


def test_a_source_that_is_not_polled_for_too_long_alarms_once() -> None:
    """With the last poll and the limit; and it is over with the next poll."""
    ages = watched()

    assert [] == told(ages, NOW + LIMIT)
    (alert,) = told(ages, NOW + LIMIT + SECOND)
    assert (KEY, AlertState.RAISED, "CS8001", "notify") == (alert.key, alert.state, alert.code, alert.role)
    assert {"source": "apogee", "at": "2026-09-01 08:00 UTC", "limit": "15m"} == alert.parameters
    assert [] == told(ages, NOW + HOUR, alert)
    ages.heard(checkpoint(NOW + HOUR), NOW + HOUR)
    (over,) = told(ages, NOW + HOUR, alert)
    assert (KEY, AlertState.CLEARED, alert.parameters) == (over.key, over.state, over.parameters)


def test_a_checkpoint_without_a_newer_reading_is_no_poll() -> None:
    """One is also written when a request is answered."""
    ages = watched()
    ages.heard(checkpoint(NOW), NOW + 14 * MINUTE)

    assert [KEY] == [alert.key for alert in told(ages, NOW + LIMIT + SECOND)]


def test_the_clock_of_the_database_does_not_matter() -> None:
    """Only that it goes on: it may be hours behind, or ahead."""
    for skew in (-3 * HOUR, 3 * HOUR):
        ages = watched(NOW + skew)
        assert [] == told(ages, NOW + LIMIT)
        assert len(told(ages, NOW + LIMIT + SECOND)) == 1


def test_who_has_just_begun_to_watch_waits_a_moment() -> None:
    """After a long stop of everything the connector begins to poll only now; an alert that stands goes on standing."""
    start = NOW + 3 * DAY
    ages = watched(since=start)
    alert = Alert(KEY, AlertState.RAISED, "CS8001", "notify", NOW, {})

    assert [] == told(ages, start + MINUTE)
    assert [] == told(ages, start + MINUTE, alert)
    assert [KEY] == [alert.key for alert in told(ages, start + MINUTE + SECOND)]


def test_sources_that_are_not_ours_any_more_are_not_watched() -> None:
    """Retired ones, those that are gone from the settings, those never read; and with no limit none. What stands is over."""
    alert = Alert(KEY, AlertState.RAISED, "CS8001", "notify", NOW, {})
    late = NOW + DAY
    retired = watched()
    retired.heard(checkpoint(NOW, fingerprint=""), NOW)
    unread = PollAges(NOW)
    unread.heard(checkpoint(None), NOW)
    other = PollAges(NOW)
    other.heard(checkpoint(NOW, source="banner"), NOW)

    for ages in (retired, unread, other):
        assert [] == told(ages, late)
        assert [AlertState.CLEARED] == [found.state for found in told(ages, late, alert)]
    assert [] == told(watched(), late, limit=timedelta())
    assert [AlertState.CLEARED] == [found.state for found in told(watched(), late, alert, limit=timedelta())]


def test_alerts_of_others_are_left_alone() -> None:
    """They are not ours to clear."""
    others = Alert("connector/apogee/source", AlertState.RAISED, "CS2001", "connector", NOW, {})

    assert [] == told(watched(), NOW, others)
