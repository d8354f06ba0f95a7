"""Another Moodle than the one that the ledger speaks of: restored, cloned, moved, or seen by a service user without rights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from schemas.records import Presence
from tests.simulation.cohorts import COHORTS, FOREIGN, STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until
from tests.simulation.words import answers, markers, say, site_marks, standing

ABSENT, PRESENT = Presence.ABSENT, Presence.PRESENT


def settled_day(students: int = 12, processes: int = 1) -> Day:
    """A day on which all is applied, and the site is known by its accounts."""
    day = Day(3, Chances(), crashes=0.0, processes=processes)
    for cohort in COHORTS:
        day._announce(cohort)
        for student in STUDENTS[:students]:
            day._say(cohort, student, PRESENT)
    turn_until(day, lambda: all(len(day.moodle.of(cohort)) == students for cohort in COHORTS))
    day.moodle.members_in(COHORTS[0]).update({FOREIGN, FOREIGN + 1})
    turn_for(day, 130)  # the next look
    for cohort in COHORTS:
        day._say(cohort, STUDENTS[0], PRESENT)  # something to commit
    turn_for(day, 10)
    assert all(marker.site is not None and marker.site.user_id == 111 for marker in markers(day).values())
    return day


def back_up(day: Day) -> tuple[dict[int, str], dict[int, set[int]]]:
    """Moodle's cohorts and members as they are now."""
    return dict(day.moodle.cohorts), copy.deepcopy(day.moodle.members)


def restored_later(day: Day, backup: tuple[dict[int, str], dict[int, set[int]]]) -> dict[str, int]:
    """Another cohort and other accounts come, and Moodle is set back to the backup; the accounts that it has lost."""
    day._announce("NEW")
    for student in STUDENTS[12:15]:
        day._say("NEW", student, PRESENT)
        day._say(COHORTS[0], student, PRESENT)
    turn_until(day, lambda: len(day.moodle.of("NEW")) == 3)
    turn_for(day, 150)
    day.moodle.cohorts, day.moodle.members = backup
    day.moodle.never_there = {112, 113, 114}
    return {student: day.moodle.accounts.pop(student) for student in STUDENTS[12:15]}


def test_a_restored_moodle_gets_no_call_until_a_person_accepts_it() -> None:
    """Accounts that the ledger names were never made there. Then all of it is read again, and ends as the source says."""
    day = settled_day()
    old = back_up(day)
    day._say(COHORTS[1], STUDENTS[1], ABSENT)
    turn_until(day, lambda: 101 not in day.moodle.of(COHORTS[1]))
    accounts = restored_later(day, old)
    turn_until(day, lambda: "CS5021" in standing(day))
    writes = day.moodle.writes
    day._say(COHORTS[2], STUDENTS[2], ABSENT)
    day._say(COHORTS[2], STUDENTS[16], PRESENT)
    say(day, "accept_site", dict.fromkeys(range(4), "another"))
    turn_for(day, 200)

    assert writes == day.moodle.writes
    assert {("command_refused", "other_site")} == set(answers(day))

    say(day, "accept_site", site_marks(day), 2)
    turn_for(day, 60)
    assert not standing(day) & {"CS5021", "CS5022", "CS5023"}
    # The people come back, under other numbers.
    day.moodle.accounts |= {student: number + 100 for student, number in accounts.items()}
    day._settle()

    day._check_end()
    assert day.moodle.of("NEW") == {212, 213, 214}


def test_a_cohort_that_a_restore_has_lost_is_made_again() -> None:
    """Moodle says of it what it says of one that a person deleted; which it is shows when the site is looked at first."""
    day = settled_day()
    accounts = restored_later(day, back_up(day))
    day._say("NEW", STUDENTS[2], PRESENT)  # long before the next look is due
    turn_until(day, lambda: "CS5021" in standing(day))

    assert "CS5008" not in standing(day)

    say(day, "accept_site", site_marks(day))
    turn_for(day, 60)
    day.moodle.accounts |= {student: number + 100 for student, number in accounts.items()}
    day._settle()

    day._check_end()
    assert day.moodle.of("NEW") == {102, 212, 213, 214}
    assert "CS5008" not in standing(day)


def test_what_moodle_has_already_is_not_sent_again_after_it_was_accepted() -> None:
    """Members are found by reading; only what is missing is added."""
    day = settled_day()
    added = len(day.moodle.added)
    day.moodle.url = "https://moved.test"
    turn_until(day, lambda: "CS5022" in standing(day))
    day.moodle.members_in(COHORTS[3]).discard(105)
    writes = day.moodle.writes
    say(day, "accept_site", site_marks(day))
    turn_for(day, 120)

    day._check_end()
    assert (added + 1, writes + 1) == (len(day.moodle.added), day.moodle.writes)
    assert all(marker.site is not None and marker.site.url == day.moodle.url for marker in markers(day).values())
    assert not standing(day)


def rename(day: Day) -> None:
    day.moodle.usernames[111] = "married"


def delete(day: Day) -> None:
    day.moodle.deleted |= {109, 110, 111}


def delete_and_rename(day: Day) -> None:
    day.moodle.deleted |= {111}
    day.moodle.usernames[110] = "married"


@pytest.mark.parametrize("done", [rename, delete, delete_and_rename])
def test_accounts_that_a_person_renames_or_deletes_are_no_other_site(done: Callable[[Day], None]) -> None:
    """Work goes on through every look."""
    day = settled_day()
    done(day)
    turn_for(day, 300)
    day._say(COHORTS[0], STUDENTS[15], PRESENT)
    turn_for(day, 30)

    assert 115 in day.moodle.of(COHORTS[0])
    assert not standing(day)


def test_a_service_user_that_sees_nobody_stops_the_sink_until_it_sees_them_again() -> None:
    """A right was taken away: said by its own alert, nothing sent, and over without a person at the consumer."""
    day = settled_day()
    hidden, day.moodle.never_there = day.moodle.never_there, set(range(100, 200))
    turn_until(day, lambda: "CS5023" in standing(day))
    writes = day.moodle.writes
    day._say(COHORTS[0], STUDENTS[15], PRESENT)
    turn_for(day, 100)
    quiet = writes == day.moodle.writes
    day.moodle.never_there = hidden
    turn_for(day, 60)

    assert quiet
    assert 115 in day.moodle.of(COHORTS[0])
    assert not standing(day)


def test_a_moodle_that_was_away_is_looked_at_before_anything_is_sent_to_it() -> None:
    """It may have been restored meanwhile: not one call goes to the wrong one."""
    day = settled_day()
    day.moodle.chances = Chances(unavailable=1.0)
    day._say(COHORTS[0], STUDENTS[15], PRESENT)
    turn_until(day, lambda: "CS5004" in standing(day))
    turn_for(day, 5)
    day.moodle.chances, day.moodle.never_there = Chances(), {111}
    writes = day.moodle.writes
    turn_for(day, 200)

    assert writes == day.moodle.writes
    assert "CS5021" in standing(day)
