"""Simulated days of the consumer. A seed decides all of a day; a failing one prints the command that repeats it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from schemas.records import EntryStatus, Presence
from tests.simulation.cohorts import COHORTS, Day, make_day
from tests.simulation.fake_moodle import Chances

SEEDS = range(int(os.environ.get("COHORT_DAYS", "24")))


def run(day: Day) -> Day:
    try:
        day.run()
    except AssertionError as error:
        command = f"python -m tests.simulation.cohorts {day.seed}"
        pytest.fail(f"{error}\nrepeat with: {command}")
    return day


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_faults_ends_as_the_source_says(seed: int) -> None:
    """Whatever crashes, is lost, arrives late or is told twice: no wrong removal, no flap, and the end state is right."""
    run(make_day(seed))


def test_a_removal_before_the_end_of_the_topic_is_found() -> None:
    """With that fault in the consumer one of the days says that somebody was removed who is wanted further on."""
    command = [sys.executable, "-m", "tests.simulation.faulty", "removals before the end of the topic"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout

    assert "wanted" in told


def test_the_same_seed_is_the_same_day() -> None:
    """What a seed found once it finds again."""
    one, other = run(make_day(3)), run(make_day(3))

    assert (one.moodle.added, one.moodle.removed) == (other.moodle.added, other.moodle.removed)
    assert one.happened == other.happened


def test_a_calm_day_writes_each_change_once() -> None:
    """Without faults every row is added once, and calls carry many rows."""
    day = run(Day(7, Chances(), crashes=0.0))

    times = {place: day.moodle.added.count(place) for place in day.moodle.added}
    allowed = {(cohort, user): sum(day.changes[cohort, key] for key in day._keys_of(user)) for cohort, user in times}
    assert all(count <= max(1, allowed[place]) for place, count in times.items())
    assert day.moodle.writes < len(day.moodle.added)


def test_a_replay_of_everything_writes_nothing() -> None:
    """Offsets reset to the beginning while Moodle is right: reads, a call for many cohorts, and no write."""
    day = run(Day(11, Chances(), crashes=0.0))
    writes, reads = day.moodle.writes, day.moodle.member_reads
    for process in list(day.running):
        day._kill(process)
    day.broker.offsets = dict.fromkeys(range(4), 0)
    day._settle()

    assert day.moodle.writes == writes
    assert 1 <= day.moodle.member_reads - reads <= 3


def test_a_replay_repairs_what_people_changed() -> None:
    """A member taken out by hand is added again when their record is told again."""
    day = run(Day(12, Chances(), crashes=0.0))
    cohort, student = next(
        key for key, entry in day.ledger().items() if entry.desired is entry.applied is Presence.PRESENT
    )
    day.moodle.members_in(cohort).remove(day.moodle.accounts[student])
    day._write(day.wanted[cohort, student])
    day._settle()

    assert day.moodle.accounts[student] in day.moodle.of(cohort)


def test_offsets_set_to_the_end_lose_nothing() -> None:
    """The marker, not the group's offset, says how far the consumer has worked."""
    day = Day(13, Chances(), crashes=0.0)
    day._start_of_day()
    day.broker.offsets = {p: len(day.broker.log("enrollment.memberships", p)) for p in range(4)}
    for _ in range(3):
        day._turn()
    process = day.running[0]
    while not process.parts.consumer.idle:
        day._turn()
    day._kill(process)
    for cohort in COHORTS:
        day._say(cohort, "s05", Presence.PRESENT)
    day.broker.offsets = {p: len(day.broker.log("enrollment.memberships", p)) for p in range(4)}
    day._settle()

    assert all(105 in day.moodle.of(cohort) for cohort in COHORTS)


def test_the_students_without_account_wait_by_name() -> None:
    """Who has no account is parked with a reason, and applied when the account appears."""
    day = Day(14, Chances(), crashes=0.0)
    day._start_of_day()
    for _ in range(400):
        day._turn()
    parked = {entry.student for entry in day.ledger().values() if entry.status is EntryStatus.PARKED}
    day.moodle.accounts |= day._late_accounts
    day._settle()

    assert parked == set(day._late_accounts)
    day._check_end()


def _with_a_deleted_cohort(seed: int) -> tuple[Day, str]:
    """A calm day after which a person deletes a cohort, which the consumer notices at the next addition."""
    day = run(Day(seed, Chances(), crashes=0.0))
    cohort = next(c for c in COHORTS if len(day.moodle.of(c)) > 1)
    day.moodle.delete(cohort)
    student = next(s for s in day.moodle.accounts if not day._present(cohort, s))
    day._say(cohort, student, Presence.PRESENT)
    day._settle()
    return day, cohort


def _wanted_in(day: Day, cohort: str) -> set[int]:
    return {day.moodle.accounts[s] for (c, s) in day.wanted if c == cohort and day._present(c, s)}


def test_a_cohort_that_a_person_deleted_is_not_made_anew_by_itself() -> None:
    """It is looked for, and when a person makes it again, its members are added again."""
    day, cohort = _with_a_deleted_cohort(15)
    assert day.moodle.number(cohort) is None

    day.moodle.make(cohort)
    day._settle()

    assert _wanted_in(day, cohort) == day.moodle.of(cohort)


def test_a_cohort_that_a_person_deleted_is_made_anew_on_command() -> None:
    """With all of its members; the same command for a cohort that is there changes nothing."""
    day, cohort = _with_a_deleted_cohort(16)
    whole = next(c for c in COHORTS if c != cohort and day.moodle.of(c))
    before = day.moodle.number(whole)
    for name in (cohort, whole):
        day._order("recreate", name, name)
    day._settle()

    assert _wanted_in(day, cohort) == day.moodle.of(cohort)
    assert before == day.moodle.number(whole)
    assert [entry.reason for entry in day.journal() if entry.kind == "command_refused"] == ["not_gone"]
