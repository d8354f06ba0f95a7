"""Cohorts that wait for a course category: tried one for all, and made soon after the category is there."""

from __future__ import annotations

from schemas.records import EntryStatus, Presence
from tests.simulation.cohorts import SETTINGS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import crash, turn_for, turn_until

COHORTS = 16
RETRY = SETTINGS.cohort_retry.total_seconds()


def waiting_day() -> Day:
    """Many cohorts in a category that Moodle does not have, each with a member, and one in another such category."""
    day = Day(41, Chances(), crashes=0.0)
    for number in range(COHORTS):
        day._announce(f"L{number:02d}", category="LATE")
        day._say(f"L{number:02d}", "s01", Presence.PRESENT)
    day._announce("N00", category="NEVER")
    day._say("N00", "s01", Presence.PRESENT)
    turn_until(day, lambda: len(parked(day)) == COHORTS + 1)
    return day


def parked(day: Day) -> set[str]:
    return {entry.cohort for entry in day.ledger().values() if entry.status is EntryStatus.PARKED}


def test_a_missing_category_costs_a_call_a_try_however_many_cohorts_wait_for_it() -> None:
    """Not one for each cohort, and a failure of one says nothing of the others' categories."""
    day = waiting_day()
    turn_for(day, RETRY)
    writes, tries = day.moodle.writes, 6
    turn_for(day, tries * RETRY)

    assert tries / 2 <= day.moodle.writes - writes <= 3 * 2 * (tries + 1)  # two categories; two together are halved


def test_all_are_made_soon_after_the_category_is_there() -> None:
    """Within one more try, and few calls; those of the other category go on waiting."""
    day = waiting_day()
    turn_for(day, 5 * RETRY)
    day.moodle.categories.add("LATE")
    writes, began = day.moodle.writes, day.timeline.seconds
    turn_until(day, lambda: all(101 in day.moodle.of(f"L{number:02d}") for number in range(COHORTS)))

    assert day.timeline.seconds - began <= 3 * RETRY
    assert day.moodle.writes - writes <= 20
    turn_until(day, lambda: parked(day) == {"N00"})


def test_a_successor_tries_them_all_the_same() -> None:
    """Which one is tried stands in memory only."""
    day = waiting_day()
    crash(day)
    day.moodle.categories.add("LATE")
    turn_until(day, lambda: all(101 in day.moodle.of(f"L{number:02d}") for number in range(COHORTS)))
    turn_until(day, lambda: parked(day) == {"N00"})
