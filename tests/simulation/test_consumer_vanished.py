"""Memberships of cohorts that are not in Moodle and not going there."""

from __future__ import annotations

from dataclasses import replace

from schemas.records import CohortChanged, CohortState, EntryStatus, Presence
from tests.simulation.cohorts import STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.threads import EPOCH
from tests.simulation.turns import turn_for, turn_until

COHORT, STUDENT = "C0", STUDENTS[0]
VANISHED = CohortChanged(COHORT, COHORT, CohortState.VANISHED, EPOCH, EPOCH, 1, "vanished", "test", "f")


def _after_a_vanished_cohort(*, announced: bool = True) -> Day:
    """A membership is wanted in a cohort that vanished before Moodle had it."""
    day = Day(1, Chances(), crashes=0.0)
    day.revision = 1
    if announced:
        day.broker.publish(VANISHED)
    day._say(COHORT, STUDENT, Presence.PRESENT)
    turn_until(day, lambda: (COHORT, STUDENT) in day.ledger())
    turn_for(day, 10)
    return day


def test_memberships_of_a_vanished_cohort_are_parked_by_name() -> None:
    """Nobody is added and no cohort is made; the consumer is idle, so a run until all is done ends."""
    day = _after_a_vanished_cohort()

    entry = day.ledger()[COHORT, STUDENT]
    assert (entry.status, entry.reason) == (EntryStatus.PARKED, "cohort_vanished")
    assert day.running[0].parts.consumer.idle
    assert day.moodle.number(COHORT) is None


def test_memberships_that_waited_for_a_cohort_that_vanished_wait_for_this_reason() -> None:
    """The reason that is shown is the one that holds."""
    day = _after_a_vanished_cohort(announced=False)
    before = day.ledger()[COHORT, STUDENT].reason
    day.broker.publish(VANISHED)
    turn_for(day, 10)

    assert (before, day.ledger()[COHORT, STUDENT].reason) == ("cohort_unannounced", "cohort_vanished")
    assert day.running[0].parts.consumer.idle


def test_memberships_of_a_vanished_cohort_are_applied_when_it_is_there_again() -> None:
    """The source's word that it has the cohort makes it, and releases who waited."""
    day = _after_a_vanished_cohort()
    day.broker.publish(replace(VANISHED, state=CohortState.PRESENT, cause="returned", revision=9))
    turn_for(day, 10)

    assert day.moodle.of(COHORT) == {100}


def test_who_can_do_nothing_waits_between_turns() -> None:
    """Memberships that wait for a directory that is silent cost no turn after turn without a pause."""
    day = Day(1, Chances(), crashes=0.0)
    day._announce(COHORT)
    turn_until(day, lambda: day.moodle.number(COHORT))
    process = day.running[0]
    process.parts.consumer._students.offer = lambda now: False  # type: ignore[method-assign]
    day._say(COHORT, STUDENT, Presence.PRESENT)
    turn_until(day, lambda: len(process.parts.desk.backlog))
    began, turns = day.timeline.seconds, 100
    for _ in range(turns):
        day._turn()

    assert day.timeline.seconds - began > turns * 0.04


def _with_members() -> Day:
    """Three students are in a cohort; the source says that one is out of it, and soon after that it has no such cohort."""
    day = Day(1, Chances(), crashes=0.0)
    day.revision = 1
    day.broker.publish(replace(VANISHED, state=CohortState.PRESENT, cause="first_load"))
    for student in STUDENTS[:3]:
        day._say(COHORT, student, Presence.PRESENT)
    turn_until(day, lambda: len(day.moodle.of(COHORT)) == 3)
    day._say(COHORT, STUDENT, Presence.ABSENT)
    turn_until(day, lambda: day.ledger()[COHORT, STUDENT].status is EntryStatus.DUE)
    day.broker.publish(replace(VANISHED, revision=20))
    return day


def test_a_removal_that_was_due_is_held_when_its_cohort_vanishes() -> None:
    """A cohort that vanished keeps its members, whatever was told of them before."""
    day = _with_members()
    turn_until(day, lambda: day.ledger()[COHORT, STUDENT].status is EntryStatus.HELD)

    assert "cohort_vanished" == day.ledger()[COHORT, STUDENT].reason
    assert 3 == len(day.moodle.of(COHORT))


def test_such_a_removal_goes_on_when_the_cohort_is_there_again() -> None:
    """By what the source said of the membership."""
    day = _with_members()
    turn_until(day, lambda: day.ledger()[COHORT, STUDENT].status is EntryStatus.HELD)
    day.broker.publish(replace(VANISHED, state=CohortState.PRESENT, cause="returned", revision=30))
    turn_until(day, lambda: day.ledger()[COHORT, STUDENT].status is EntryStatus.SETTLED)

    assert 2 == len(day.moodle.of(COHORT))
