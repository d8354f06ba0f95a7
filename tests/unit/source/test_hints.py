"""Time columns, and what of a read needs a look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.hints import HintRow
from connector.source.hints.memory import Memory
from connector.source.hints.zones import Grain, TimeColumn, wall, wall_floor

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("moment", "floor"),
    [
        ("2026-10-24T23:30:00", "2026-10-25T01:30:00"),  # an hour and a half before the clock goes back
        ("2026-10-25T00:30:00", "2026-10-25T02:00:00"),  # 02:30 summer time: 02:00 will be shown again
        ("2026-10-25T01:10:00", "2026-10-25T02:10:00"),  # 02:10 winter time
        ("2026-03-29T00:59:59", "2026-03-29T01:59:59"),  # before the missing hour
        ("2026-03-29T01:00:00", "2026-03-29T03:00:00"),
    ],
)
def test_the_hour_that_comes_twice_is_read_whole(moment: str, floor: str) -> None:
    """A bound is the least wall clock that is still to be shown."""
    found = wall_floor(datetime.fromisoformat(moment).replace(tzinfo=UTC), PARIS)

    assert datetime.fromisoformat(floor) == found


@given(
    st.datetimes(datetime(2026, 10, 24, 20), datetime(2026, 10, 25, 6)),  # noqa: DTZ001 - made aware below
    st.integers(0, 20_000),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_no_later_wall_clock_is_below_the_bound(start: datetime, later: int, name: str) -> None:
    """In any zone and hour."""
    zone, moment = ZoneInfo(name), start.replace(tzinfo=UTC)

    assert wall_floor(moment, zone) <= wall(moment + timedelta(seconds=later), zone)


def test_columns_are_bounded_in_their_own_terms() -> None:
    """A DATE has no fraction; a column that knows its zone is bounded in UTC."""
    moment = datetime(2026, 9, 1, 8, 0, 0, 250_000, UTC)
    bounds = [TimeColumn(grain, PARIS).bound(moment).isoformat() for grain in Grain]

    assert ["2026-09-01T10:00:00", "2026-09-01T10:00:00.250000", "2026-09-01T08:00:00.250000"] == bounds


def test_a_bound_is_rounded_as_the_column_is() -> None:
    """A TIMESTAMP(3) may round down what is stamped after the bound."""
    moment = datetime(2026, 9, 1, 8, 0, 0, 250_499, UTC)
    bounds = [TimeColumn(Grain.TIMESTAMP, PARIS, digits).bound(moment).microsecond for digits in (0, 3, 6, 9)]

    assert [0, 250_000, 250_499, 250_499] == bounds


@pytest.mark.parametrize("stamp", ["9999-12-31T23:59:59", "0001-01-01T00:00:00"])
@pytest.mark.parametrize("zone", ["America/Bogota", "Europe/Paris", "Pacific/Auckland"])
def test_the_ends_of_time_have_a_moment(stamp: str, zone: str) -> None:
    """They stand for "never" in many tables, and are no moments of UTC in every zone."""
    shown = datetime.fromisoformat(stamp)
    found = TimeColumn(Grain.DATE, ZoneInfo(zone), 0).utc(shown, datetime(2026, 9, 1, tzinfo=UTC))

    assert abs(found - shown.replace(tzinfo=UTC)) <= timedelta(hours=14)


def test_an_ambiguous_stamp_is_no_future_one() -> None:
    """02:10 in the hour that comes twice: the first one until the second has come."""
    column, shown = TimeColumn(Grain.TIMESTAMP, PARIS), datetime.fromisoformat("2026-10-25T02:10:00")
    first, second = (datetime(2026, 10, 25, hour, 10, tzinfo=UTC) for hour in (0, 1))

    assert (first, second) == (column.utc(shown, first), column.utc(shown, second))


STAMP = datetime.fromisoformat("2026-09-01T08:00:00")


def memory_of(*rows: HintRow, age: float = 0.5) -> Memory:
    memory = Memory()
    memory.looked_at(rows, STAMP + timedelta(seconds=age))
    return memory


def needs(memory: Memory, row: HintRow, age: float, leaving: datetime | None = None) -> bool:
    return bool(memory.unseen([row], STAMP + timedelta(seconds=age), leaving))


def test_what_was_looked_at_is_looked_at_again_at_growing_ages() -> None:
    """Late commits hide behind stamps that were seen; the steady state costs little."""
    row = HintRow("s", STAMP)
    memory = memory_of(row)

    assert [False, True] == [needs(memory, row, age) for age in (5.9, 6.0)]


def test_the_last_read_that_covers_a_stamp_looks_again() -> None:
    """Whatever is remembered."""
    row = HintRow("s", STAMP)
    memory = memory_of(row)

    assert (False, True) == (needs(memory, row, 1, STAMP), needs(memory, row, 1, STAMP + timedelta(seconds=1)))


def test_one_row_more_with_the_same_stamp_is_news() -> None:
    """As is another student."""
    memory = memory_of(HintRow("s", STAMP, 1))

    assert needs(memory, HintRow("s", STAMP, 2), 1)
    assert needs(memory, HintRow("t", STAMP, 1), 1)


def test_the_memory_is_bounded() -> None:
    """The oldest are forgotten, which costs a read."""
    memory = Memory(limit=10)
    memory.looked_at([HintRow(f"s{n}", STAMP) for n in range(100)], STAMP)
    assert 10 == len(memory)
    memory.forget_before(STAMP + timedelta(seconds=1))

    assert 0 == len(memory)


@pytest.mark.parametrize(("ahead", "again"), [(1, 1), (60, 60), (400 * 86400, 60)])
def test_a_stamp_ahead_of_the_clock_is_looked_at_when_it_comes_and_each_minute(ahead: int, again: int) -> None:
    """Other clocks may still stamp rows alike; a thousand rows of next year must not cost a thousand reads a poll."""
    row = HintRow("s", STAMP + timedelta(seconds=ahead))
    memory = memory_of(row, age=0)

    assert [False, True] == [needs(memory, row, age) for age in (again - 0.1, again)]


@pytest.mark.parametrize("stamp", ["9999-12-31T23:59:59", "0001-01-01T00:00:00"])
def test_stamps_at_the_ends_of_time_are_remembered_and_forgotten(stamp: str) -> None:
    """They stand for "never" in many tables."""
    memory = memory_of(HintRow("s", datetime.fromisoformat(stamp)))
    memory.forget_before(STAMP)

    assert len(memory) == (stamp > STAMP.isoformat())
