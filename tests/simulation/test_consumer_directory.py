"""A reading of all accounts that would lose too many of them."""

from __future__ import annotations

from schemas.records import Presence
from tests.simulation.cohorts import COHORTS, PARTITIONS, STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until
from tests.simulation.words import answers, say, standing


def test_a_refused_reading_is_told_and_taken_over_when_a_person_accepts_as_many() -> None:
    """Work goes on by what was known; a word about fewer students changes nothing."""
    day = Day(2, Chances(), crashes=0.0)
    day._announce(COHORTS[0])
    day.moodle.loss = (30, 200)
    turn_until(day, lambda: "CS4040" in standing(day))
    day._say(COHORTS[0], STUDENTS[1], Presence.PRESENT)
    turn_until(day, lambda: 101 in day.moodle.of(COHORTS[0]))
    say(day, "accept_directory", dict.fromkeys(range(PARTITIONS), "29"))
    turn_for(day, 30)
    stood = "CS4040" in standing(day)
    say(day, "accept_directory", dict.fromkeys(range(PARTITIONS), "30"), 2)
    turn_until(day, lambda: "CS4040" not in standing(day))

    assert stood
    assert {("approval", None)} == set(answers(day))


def test_a_word_without_a_number_is_refused() -> None:
    """Nothing is accepted that nobody has seen."""
    day = Day(2, Chances(), crashes=0.0)
    turn_for(day, 1)
    say(day, "accept_directory", dict.fromkeys(range(PARTITIONS), "all"))
    turn_for(day, 5)

    assert {("command_refused", "incomplete")} == set(answers(day))
