"""Hints that something else tells: the journal that a trigger writes, and dates that the database's clock passes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.runtime.telemetry import Count
from schemas.records import Presence
from tests.integration.connector_world import World
from tests.integration.hazard_world import (
    OVERLAP,
    SETTLE,
    SOURCE,
    Campus,
    Trial,
    banner,
    change,
    journalled,
    register,
    stages,
    tell,
    trial,
)

COHORT = "202610.20001"
STAGE = "L1INFO"
HOURS = timedelta(hours=3)
DAY = timedelta(days=1)
LATER = SETTLE + timedelta(minutes=1)


def registered(campus: Campus, *students: int) -> None:
    """Long ago, and told long ago."""
    register(campus.connection, *students)
    tell(campus.connection, "I", *students)
    campus.run("update sfrstcr_journal set changed_at = systimestamp - interval '1' day")


# --- a journal --------------------------------------------------------------------------------


def test_a_journal_tells_of_inserts_updates_and_deletes(world: World, campus: Campus) -> None:
    """The rows themselves bear no stamp that would tell. A delete waits for its second look, and keeps its cause."""
    registered(campus, 1, 2)
    with trial(world, campus, banner(campus.dsn, hint=journalled())) as it:
        register(campus.connection, 3)
        tell(campus.connection, "I", 3)
        campus.connection.commit()
        it.until(COHORT, 1, 2, 3)
        change(campus.connection, "update sfrstcr set sfrstcr_rsts_code = 'DW' where sfrstcr_pidm = 2")
        tell(campus.connection, "U", 2)
        campus.connection.commit()
        it.until(COHORT, 1, 3)
        change(campus.connection, "delete from sfrstcr where sfrstcr_pidm = 1")
        tell(campus.connection, "D", 1)
        campus.connection.commit()
        it.full_read()
        campus.pass_by(SETTLE - timedelta(minutes=1))
        it.run()
        assert {"1", "3"} == world.members()[COHORT]
        campus.pass_by(timedelta(minutes=2))
        it.until(COHORT, 3)

        assert "row_inactive" == it.cause(2, COHORT, Presence.ABSENT)
        assert "journal_delete" == it.cause(1, COHORT, Presence.ABSENT)
        assert {} == it.missed()


def test_a_journal_that_commits_hours_late_is_proved_complete(world: World, campus: Campus) -> None:
    """The trigger stamps in the transaction of the change: what is stamped early and commits late is waited for."""
    registered(campus, 1, 2)
    with trial(world, campus, banner(campus.dsn, hint=journalled())) as it, campus.opened() as slow:
        change(slow, "update sfrstcr set sfrstcr_rsts_code = 'DW' where sfrstcr_pidm = 1")
        tell(slow, "U", 1)
        register(slow, 4)
        tell(slow, "I", 4)
        campus.pass_by(HOURS)
        register(campus.connection, 3)
        tell(campus.connection, "I", 3)
        campus.connection.commit()
        it.until(COHORT, 1, 2, 3)
        assert ("proved", 1) == (it.safety(), it.open_ranges)
        slow.commit()
        it.until(COHORT, 2, 3, 4)

        assert 0 == world.metrics.total(Count.WATERMARKS, source=SOURCE, safety="assumed")
        assert {} == it.missed()


def test_a_journal_by_number_is_followed_past_holes(world: World, campus: Campus) -> None:
    """Numbers of a transaction that is still open are waited for; those of one that is rolled back tell of nothing."""
    registered(campus, 1)
    with (
        trial(world, campus, banner(campus.dsn, hint=journalled("ID"))) as it,
        campus.opened() as slow,
        campus.opened() as vain,
    ):
        register(slow, 2)
        tell(slow, "I", 2)
        register(vain, 3)
        tell(vain, "I", 3)
        register(campus.connection, 4)
        tell(campus.connection, "I", 4)
        campus.connection.commit()
        it.until(COHORT, 1, 4)
        it.full_read()
        vain.rollback()
        slow.commit()
        it.until(COHORT, 1, 2, 4)

        assert "assumed" == it.safety()
        assert [] == world.records_of("3")
        assert {} == it.missed()


def test_a_journal_names_both_students_of_a_row_that_passes_on(world: World, campus: Campus) -> None:
    """Two records of a person are merged: one gains the membership at once, the other loses it after a second look."""
    registered(campus, 1, 2)
    with trial(world, campus, banner(campus.dsn, hint=journalled())) as it:
        change(campus.connection, "update sfrstcr set sfrstcr_pidm = 9 where sfrstcr_pidm = 1")
        tell(campus.connection, "D", 1)
        tell(campus.connection, "U", 9)
        campus.connection.commit()
        it.until(COHORT, 1, 2, 9)
        it.full_read()
        campus.pass_by(LATER)
        it.until(COHORT, 2, 9)

        assert "enrolled" == it.cause(9, COHORT)
        assert "journal_delete" == it.cause(1, COHORT, Presence.ABSENT)


def test_a_reload_that_a_journal_tells_of_removes_nobody(world: World, campus: Campus) -> None:
    """Deleted, committed, inserted, committed: each delete is told, and is no longer true when it is looked at again."""
    students = range(1, 31)
    registered(campus, *students)
    with trial(world, campus, banner(campus.dsn, hint=journalled())) as it:
        change(campus.connection, "delete from sfrstcr")
        tell(campus.connection, "D", *students)
        campus.connection.commit()
        it.full_read()
        campus.pass_by(SETTLE / 2)
        register(campus.connection, *students)
        tell(campus.connection, "I", *students)
        campus.connection.commit()
        it.full_read()
        campus.pass_by(LATER)
        it.run()

        assert [] == it.removals()
        assert len(students) == len(world.members()[COHORT])


# --- dates ------------------------------------------------------------------------------------


def enter(campus: Campus, student: int, first: str, last: str = "null") -> None:
    """Enrol in the stage, from a day to a day; expressions of the database."""
    campus.run(f"insert into ins_adm_etp values ({student}, '{STAGE}', {first}, {last})")


def test_memberships_begin_and_end_by_their_dates(world: World, campus: Campus) -> None:
    """Nothing is changed in the table: the clock passes the first day, and the end of the last. Who has no row in the
    query any more is removed after a second look, since the hint says when to look and nothing else.
    """
    enter(campus, 1, "sysdate - 30")
    enter(campus, 2, "sysdate - 30", "sysdate + 1")
    enter(campus, 3, "sysdate + 1")
    with trial(world, campus, stages(campus.dsn)) as it:
        assert {"1", "2"} == world.members()[STAGE]
        campus.pass_by(DAY + HOURS)
        it.until(STAGE, 1, 2, 3)
        it.full_read()
        campus.pass_by(LATER)
        it.run()
        assert {"1", "2", "3"} == world.members()[STAGE]  # the last day is included
        campus.pass_by(DAY)
        it.full_read()
        campus.pass_by(LATER)
        it.until(STAGE, 1, 3)

        assert "enrolled" == it.cause(3, STAGE)
        assert "left_view" == it.cause(2, STAGE, Presence.ABSENT)
        assert {} == it.missed()


def test_dates_that_pass_while_nobody_polls_are_read_afterwards(world: World, campus: Campus) -> None:
    """The cursor is the clock: after an outage of any length everything between is looked at, by whatever process."""
    enter(campus, 1, "sysdate - 30")
    enter(campus, 2, "sysdate + 1")
    with trial(world, campus, stages(campus.dsn)):
        assert {"1"} == world.members()[STAGE]
    campus.pass_by(10 * DAY)
    with world.connector("elsewhere", campus=stages(campus.dsn)) as connector:
        it = Trial(world, connector, campus)
        it.until(STAGE, 1, 2)

        assert {} == it.missed()


@pytest.mark.parametrize("late", [False, True], ids=["within the overlap", "later"])
def test_a_row_that_commits_after_its_date_has_passed(world: World, campus: Campus, *, late: bool) -> None:
    """Within the overlap the hint finds it all the same. Later it is another hint's to find; here the snapshot does, and
    says that nothing watched it.
    """
    enter(campus, 1, "sysdate - 30")
    with trial(world, campus, stages(campus.dsn)) as it, campus.opened() as slow:
        change(slow, f"insert into ins_adm_etp values (2, '{STAGE}', sysdate + 1/24, null)")
        campus.pass_by(timedelta(hours=1) + (OVERLAP * 2 if late else OVERLAP / 2))
        it.full_read()
        slow.commit()
        if late:
            it.full_read()
            assert {"1"} == world.members()[STAGE]
            assert {"unwatched": 1} == it.missed()
        it.until(STAGE, 1, 2)

        assert ("unwatched" if late else "enrolled") == it.cause(2, STAGE)
        assert {} == it.missed()
