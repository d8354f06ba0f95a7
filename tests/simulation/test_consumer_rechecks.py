"""Rechecks survive: whatever turn a consumer ends at, what asked for a look is looked at."""

from __future__ import annotations

import pytest

from schemas.keys import partition_of
from schemas.records import EntryStatus, Presence
from tests.simulation import cohorts
from tests.simulation.cohorts import COHORTS, PARTITIONS, SETTINGS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import crash, turn_for, turn_until
from tests.simulation.words import markers

TURNS = (*range(1, 25), 30, 40)
"""After how many turns the consumer ends: most things happen at the beginning."""


@pytest.fixture(autouse=True)
def _small_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "SETTINGS", SETTINGS.model_copy(update={"poll_records": 12, "recheck_cohorts": 2}))


def settled_day(seed: int) -> Day:
    """Everything is applied, and nothing is under way."""
    day = Day(seed, Chances(), crashes=0.0)
    day._start_of_day()
    turn_for(day, 10)
    turn_until(day, lambda: day.running[0].parts.consumer.idle)
    return day


def take_out_by_hand(day: Day) -> list[tuple[str, int]]:
    """A person takes one member out of each cohort."""
    taken = []
    for cohort in COHORTS:
        user = next(
            day.moodle.accounts[student]
            for student in sorted(day.moodle.accounts)
            if day._present(cohort, student) and day.moodle.accounts[student] in day.moodle.members_in(cohort)
        )
        day.moodle.members_in(cohort).remove(user)
        taken.append((cohort, user))
    return taken


def turn_with_live_records(day: Day, turns: int) -> None:
    """The source goes on speaking meanwhile, so that the marker moves in every partition."""
    for turn in range(turns):
        for cohort in COHORTS[turn % 3 :: 3]:
            day._say(cohort, "s05", Presence.PRESENT)
        day._turn()
        day.timeline.advance(0.05)  # so that the window of rechecks, their reads and the repairs fall within the turns


@pytest.mark.parametrize("turns", TURNS)
def test_a_crash_during_an_offset_reset_loses_no_recheck(turns: int) -> None:
    """While live records are taken in all the time, and the marker moves on."""
    day = settled_day(21)
    crash(day)
    taken = take_out_by_hand(day)
    day.broker.offsets = dict.fromkeys(range(PARTITIONS), 0)
    turn_with_live_records(day, turns)
    crash(day)
    day._settle()

    assert [place for place in taken if place[1] not in day.moodle.of(place[0])] == []


@pytest.mark.parametrize("turns", TURNS)
def test_a_crash_after_a_command_loses_no_recheck(turns: int) -> None:
    """The command is read again by whoever takes over."""
    day = settled_day(22)
    taken = take_out_by_hand(day)
    for cohort in COHORTS:
        day._order("recheck", cohort, f"look {cohort}")
    turn_with_live_records(day, turns)
    crash(day)
    day._settle()

    assert [place for place in taken if place[1] not in day.moodle.of(place[0])] == []


@pytest.mark.parametrize("turns", [1, 3, 6, 10, 15, 20])
def test_a_handover_during_an_offset_reset_loses_no_recheck(turns: int) -> None:
    """A consumer that leaves in order leaves what it has not worked off to the next one."""
    day = settled_day(23)
    crash(day)
    taken = take_out_by_hand(day)
    day.broker.offsets = dict.fromkeys(range(PARTITIONS), 0)
    turn_with_live_records(day, turns)
    day.running.pop().inbox.close()
    day._settle()

    assert [place for place in taken if place[1] not in day.moodle.of(place[0])] == []


def test_while_moodle_is_away_live_records_are_taken_in_and_offsets_wait() -> None:
    """The ledger has the news, the group's offset stays at the replay, and both come right when Moodle is back."""
    day = settled_day(24)
    crash(day)
    taken = take_out_by_hand(day)
    day.broker.offsets = dict.fromkeys(range(PARTITIONS), 0)
    day.moodle.chances = Chances(unavailable=1.0)
    turn_for(day, 5)
    for cohort in COHORTS:
        day._say(cohort, "s05", Presence.PRESENT)
    turn_for(day, 20)
    waiting = dict(day.broker.offsets)
    taken_in = {entry.desired_revision for entry in day.ledger().values() if entry.student == "s05"}
    day.moodle.chances = Chances()
    turn_for(day, 90)

    lost = [place for place in taken if place[1] not in day.moodle.of(place[0])]
    ends = {p: len(day.broker.log("enrollment.memberships", p)) for p in range(PARTITIONS)}
    assert (lost, day.broker.offsets) == ([], ends)
    assert all(waiting[p] < 12 for p in ends if ends[p])
    assert day.revision in taken_in


def test_a_command_is_passed_when_it_is_worked_off() -> None:
    """Who waits for the marker to pass a command knows that its recheck was done."""
    day = settled_day(25)
    cohort, user = take_out_by_hand(day)[0]
    day._order("recheck", cohort)
    partition = partition_of(cohort, PARTITIONS)
    turn_until(day, lambda: markers(day)[partition].commands_offset == 1)

    entry = next(entry for entry in day.ledger().values() if (entry.cohort, entry.user_id) == (cohort, user))
    assert (entry.status.value, user in day.moodle.of(cohort)) in {("pending", False), ("settled", True)}


SETTLE = SETTINGS.moodle_settle.total_seconds()
RETRY = SETTINGS.cohort_retry.total_seconds()


def day_with_a_lost_answer_in_a_closed_cohort() -> tuple[Day, str, str]:
    """Moodle carried an addition out and said nothing; then the service user loses the right to look into the cohort."""
    day = settled_day(26)
    cohort = COHORTS[0]
    student = next(s for s in sorted(day.moodle.accounts) if (cohort, s) not in day.wanted)
    number = day.moodle.number(cohort)
    assert number is not None
    day.moodle.chances = Chances(unknown=1.0, latest=1.0)
    day._say(cohort, student, Presence.PRESENT)
    turn_until(day, lambda: quarantined(day))
    day.moodle.closed.add(number)
    day.moodle.chances = Chances(unavailable=1.0)
    turn_for(day, SETTLE)
    day.moodle.chances = Chances()
    return day, cohort, student


def quarantined(day: Day) -> set[tuple[str, str]]:
    return {key for key, entry in day.ledger().items() if entry.status is EntryStatus.QUARANTINED}


def test_a_cohort_that_may_not_be_read_is_not_read_all_the_time() -> None:
    """Its quarantine is over and nobody can say how it ended: asked for as rarely as other cohorts that wait."""
    day, _, _ = day_with_a_lost_answer_in_a_closed_cohort()
    turn_for(day, SETTLE)
    assert quarantined(day)
    reads, times = day.moodle.member_reads, 20
    turn_for(day, times * RETRY)

    assert times / 2 <= day.moodle.member_reads - reads <= times + 1


def test_a_quarantine_ends_soon_after_the_cohort_may_be_read() -> None:
    """By what Moodle shows then."""
    day, cohort, student = day_with_a_lost_answer_in_a_closed_cohort()
    turn_for(day, SETTLE)
    day.moodle.closed.clear()
    turn_for(day, 2 * RETRY)

    assert not quarantined(day)
    assert day.moodle.accounts[student] in day.moodle.of(cohort)
