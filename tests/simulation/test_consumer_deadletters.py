"""Records that cannot be used, in masses."""

from __future__ import annotations

import pytest

from schemas.keys import partition_of
from schemas.records import Presence
from tests.simulation import cohorts
from tests.simulation.cohorts import PARTITIONS, SETTINGS, STUDENTS, Day
from tests.simulation.fake_kafka import MEMBERSHIPS
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import stop, turn_for, turn_until

COHORT, LIMIT = "C0", 100


def test_too_many_dead_letters_stop_the_intake_within_a_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind them stays on the topic; each restart, after a person has looked, goes on up to the limit."""
    monkeypatch.setattr(cohorts, "SETTINGS", SETTINGS.model_copy(update={"dead_letter_limit": LIMIT}))
    day = Day(1, Chances(), crashes=0.0)
    partition = partition_of(COHORT, PARTITIONS)
    day._announce(COHORT)
    for number in range(250):
        day.broker.append(MEMBERSHIPS, partition, b"\xff", b"bad%d" % number)
    day._say(COHORT, STUDENTS[0], Presence.PRESENT)
    found = []
    for _ in range(2):
        turn_for(day, 10)
        found.append(len(day.dead_letters()))
        assert (COHORT, STUDENTS[0]) not in day.ledger()
        stop(day)
    turn_until(day, lambda: day.moodle.of(COHORT) == {100})

    assert found == [LIMIT + 1, 2 * (LIMIT + 1)]
    assert [letter.value for letter in day.dead_letters()] == [b"bad%d" % number for number in range(250)]
