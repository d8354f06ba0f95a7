"""Rows that no hint tells of, rows that go away, and rows that only seem to: found by snapshots, removed with care."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.runtime.telemetry import Count
from schemas.records import AlertState, Presence
from tests.integration.connector_world import World, turn
from tests.integration.hazard_world import (
    SETTLE,
    SOURCE,
    Campus,
    Trial,
    apogee,
    banner,
    peoplesoft,
    register,
    trial,
)

COHORT = "2271.1100"
SECTION = "202610.20001"
GROUP = "2026.7"
ENROL = "insert into ps_stdnt_enrl values (:1, 'UGRD', 'PSUNV', '2271', 1100, 'E', systimestamp)"
MANY = range(1, 61)
MISSING, WITHHELD = f"connector/{SOURCE}/missing", f"connector/{SOURCE}/suspects"
"""Keys of alerts: a snapshot misses too much; absences wait for a person."""
LATER = SETTLE + timedelta(minutes=1)


def enrolled(campus: Campus, *students: str) -> None:
    """PeopleSoft rows of long ago."""
    campus.run(ENROL.replace("systimestamp", "systimestamp - interval '1' day"), *((student,) for student in students))


def registered(campus: Campus, *students: int) -> None:
    """Banner rows of long ago."""
    register(campus.connection, *students)
    campus.run("update sfrstcr set sfrstcr_activity_date = sysdate - 1")


# --- what polling by time cannot see ----------------------------------------------------------


def test_a_row_without_a_stamp_is_found_by_the_snapshot(world: World, campus: Campus) -> None:
    """A batch that leaves the stamp empty."""
    with trial(world, campus, peoplesoft(campus.dsn)) as it:
        campus.run(ENROL.replace("systimestamp", "null"), ("N1",))
        it.full_read()
        assert {} == world.members()

        assert {"null_cursor": 1} == it.missed()
        assert "null_cursor" == it.cause("N1", COHORT)
        assert 1 == world.metrics.total(Count.SNAPSHOT_DIFFERENCES, source=SOURCE, cause="null_cursor")
        assert {} == it.missed()


def test_a_stamp_that_goes_backwards_is_found_by_the_snapshot(world: World, campus: Campus) -> None:
    """A correction that restores an old row, with its old stamp."""
    enrolled(campus, "N1", "N2")
    with trial(world, campus, peoplesoft(campus.dsn)) as it:
        back = "update ps_stdnt_enrl set stdnt_enrl_status = 'D', lastupddttm = systimestamp - 30 where emplid = 'N1'"
        campus.run(back)
        it.full_read()
        assert {COHORT: {"N1", "N2"}} == world.members()

        assert {"cursor_backwards": 1} == it.missed()
        assert "cursor_backwards" == it.cause("N1", COHORT, Presence.ABSENT)


def test_a_change_that_leaves_the_stamp_alone_is_found_by_the_snapshot(world: World, campus: Campus) -> None:
    """An UPDATE by hand."""
    enrolled(campus, "N1", "N2")
    with trial(world, campus, peoplesoft(campus.dsn)) as it:
        campus.run("update ps_stdnt_enrl set class_nbr = 1101 where emplid = 'N1'")
        campus.run("update ps_stdnt_enrl set stdnt_enrl_status = 'W' where emplid = 'N2'")
        it.full_read()
        assert {COHORT: {"N1", "N2"}} == world.members()

        assert 1 == it.missed()["untouched_cursor"]
        assert "untouched_cursor" == it.cause("N2", COHORT, Presence.ABSENT)
        assert {"2271.1101": {"N1"}, COHORT: {"N1"}} == world.members()  # a key that changed is a new row: later


# --- absences ---------------------------------------------------------------------------------


def test_a_deleted_row_is_suspected_first_and_removed_after_a_second_look(world: World, campus: Campus) -> None:
    """No earlier than ``absence_settle`` after the first look, by the database's clock."""
    enrolled(campus, "N1", "N2")
    with trial(world, campus, peoplesoft(campus.dsn)) as it:
        campus.run("delete from ps_stdnt_enrl where emplid = 'N1'")
        it.full_read()
        assert {"deleted": 1} == it.missed()
        campus.pass_by(SETTLE - timedelta(minutes=1))
        it.run()
        assert {COHORT: {"N1", "N2"}} == world.members()
        campus.pass_by(timedelta(minutes=2))
        it.until(COHORT, "N2")

        assert "deleted" == it.cause("N1", COHORT, Presence.ABSENT)


def test_a_reload_removes_nobody(world: World, campus: Campus) -> None:
    """All rows deleted and committed, a snapshot in between, all rows inserted and committed: shorter than
    ``absence_settle``, and nobody has left.
    """
    enrolled(campus, *(f"N{n}" for n in MANY))
    with trial(world, campus, peoplesoft(campus.dsn)) as it:
        campus.run("create table kept as select * from ps_stdnt_enrl")
        campus.run("delete from ps_stdnt_enrl where emplid <> 'N1'")
        it.snapshot()
        campus.pass_by(SETTLE / 2)
        campus.run("insert into ps_stdnt_enrl select * from kept where emplid <> 'N1'")
        it.snapshot()
        campus.pass_by(LATER)
        it.run()

        assert [] == it.removals()
        assert len(MANY) == len(world.members()[COHORT])


def test_a_row_that_left_a_view_says_so(world: World, campus: Campus) -> None:
    """The memberships' view no longer has it, the table that the hint watches does."""
    registered(campus, 1, 2)
    campus.run("create view current_sfrstcr as select * from sfrstcr where sfrstcr_term_code >= '202600'")
    plain = banner(campus.dsn)
    seen_through = plain.membership.model_dump(exclude_none=True) | {"table": "CURRENT_SFRSTCR"}
    hint = plain.hints[0].model_dump(exclude_unset=True) | {"table": "SFRSTCR"}
    with trial(world, campus, banner(campus.dsn, membership=seen_through, hint=hint)) as it:
        campus.run("update sfrstcr set sfrstcr_term_code = '201010' where sfrstcr_pidm = 1")
        it.full_read()
        assert {"left_view": 1} == it.missed()
        campus.pass_by(LATER)
        it.until(SECTION, 2)

        assert "left_view" == it.cause(1, SECTION, Presence.ABSENT)


def test_a_row_whose_student_changed_says_so(world: World, campus: Campus) -> None:
    """Two records of a person are merged: the row keeps its number and names the other one."""
    registered(campus, 1, 2)
    with trial(world, campus, banner(campus.dsn)) as it:
        campus.run("update sfrstcr set sfrstcr_pidm = 9, sfrstcr_activity_date = sysdate where sfrstcr_pidm = 1")
        it.until(SECTION, 1, 2, 9)
        it.snapshot()
        campus.pass_by(LATER)
        it.until(SECTION, 2, 9)

        assert "enrolled" == it.cause(9, SECTION)
        assert "key_changed" == it.cause(1, SECTION, Presence.ABSENT)


# --- a source that is broken ------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition", ["1 = 0", "mod(sfrstcr_pidm, 2) = 0"], ids=["everything is hidden", "half is hidden"]
)
def test_a_policy_that_hides_rows_removes_nobody_and_is_told(world: World, campus: Campus, condition: str) -> None:
    """Nobody has left: an alert is raised instead, and cleared when the rows are back."""
    registered(campus, *MANY)
    with trial(world, campus, banner(campus.dsn)) as it:
        campus.standin.database.catalog.protect("APP", "SFRSTCR", condition)
        it.snapshot()
        assert AlertState.RAISED is world.alerts()[MISSING].state
        for _ in range(2):
            campus.pass_by(LATER)
            it.snapshot()
            it.run()
        assert [] == it.removals()

        campus.standin.database.catalog.protect("APP", "SFRSTCR", "")
        it.snapshot()
        campus.pass_by(LATER)
        turn(it.connector, until=lambda: not _raised(it))
        assert [] == it.removals()
        assert len(MANY) == len(world.members()[SECTION])


def test_half_a_table_deleted_removes_nobody_and_is_told(world: World, campus: Campus) -> None:
    """Rows that are gone for good look like a reload that failed: a person decides."""
    registered(campus, *MANY)
    with trial(world, campus, banner(campus.dsn)) as it:
        campus.run("delete from sfrstcr where mod(sfrstcr_pidm, 2) = 0")
        it.snapshot()
        campus.pass_by(LATER)
        turn(it.connector, until=lambda: {MISSING, WITHHELD} <= _raised(it))
        it.run()

        assert [] == it.removals()
        assert len(MANY) == len(world.members()[SECTION])


# --- no cursor at all -------------------------------------------------------------------------


def test_groups_without_any_stamp_are_followed_by_a_scan(world: World, campus: Campus) -> None:
    """New, moved and deleted rows are noticed by the counts and hashes of their students; only the delete waits."""
    campus.run("insert into ind_affecte_gpe values (:1, 7, '2026', 'L1')", *((n,) for n in range(1, 6)))
    with trial(world, campus, apogee(campus.dsn)) as it:
        campus.run("insert into ind_affecte_gpe values (6, 7, '2026', 'L1')")
        it.until(GROUP, *range(1, 7))
        campus.run("update ind_affecte_gpe set cod_gpe = 8 where cod_ind = 1")
        it.until("2026.8", 1)
        campus.run("delete from ind_affecte_gpe where cod_ind = 2")
        it.full_read()
        it.run()
        assert {"1", "2", "3", "4", "5", "6"} == world.members()[GROUP]
        campus.pass_by(LATER)
        it.until(GROUP, 3, 4, 5, 6)

        assert {"deleted"} == {it.cause(n, GROUP, Presence.ABSENT) for n in (1, 2)}
        assert {} == it.missed()


def test_what_a_scan_would_find_is_found_after_a_restart(world: World, campus: Campus) -> None:
    """The sums in the checkpoint tell which students to look at, with a state that was made anew from the topics."""
    campus.run("insert into ind_affecte_gpe values (:1, 7, '2026', 'L1')", *((n,) for n in range(1, 31)))
    settings = apogee(campus.dsn)
    with trial(world, campus, settings):
        pass
    campus.run("insert into ind_affecte_gpe values (31, 7, '2026', 'L1')")
    campus.run("delete from ind_affecte_gpe where cod_ind = 4")
    with world.connector("elsewhere", campus=settings) as connector:
        it = Trial(world, connector, campus)
        it.until(GROUP, *range(1, 32))
        it.full_read()
        campus.pass_by(LATER)
        it.until(GROUP, *range(1, 4), *range(5, 32))

        assert "enrolled" == it.cause(31, GROUP)


def _raised(it: Trial) -> set[str]:
    """Alerts that stand."""
    return {key for key, alert in it.world.alerts().items() if alert.state is AlertState.RAISED}
