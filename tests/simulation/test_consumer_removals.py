"""Removals that were approved and then had to wait, or may not go yet."""

from __future__ import annotations

from itertools import count

import pytest

from schemas.keys import partition_of
from schemas.records import EntryStatus, Presence
from tests.simulation.cohorts import COHORTS, PARTITIONS, SETTINGS, STUDENTS, TWIN, Day, Process
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until
from tests.unit.cohorts.values import cohort, leaver

COHORT = "C0"


def _with_an_approved_removal() -> tuple[Day, Process]:
    """The cohort was read and the removal approved, and just then all calls at once are taken by others."""
    day = Day(1, Chances(), crashes=0.0)
    day._announce(COHORT)
    day._say(COHORT, STUDENTS[0], Presence.PRESENT)
    turn_until(day, lambda: day.moodle.of(COHORT) == {100})
    day._say(COHORT, STUDENTS[0], Presence.ABSENT)
    crew = day.running[0].parts.desk.crew
    turn_until(day, lambda: crew.running("removals: read"))
    crew._slots = 0
    turn_until(day, lambda: crew.idle and crew.busy(COHORT))
    return day, day.running[0]


def _calls_are_free(process: Process) -> None:
    process.parts.desk.crew._slots = 3


def test_an_approved_removal_is_dropped_when_another_key_wants_the_user() -> None:
    """What the source says between the approval and the call counts, of every key of the account."""
    day, process = _with_an_approved_removal()
    day._say(COHORT, TWIN, Presence.PRESENT)
    turn_until(day, lambda: process.parts.ledger.entry(COHORT, TWIN))
    _calls_are_free(process)
    turn_for(day, 30)

    assert day.moodle.removed == []
    assert day.moodle.of(COHORT) == {100}


def test_an_approved_removal_that_had_to_wait_is_read_and_planned_again() -> None:
    """A member who left by hand meanwhile is not removed a second time."""
    day, process = _with_an_approved_removal()
    turn_for(day, 60)
    day.moodle.members_in(COHORT).clear()
    _calls_are_free(process)
    turn_for(day, 30)

    assert day.moodle.phantoms == []
    entry = process.parts.ledger.entry(COHORT, STUDENTS[0])
    assert entry is not None
    assert entry.applied is Presence.ABSENT


def test_removals_that_cannot_go_do_not_hold_up_the_others() -> None:
    """However many wait for a cohort that cannot be used, those behind them in the same partition go."""
    day = Day(1, Chances(), crashes=0.0)
    day._announce(COHORT)
    day._say(COHORT, STUDENTS[0], Presence.PRESENT)
    turn_until(day, lambda: day.moodle.of(COHORT) == {100})
    ledger, now = day.running[0].parts.ledger, day.timeline.now()
    partition = partition_of(COHORT, PARTITIONS)
    stuck = next(name for name in map("X{}".format, count()) if partition_of(name, PARTITIONS) == partition)
    ledger.put_cohort(
        cohort(stuck, 999, status=EntryStatus.PARKED, reason="cohort_colliding", colliding_with="x", since=now)
    )
    for number in range(1200):
        ledger.put(leaver(stuck, f"z{number}", 5000 + number, since=now, due_at=now, reason="removal_settling"))
    day._say(COHORT, STUDENTS[0], Presence.ABSENT)
    turn_for(day, 30)

    assert day.moodle.removed == [(COHORT, 100)]
    assert all(entry.status is EntryStatus.DUE for entry in ledger.entries_of(stuck))


@pytest.mark.parametrize("off", [False, True], ids=["held back", "not running"])
def test_nobody_is_removed_while_the_topic_has_unread_words(off: bool) -> None:  # noqa: FBT001
    """Moodle was away, and so much is to be added that the topic waits; behind it lies the word that the student is back."""
    cohort, other = sharing_a_partition()
    day = Day(3, Chances(), crashes=0.0, settings=SETTINGS.model_copy(update={"backlog": 100, "poll_records": 20}))
    many = {f"x{number}": 2000 + number for number in range(1400)}
    day.moodle.accounts |= many
    for name in (cohort, other):
        day._announce(name)
    for student in STUDENTS[:3]:
        day._say(cohort, student, Presence.PRESENT)
    turn_until(day, lambda: len(day.moodle.of(cohort)) == 3)
    if off:
        process = day.running.pop()
        process.inbox.close()
    day.moodle.chances = Chances(unavailable=1.0)
    day._say(cohort, STUDENTS[1], Presence.ABSENT)
    day._say(cohort, STUDENTS[2], Presence.ABSENT)
    for student in many:
        day._say(other, student, Presence.PRESENT)
    day._say(cohort, STUDENTS[1], Presence.PRESENT)
    turn_for(day, 30)
    day.moodle.chances = Chances()
    turn_until(day, lambda: day.moodle.removed and len(day.moodle.of(other)) == len(many))

    assert [(cohort, 102)] == day.moodle.removed


def sharing_a_partition() -> tuple[str, str]:
    """Two cohorts of one partition."""
    first = COHORTS[1]
    same = partition_of(first, PARTITIONS)
    return first, next(name for name in COHORTS if name != first and partition_of(name, PARTITIONS) == same)
