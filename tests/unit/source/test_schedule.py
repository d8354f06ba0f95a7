"""Snapshots by the time of the day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.schedule import is_due

PARIS = ZoneInfo("Europe/Paris")
NIGHT = (time(3, 30),)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ("2026-09-01T01:30", "2026-09-02T01:29", False),
        ("2026-09-01T01:30", "2026-09-02T01:30", True),
        ("2026-09-02T01:30", "2026-09-02T01:31", False),
        ("2026-09-02T01:29", "2026-09-02T23:00", True),
        ("2026-08-01T01:30", "2026-09-02T00:00", True),
        ("2026-09-03T00:00", "2026-09-02T12:00", False),
        (None, "2026-09-02T12:00", True),
    ],
)
def test_a_time_is_due_once_it_has_passed_since_the_last_snapshot(
    *, last: str | None, now: str, expected: bool
) -> None:
    """In the source's zone, whenever somebody looks; a downtime of a month is made up for by one."""
    assert expected is is_due(NIGHT, PARIS, None if last is None else utc(last), utc(now))


def test_without_times_nothing_is_due() -> None:
    """Not even the first one."""
    assert not is_due((), PARIS, None, utc("2026-09-02T12:00"))


def _taken(at: tuple[time, ...], zone: ZoneInfo, begin: datetime, days: int, step: timedelta) -> list[datetime]:
    """When snapshots begin if somebody looks every ``step``."""
    taken, last, now = [], begin, begin
    while now < begin + timedelta(days=days):
        if is_due(at, zone, last, now):
            taken.append(now)
            last = now
        now += step
    return taken


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        ("2026-03-28T12:00", "2026-03-29T01:30"),  # 02:30 is left out: clocks go from 02:00 to 03:00
        ("2026-10-24T12:00", "2026-10-25T00:30"),  # 02:30 is shown twice, one hour apart
    ],
)
def test_a_time_that_does_not_exist_or_exists_twice_is_taken_once(begin: str, expected: str) -> None:
    """On the nights when clocks change."""
    assert [utc(expected)] == _taken((time(2, 30),), PARIS, utc(begin), 1, timedelta(minutes=5))


@given(
    times=st.lists(st.times().map(lambda at: at.replace(second=0, microsecond=0)), min_size=1, max_size=3, unique=True),
    zone=st.sampled_from(["Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    day=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)),  # noqa: DTZ001 - given a zone below
)
def test_every_time_of_every_day_is_taken_exactly_once(times: list[time], zone: str, day: datetime) -> None:
    """Whatever clocks do: as many snapshots as distinct moments passed, each within one look of its moment."""
    begin, place = day.replace(tzinfo=UTC), ZoneInfo(zone)
    moments = {
        datetime.combine(begin.astimezone(place).date() + timedelta(days=ahead), at, place).astimezone(UTC)
        for ahead in range(-1, 6)
        for at in times
    }
    step = timedelta(minutes=1)
    end = begin + timedelta(days=3)
    due = sorted(moment for moment in moments if begin < moment < end - step)
    taken = []
    last = begin
    for now in sorted({*due, *(moment + step for moment in due)}):
        if is_due(tuple(times), place, last, now):
            taken.append(now)
            last = now

    assert due == taken
