"""What goes wrong on Oracle's side, over the wire and with a real broker: nothing is lost, nothing is skipped, and the
connector says what the matter is and goes on by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oracledb
import pytest

from connector.runtime.telemetry import Count
from schemas.records import AlertState
from tests.integration.connector_world import Database, World, settings_for, settle, turn
from tests.integration.failing_world import (
    HINT,
    SNAPSHOT,
    SOURCE,
    TRUTH,
    assert_nothing_skipped,
    at_work,
    database_to_cut,
    names,
    problem,
    skip_to_recovery,
    skipped,
    students,
    told,
    turn_for,
)
from tests.standins.oracle import Fault, OracleStandin

# The driver leaves the sockets of cut sessions and refused log-ons to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def database(standin: OracleStandin) -> Iterator[Database]:
    yield from database_to_cut(standin)


def test_a_listener_that_is_down_at_the_start(world: World, database: Database) -> None:
    """The connector says so, waits, and loads everything when it is there."""
    database.enrol(*students(0, 3))
    database.standin.stop_listener()
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        turn(connector, until=lambda: problem(connector) == "CS2001")
        assert [] == world.published()
        database.standin.start_listener()
        skip_to_recovery(world, connector)
        settle(connector)

    assert {"G": names(0, 3)} == world.members()


def test_a_listener_that_goes_later(world: World, database: Database) -> None:
    """The checkpoint stays where it was, however long it lasts; the alert is raised and cleared."""
    with at_work(world, database) as connector:
        database.standin.stop_listener()
        database.enrol(*students(10, 12))
        for session in list(database.standin.sessions):
            if session.attributes.get("module") == "cohortstream":
                database.standin._loop.call_soon_threadsafe(session.abort)
        turn(connector, until=lambda: problem(connector) == "CS2001")
        turn(connector, until=lambda: skipped(world) and f"connector/{SOURCE}/source" in connector.state.alerts())
        before = world.checkpoint(SOURCE).hints
        turn_for(connector, 3.0)
        assert before == world.checkpoint(SOURCE).hints
        database.standin.start_listener()
        assert_nothing_skipped(world, database)
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})

    assert AlertState.CLEARED is world.alerts()[f"connector/{SOURCE}/source"].state


@pytest.mark.parametrize("where", [HINT, TRUTH])
def test_a_session_that_ends_in_the_middle_of_a_fetch(world: World, database: Database, where: str) -> None:
    """ORA-03113 after some rows have come, again and again: no part of an answer is taken for the whole."""
    with at_work(world, database, fetch_rows=10) as connector:
        fault = Fault("fetch", ora=3113, matching=where, user="APP", times=None)
        database.standin.faults.add(fault)
        database.enrol(*students(10, 60))
        turn(connector, until=lambda: problem(connector) is not None)
        turn_for(connector, 2.5)
        assert {"G": names(0, 3)} == world.members()
        assert_nothing_skipped(world, database)
        database.standin.faults.clear()
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 60)})
        assert_nothing_skipped(world, database)


@pytest.mark.parametrize("ora", [3113, 1555])
def test_a_snapshot_that_is_cut_off_begins_again(world: World, database: Database, ora: int) -> None:
    """After a pause of its own, while polling goes on; each time it is counted and said; nobody is removed for the rows
    that did not come.
    """
    with at_work(world, database, fetch_rows=10) as connector:
        database.enrol(*students(10, 60))
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 60)})
        database.standin.faults.add(Fault("fetch", ora=ora, matching=SNAPSHOT, times=3, skip=1))
        asked = world.signal("snapshot")
        for failures in (1, 2, 3):
            turn(connector, until=lambda: len(told(world, asked, "restarting")) == failures)  # noqa: B023
            assert failures == database_reads(database)
            turn_for(connector, 1.0)
            assert failures == database_reads(database), "it must not begin again at once"
            database.enrol((100 + failures, f"t{failures}", "G"))
            turn(connector, until=lambda: f"t{failures}" in world.members()["G"])  # noqa: B023
            if failures < 3:
                world.clock.skip(240.0)
        assert AlertState.RAISED is world.alerts()[f"connector/{SOURCE}/snapshot"].state
        world.clock.skip(240.0)
        turn(connector, until=lambda: len(told(world, asked, "finished")) == 1)

    (_, *restarts) = [notification.reason for notification in told(world, asked, "restarting")]
    assert all(("ORA-01555" in (reason or "")) == (ora == 1555) for reason in restarts)
    assert AlertState.CLEARED is world.alerts()[f"connector/{SOURCE}/snapshot"].state
    assert {"G": names(0, 3) | names(10, 60) | {"t1", "t2", "t3"}} == world.members()
    assert 3 == world.metrics.total(Count.SNAPSHOT_RESTARTS, source=SOURCE)


def database_reads(database: Database) -> int:
    """How often a snapshot of the whole table was begun after the first load."""
    return len(database.standin.activity.executions(SNAPSHOT, "APP")) - 1


def reader(database: Database) -> dict[str, Any]:
    """Settings of an account that may read the table and nothing else."""
    database.run("create user reader identified by pw")
    database.run("grant create session to reader")
    database.run("grant select on enrolments to reader")
    membership = {"table": "app.enrolments", "student": "{STUDENT}"}
    return {"user": "reader", "password": "pw", "membership": membership}


def test_a_revoked_grant(world: World, database: Database) -> None:
    """The source halts and names the object and the grant; it goes on by itself once that is back."""
    with at_work(world, database, **reader(database)) as connector:
        database.run("revoke select on enrolments from reader")
        database.enrol(*students(10, 12))
        turn(connector, until=lambda: problem(connector) == "CS2003")
        said = connector.problems[SOURCE]
        assert ("APP" in said.text.upper(), "ENROLMENTS" in said.text.upper()) == (True, True), said.text
        assert "grant select" in said.fix.lower()
        turn(connector, until=lambda: world.alerts()[f"connector/{SOURCE}/source"].state is AlertState.RAISED)
        assert_nothing_skipped(world, database)
        database.run("grant select on enrolments to reader")
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})
        assert AlertState.CLEARED is world.alerts()[f"connector/{SOURCE}/source"].state


@pytest.mark.parametrize(
    "fault",
    [
        Fault("execute", ora=1013, matching=TRUTH, times=None),
        Fault("execute", delay=20.0, matching=TRUTH, times=None),
    ],
    ids=["cancelled", "too long"],
)
def test_a_call_that_is_ended(world: World, database: Database, fault: Fault) -> None:
    """By the DBA or by its time limit: told as such, and tried again later; nothing is skipped."""
    with at_work(world, database, call_timeout="500ms") as connector:
        database.standin.faults.add(fault)
        database.enrol(*students(10, 12))
        turn(connector, until=lambda: problem(connector) == "CS2013")
        turn_for(connector, 2.0)
        assert_nothing_skipped(world, database)
        database.standin.faults.clear()
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})


def refused(database: Database) -> int:
    return database.standin.activity.failed_logons["APP"]


def test_a_wrong_password_is_tried_once(world: World, database: Database, tmp_path: Path) -> None:
    """Once per value of the secret, however much time passes; the file's new content is tried by itself."""
    secret = tmp_path / "secret"
    secret.write_text("app")
    with at_work(world, database, password={"file": str(secret)}) as connector:
        database.run("alter user app identified by changed")
        database.standin.kill_sessions()
        turn(connector, until=lambda: problem(connector) == "CS2002")
        for _ in range(20):
            world.clock.skip(60.0)
            turn_for(connector, 0.1)
        assert 1 == refused(database)
        secret.write_text("wrong as well")
        turn(connector, until=lambda: skipped(world) and refused(database) == 2)
        world.clock.skip(3600.0)
        turn_for(connector, 1.0)
        assert 2 == refused(database)
        secret.write_text("changed")
        database.connection = oracledb.connect(user="app", password="changed", dsn=database.dsn)
        database.enrol(*students(10, 12))
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})

    assert 2 == refused(database)


@pytest.mark.parametrize(("closed", "ora"), [({"locked": True}, "ORA-28000"), ({"expired": True}, "ORA-28001")])
def test_a_closed_account_is_left_alone(
    world: World, database: Database, closed: dict[str, bool], ora: str, tmp_path: Path
) -> None:
    """One attempt in five minutes with the same secret, which an unlocked account takes again; at once with another."""
    secret = tmp_path / "secret"
    secret.write_text("app")
    with at_work(world, database, password={"file": str(secret)}) as connector:
        account = database.standin.database.accounts.known("APP")
        for name, value in closed.items():
            setattr(account, name, value)
        database.standin.kill_sessions()
        turn(connector, until=lambda: problem(connector) == "CS2014")
        assert ora in connector.problems[SOURCE].text
        for _ in range(20):
            world.clock.skip(12.0)
            turn_for(connector, 0.1)
        assert 1 == refused(database)
        world.clock.skip(120.0)
        turn(connector, until=lambda: skipped(world) and refused(database) == 2)
        account.locked = account.expired = False
        account.password = "fresh"
        secret.write_text("fresh")
        database.connection = oracledb.connect(user="app", password="fresh", dsn=database.dsn)
        database.enrol(*students(10, 12))
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})
