"""Cohorts that a person deleted, made anew while processes end."""

from __future__ import annotations

import pytest

from schemas.records import CohortEntry, EntryStatus, Presence
from tests.simulation.cohorts import STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until

COHORT = "C0"


def _last(day: Day) -> CohortEntry:
    return [entry for entry in day.broker.records("moodle.ledger") if isinstance(entry, CohortEntry)][-1]


def _with_a_deleted_cohort() -> Day:
    """The consumer has noticed that a person deleted the cohort, and a person asks for it anew."""
    day = Day(1, Chances(), crashes=0.0)
    day._announce(COHORT)
    for student in STUDENTS[:3]:
        day._say(COHORT, student, Presence.PRESENT)
    turn_until(day, lambda: len(day.moodle.of(COHORT)) == 3)
    day.moodle.delete(COHORT)
    day._say(COHORT, STUDENTS[3], Presence.PRESENT)
    turn_until(day, lambda: _last(day).reason == "cohort_gone")
    day._order("recreate", COHORT)
    return day


@pytest.mark.parametrize("status", [EntryStatus.QUARANTINED, EntryStatus.SETTLED])
def test_a_cohort_made_anew_gets_all_of_its_members_whenever_the_process_ends(status: EntryStatus) -> None:
    """Also when it ends between the commit of the new cohort and the first look at its members."""
    day = _with_a_deleted_cohort()
    turn_until(day, lambda: _last(day).status is status)
    day._kill(day.running[0])
    turn_for(day, 120)

    assert day.moodle.of(COHORT) == {100, 101, 102, 103}


@pytest.mark.parametrize("wanted", [True, False], ids=["an addition", "a removal"])
def test_a_call_in_doubt_is_over_when_its_cohort_was_deleted(wanted: bool) -> None:  # noqa: FBT001
    """Else the cohort would be read again and again, and a run until all is done would never end."""
    day = Day(1, Chances(), crashes=0.0)
    day._announce(COHORT)
    for student in STUDENTS[:3]:
        day._say(COHORT, student, Presence.PRESENT)
    turn_until(day, lambda: len(day.moodle.of(COHORT)) == 3)
    turn_for(day, 5)
    student = STUDENTS[3 if wanted else 1]
    day.moodle.chances = Chances(unknown=1.0, latest=1.0)
    day._say(COHORT, student, Presence.PRESENT if wanted else Presence.ABSENT)
    turn_until(day, lambda: _status(day, student) is EntryStatus.QUARANTINED)
    day.moodle.chances = Chances()
    turn_for(day, 2)
    day.moodle.delete(COHORT)
    turn_until(day, lambda: _last(day).reason == "cohort_gone" and day.running[0].parts.consumer.idle)

    assert _status(day, student) is (EntryStatus.PARKED if wanted else EntryStatus.SETTLED)


def _status(day: Day, student: str) -> EntryStatus | None:
    entry = day.ledger().get((COHORT, student))
    return None if entry is None else entry.status
