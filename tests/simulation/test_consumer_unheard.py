"""An addition that was sent by a process that did not live to hear of it, and was taken back by the source meanwhile."""

from __future__ import annotations

import pytest

from schemas.records import EntryStatus, Presence
from tests.simulation.cohorts import Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until

COHORT, STUDENT, USER = "C0", "s05", 105
PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT


@pytest.mark.parametrize("heard", [False, True], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("before", [(), (PRESENT,), (PRESENT, ABSENT)], ids=["never", "there", "left"])
def test_who_was_added_unheard_and_is_not_wanted_leaves(before: tuple[Presence, ...], heard: bool) -> None:  # noqa: FBT001
    """Whatever the ledger remembers of the membership: at the end the user is out, and nobody else."""
    day = Day(41, Chances(), crashes=0.0)
    day._announce(COHORT)
    day._say(COHORT, "s04", PRESENT)
    for state in before:
        day._say(COHORT, STUDENT, state)
        turn_for(day, 30)
    writes = day.moodle.writes
    day._say(COHORT, STUDENT, PRESENT)
    turn_until(day, lambda: day.moodle.writes > writes or day.moodle.of(COHORT) == {104, USER})
    if heard:
        day._say(COHORT, STUDENT, ABSENT)
        turn_for(day, 0.01)
    day._kill(day.running[0])
    if not heard:
        day._say(COHORT, STUDENT, ABSENT)
    turn_for(day, 120)

    assert day.moodle.of(COHORT) == {104}
    assert day.ledger()[COHORT, STUDENT].status is EntryStatus.SETTLED
    assert not day.moodle.phantoms


@pytest.mark.parametrize("seed", range(41, 51))
def test_a_recheck_does_not_call_it_done_while_the_addition_may_still_arrive(seed: int) -> None:
    """Moodle may be at the call of a dead process for minutes: what it shows meanwhile is not the last word."""
    day = Day(seed, Chances(), crashes=0.0)
    day._announce(COHORT)
    for student, state in (("s04", PRESENT), (STUDENT, PRESENT), (STUDENT, ABSENT)):
        day._say(COHORT, student, state)
        turn_for(day, 30)
    writes = day.moodle.writes
    day._say(COHORT, STUDENT, PRESENT)
    turn_until(day, lambda: day.moodle.writes > writes)
    day._kill(day.running[0])
    day._say(COHORT, STUDENT, ABSENT)
    for _ in range(2):
        day._write(day.wanted[COHORT, STUDENT])  # told again, so it is compared with Moodle
        turn_for(day, 1)
    turn_for(day, 120)

    assert day.moodle.of(COHORT) == {104}
    assert day.ledger()[COHORT, STUDENT].status is EntryStatus.SETTLED
