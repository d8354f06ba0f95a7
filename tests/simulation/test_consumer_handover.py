"""What the next owner of a partition knows of the former one."""

from __future__ import annotations

from schemas.keys import partition_of
from schemas.records import Presence
from tests.simulation.cohorts import COHORTS, PARTITIONS, STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import stop, turn_for, turn_until
from tests.simulation.words import markers


def _clean(day: Day) -> dict[int, bool]:
    """What the topic says of each partition."""
    return {partition: marker.clean for partition, marker in markers(day).items()}


def test_no_call_goes_out_while_the_topic_says_that_nobody_works_there() -> None:
    """Also where the lease is warm through another partition: the next owner must know that a call may still arrive."""
    day = Day(1, Chances(), crashes=0.0)
    for cohort in COHORTS:
        day._announce(cohort)
        day._say(cohort, STUDENTS[1], Presence.PRESENT)
    partition = partition_of(COHORTS[0], PARTITIONS)
    other = next(cohort for cohort in COHORTS if partition_of(cohort, PARTITIONS) != partition)
    turn_for(day, 8)
    stop(day)
    turn_for(day, 3)
    assert _clean(day)[partition]
    day._say(other, STUDENTS[2], Presence.PRESENT)
    turn_for(day, 1)
    day._say(COHORTS[0], STUDENTS[2], Presence.PRESENT)
    told: list[bool] = []
    day.moodle.on_write = lambda _process: told.append(_clean(day).get(partition, True))
    turn_until(day, lambda: day.moodle.accounts[STUDENTS[2]] in day.moodle.of(COHORTS[0]))

    assert told
    assert not any(told)
