"""When a transaction began, from the host's wall clock: never too late."""

# ruff: noqa: DTZ001 - DATEs have no zone

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.oracle.transactions import started

PARIS, UNKNOWN = ZoneInfo("Europe/Paris"), ZoneInfo("UTC")


def shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def seen(start: datetime, now: datetime, host: ZoneInfo, guess: ZoneInfo) -> datetime:
    """What is made of a transaction of this start."""
    date = shown(start, host).replace(microsecond=0)
    return started(date, shown(now, host), now.replace(tzinfo=None), guess)


@pytest.mark.parametrize("host", ["UTC", "Europe/Paris", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu"])
@pytest.mark.parametrize("guess", ["UTC", "Europe/Paris"])
def test_a_start_is_told_in_utc_to_the_second(host: str, guess: str) -> None:
    """Whatever the zone of the host is, without knowing it."""
    now = datetime(2026, 7, 1, 10, 0, 5, 999999, UTC)
    begun = now - timedelta(hours=3, seconds=7)

    assert begun.replace(microsecond=0) == seen(begun, now, ZoneInfo(host), ZoneInfo(guess))


def test_two_readings_of_the_clock_need_not_be_of_one_instant() -> None:
    """A second may begin between them."""
    date = datetime(2026, 7, 1, 12, 0, 0)

    for wall in (datetime(2026, 7, 1, 12, 0, 5, 999999), datetime(2026, 7, 1, 12, 0, 6)):
        utc = datetime(2026, 7, 1, 10, 0, 6)
        assert datetime(2026, 7, 1, 10, 0, 0, tzinfo=UTC) == started(date, wall, utc, UNKNOWN)


def test_a_start_in_the_future_was_before_clocks_were_set_back() -> None:
    """At 02:50 in summer, seen twenty minutes later at 02:10 in winter."""
    begun = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)

    assert begun == seen(begun, begun + timedelta(minutes=20), PARIS, UNKNOWN)


def test_of_the_hour_that_comes_twice_the_first_counts() -> None:
    """The host's zone is known, as it shows the same offset as the source's: what began in summer is seen in winter."""
    begun = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)

    assert begun == seen(begun, begun + timedelta(hours=5), PARIS, PARIS)
    again = begun + timedelta(hours=1)
    assert begun == seen(again, again + timedelta(hours=5), PARIS, PARIS)


def test_a_clock_of_another_instance_may_be_a_little_ahead() -> None:
    """Its transactions are not an hour old for that."""
    now = datetime(2026, 7, 1, 10, 0, 5, 250000, UTC)

    assert now.replace(microsecond=0) == seen(now + timedelta(seconds=3), now, PARIS, PARIS)
    assert now - timedelta(hours=1) >= seen(now + timedelta(minutes=2), now, PARIS, PARIS) - timedelta(minutes=2)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(), timedelta(days=3)),
)
def test_no_start_is_too_late_where_the_zone_is_known(begun: datetime, age: timedelta) -> None:
    """Nor in the future, at any hour of ten years."""
    now = begun + age
    found = seen(begun, now, PARIS, PARIS)

    assert found <= begun
    assert begun - found <= timedelta(hours=1, seconds=1)
