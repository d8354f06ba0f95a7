"""Tables that somebody alters while the connector works, over the wire and with a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.connector_world import Database, World, turn
from tests.integration.failing_world import (
    PROVED,
    SOURCE,
    assert_nothing_skipped,
    at_work,
    database_to_cut,
    names,
    problem,
    skip_to_recovery,
    skipped,
    students,
    turn_for,
)
from tests.standins.oracle import OracleStandin

# The driver leaves the sockets of cut sessions and refused log-ons to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def database(standin: OracleStandin) -> Iterator[Database]:
    yield from database_to_cut(standin)


def alter(database: Database, *statements: str) -> None:
    for statement in statements:
        database.run(statement)


def test_columns_that_come_or_grow_are_no_matter(world: World, database: Database) -> None:
    """It goes on without a word; values that were too long before are published."""
    with at_work(world, database) as connector:
        alter(
            database,
            "alter table enrolments add (remark varchar2(10))",
            "alter table enrolments modify (student varchar2(60))",
            "alter table enrolments modify (grp varchar2(300))",
        )
        database.enrol((10, "s" * 50, "G"))
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | {"s" * 50}})
        turn_for(connector, 1.0)
        assert not connector.problems


@pytest.mark.parametrize(
    "statement", ["alter table enrolments drop column title", "alter table enrolments rename column title to label"]
)
def test_a_column_that_goes_is_named(world: World, database: Database, statement: str) -> None:
    """With the query and the pattern that need it, and the columns there are; nothing is published or skipped until it is
    back.
    """
    with at_work(world, database) as connector:
        alter(
            database,
            statement,
            "insert into enrolments (id, student, grp, status, updated_at) values (10, 's010', 'G', 'E', systimestamp)",
        )
        turn(connector, until=lambda: skipped(world) and problem(connector) == "CS2004")
        said = connector.problems[SOURCE]
        assert all(word in said.text for word in ("TITLE", "membership query", "the pattern of name"))
        assert "UPDATED_AT" in said.fix
        turn_for(connector, 1.5)
        assert {"G": names(0, 3)} == world.members()
        assert_nothing_skipped(world, database)
        alter(database, "alter table enrolments add (title varchar2(300) default 'Group')")
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | {"s010"}})


def test_a_cursor_column_that_goes_is_named(world: World, database: Database) -> None:
    """What else the source does goes on: a person's look at a student is answered."""
    database.run("create table log (student varchar2(20), at_ timestamp(6))")
    hints = [*PROVED, {"table": "log", "cursor": "AT_", "name": "log"}]
    with at_work(world, database, hints=hints) as connector:
        alter(database, "alter table log rename column at_ to changed_at")
        turn(connector, until=lambda: skipped(world) and problem(connector) == "CS2004")
        assert all(word in connector.problems[SOURCE].text for word in ("AT_", "hint log"))
        database.enrol(*students(10, 12))
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})
        alter(database, "alter table log rename column changed_at to at_")
        skip_to_recovery(world, connector)


def test_a_cursor_that_becomes_a_timestamp_is_followed_in_its_new_terms(world: World, database: Database) -> None:
    """From a DATE; what commits before, during and after it is published."""
    database.run("alter table enrolments modify (updated_at date)")
    with at_work(world, database) as connector:
        database.enrol(*students(10, 12))
        alter(database, "alter table enrolments modify (updated_at timestamp(6))")
        database.enrol(*students(20, 22))
        turn(connector, until=lambda: skipped(world) and names(20, 22) <= world.members()["G"])
        database.enrol(*students(30, 32))
        turn(connector, until=lambda: skipped(world) and names(30, 32) <= world.members()["G"])
        skip_to_recovery(world, connector)
        assert_nothing_skipped(world, database)

    assert {"G": names(0, 3) | names(10, 12) | names(20, 22) | names(30, 32)} == world.members()


def test_students_that_become_numbers_are_read_as_such(world: World, database: Database) -> None:
    """The table is made anew with NUMBER for VARCHAR2: it says so, goes on by itself, and nobody is removed."""
    with at_work(world, database) as connector:
        database.enrol((500, "7", "G"), (501, "8", "G"))
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | {"7", "8"}})
        alter(
            database,
            "create table copied as select * from enrolments where id >= 500",
            "alter table enrolments rename to before_",
            "create table enrolments (id number(10) primary key, student number(10), grp varchar2(200), "
            "title varchar2(300), status char(2), updated_at timestamp(6))",
            "insert into enrolments select id, to_number(student), grp, title, status, systimestamp from copied",
            "insert into enrolments values (502, 9, 'G', 'Group', 'E', systimestamp)",
        )
        turn(connector, until=lambda: skipped(world) and "9" in world.members()["G"])
        skip_to_recovery(world, connector)
        database.run("insert into enrolments values (503, 10, 'G', 'Group', 'E', systimestamp)")
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | {"7", "8", "9", "10"}})
