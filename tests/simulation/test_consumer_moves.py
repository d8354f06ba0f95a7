"""Moves: whoever changes cohorts enters the new one before they leave the old one, whichever consumer is slow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from consumers.cohorts.reasons import Reason
from schemas.keys import partition_of
from schemas.records import EntryStatus, Presence
from tests.simulation.cohorts import COHORTS, PARTITIONS, SETTINGS, STUDENTS, Day, Process
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT
PEOPLE = STUDENTS[1:9]
SETTLE = SETTINGS.removal_settle.total_seconds()
WAIT = SETTINGS.sibling_wait.total_seconds()


def owner(day: Day, cohort: str) -> Process:
    """The process that has the cohort's partition."""
    name = day.broker.owners[partition_of(cohort, PARTITIONS)]
    return next(process for process in day.running if process.name == name)


def day_of(processes: int) -> Day:
    """A calm day with all cohorts, and as many processes that share them."""
    day = Day(1, Chances(), crashes=0.0, processes=processes)
    for cohort in COHORTS:
        day._announce(cohort)
    turn_until(day, lambda: len(day.broker.owners) == PARTITIONS and len(set(day.broker.owners.values())) == processes)
    turn_until(day, lambda: all(process.parts.consumer.idle for process in day.running))
    return day


def apart(day: Day) -> tuple[str, str, str]:
    """Cohorts of which the second belongs to another process than the first and the third."""
    for one, other, third in permutations(COHORTS, 3):
        if owner(day, one) is owner(day, third) is not owner(day, other):
            return one, other, third
    raise AssertionError("all cohorts have one owner")


def enter(day: Day, cohort: str) -> None:
    for student in PEOPLE:
        day._say(cohort, student, PRESENT)
    turn_until(day, lambda: len(day.moodle.of(cohort)) == len(PEOPLE))


def move(day: Day, origin: str, target: str) -> None:
    """As the connector tells it: the additions, and the removals that name them."""
    for student in PEOPLE:
        day._say(target, student, PRESENT)
        day._say(origin, student, ABSENT, siblings=(target,))


def turn_slowly(day: Day, slow: Process, seconds: float, reached: Callable[[], bool] = lambda: False) -> None:
    """This process has a turn every three seconds only, which is enough to stay in the group."""
    until, next_turn = day.timeline.seconds + seconds, day.timeline.seconds
    slow.asleep_until = float("inf")
    while day.timeline.seconds < until and not reached():
        day._turn()
        if day.timeline.seconds >= next_turn:
            next_turn = day.timeline.seconds + 3
            slow.parts.consumer.run_once(slow.inbox)


def watch_order(day: Day, origin: str, *targets: str) -> list[int]:
    """Checks at each removal from ``origin`` that the user has entered one of the targets; gives who left."""
    left: list[int] = []

    def removing(cohort: str, user: int) -> None:
        day._check_removal(cohort, user)
        if cohort == origin:
            assert any(user in day.moodle.of(target) for target in targets), f"{user} is in neither"
            left.append(user)

    day.moodle.on_removal = removing
    return left


@pytest.mark.parametrize("slow_one", ["of the new cohort", "of the old cohort"])
def test_a_move_between_consumers_adds_first_however_slow_one_is(slow_one: str) -> None:
    """The removals wait for Moodle to show the additions, which somebody else makes."""
    day = day_of(2)
    origin, target, _ = apart(day)
    enter(day, origin)
    left = watch_order(day, origin, target)
    slow = owner(day, target if slow_one == "of the new cohort" else origin)
    move(day, origin, target)
    turn_slowly(day, slow, 300, lambda: not day.moodle.of(origin))

    assert len(left) == len(PEOPLE)
    assert len(day.moodle.of(target)) == len(PEOPLE)
    assert day.broker.owners[partition_of(target, PARTITIONS)] != day.broker.owners[partition_of(origin, PARTITIONS)]


def test_a_chain_of_moves_waits_for_the_last_cohort() -> None:
    """From the first to the second and on to the third: with one consumer the second is left out, and nobody is in none."""
    day = day_of(1)
    first, second, third = COHORTS[1:4]
    enter(day, first)
    left = watch_order(day, first, second, third)
    move(day, first, second)
    move(day, second, third)
    turn_until(day, lambda: not day.moodle.of(first) and not day.moodle.of(second))

    assert len(left) == len(PEOPLE)
    assert len(day.moodle.of(third)) == len(PEOPLE)


def test_a_chain_of_moves_over_a_slow_consumer_leaves_nobody_in_none() -> None:
    """Its own consumer cannot know that the second cohort was left again, so who never was there is held in the first."""
    day = day_of(2)
    first, second, third = apart(day)
    enter(day, first)
    left = watch_order(day, first, second, third)
    move(day, first, second)
    move(day, second, third)
    turn_slowly(day, owner(day, second), WAIT + 60)
    held = {entry.student for entry in day.ledger().values() if entry.status is EntryStatus.HELD}

    assert len(day.moodle.of(third)) == len(PEOPLE)
    assert {day.moodle.accounts[student] for student in held} == day.moodle.of(first)
    assert len(left) + len(held) == len(PEOPLE)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_removal_settles_after_the_addition_of_its_move(processes: int) -> None:
    """The addition goes at once; the removal not before the settling time has passed."""
    day = day_of(processes)
    origin, target, _ = apart(day) if processes > 1 else (COHORTS[1], COHORTS[2], COHORTS[3])
    enter(day, origin)
    began = day.timeline.seconds
    move(day, origin, target)
    turn_until(day, lambda: len(day.moodle.of(target)) == len(PEOPLE))
    added = day.timeline.seconds - began
    turn_until(day, lambda: len(day.moodle.of(origin)) < len(PEOPLE))
    removed = day.timeline.seconds - began

    assert added < SETTLE <= removed


def test_a_move_that_is_taken_back_in_time_removes_nobody() -> None:
    """The last word wins while a removal settles; the other cohort is left instead, after its own time."""
    day = day_of(2)
    origin, target, _ = apart(day)
    enter(day, origin)
    move(day, origin, target)
    turn_until(day, lambda: len(day.moodle.of(target)) == len(PEOPLE))
    move(day, target, origin)
    turn_until(day, lambda: not day.moodle.of(target))
    turn_for(day, 30)

    assert {cohort for cohort, _ in day.moodle.removed} == {target}
    assert len(day.moodle.of(origin)) == len(PEOPLE)


def test_a_move_whose_addition_never_comes_is_held_and_nobody_is_in_neither() -> None:
    """The consumer of the new cohort makes no calls for longer than siblings are waited for; then it works again."""
    day = day_of(2)
    origin, target, _ = apart(day)
    enter(day, origin)
    crew = owner(day, target).parts.desk.crew
    crew._slots = 0
    move(day, origin, target)
    turn_for(day, WAIT + 30)
    held = [entry for entry in day.ledger().values() if entry.status is EntryStatus.HELD]
    stayed = len(day.moodle.of(origin))
    crew._slots = 3
    turn_until(day, lambda: len(day.moodle.of(target)) == len(PEOPLE))
    turn_for(day, 10)

    assert stayed == len(PEOPLE)
    assert {(entry.cohort, entry.reason) for entry in held} == {(origin, Reason.SIBLINGS)}
    assert len(held) == len(day.moodle.of(origin)) == len(PEOPLE)
    assert day.moodle.removed == []


def test_time_in_which_nobody_could_be_added_does_not_count() -> None:
    """Moodle is away for longer than siblings are waited for; then all move without a person."""
    day = day_of(1)
    origin, target = COHORTS[:2]
    enter(day, origin)
    left = watch_order(day, origin, target)
    day.moodle.chances = Chances(unavailable=1.0)
    move(day, origin, target)
    turn_for(day, 3 * WAIT)
    day.moodle.chances = Chances()
    turn_until(day, lambda: not day.moodle.of(origin))

    assert len(left) == len(day.moodle.of(target)) == len(PEOPLE)
    assert not [entry for entry in day.journal() if entry.kind == "held"]
