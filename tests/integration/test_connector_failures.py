"""What goes wrong on Oracle's side, over the wire and with a real broker: nothing is lost, nothing is skipped, and the
connector says what the matter is and goes on by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import oracledb
import pytest

from connector.runtime.kafka.connection import Connection
from connector.runtime.telemetry import Count
from connector.source.hints.watermark import parse
from connector.source.service import Connector
from connector.source.settings import SourceSettings
from schemas.records import AlertState
from tests.integration.connector_world import Database, World, settings_for, settle, turn
from tests.standins.oracle import Fault, OracleStandin

# The driver leaves the sockets of cut sessions and refused log-ons to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SOURCE = "apogee"
PROVED = [{"cursor": "UPDATED_AT", "stamped_by": "database", "slack": "1s", "interval": "50ms"}]
"""The cursor is then a second behind the database's clock: whatever it skipped would be lost for good."""
HINT, TRUTH, SNAPSHOT = "group by h", " in \\(", "order by"


@pytest.fixture
def database() -> Iterator[Database]:
    with OracleStandin() as standin:
        made = Database(standin)
        yield made
        try:
            made.connection.close()
        except oracledb.Error:
            assert not made.connection.is_healthy()  # the test has cut it


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> World:
    return World(connection, tmp_path)


def students(first: int, last: int) -> list[tuple[int, str, str]]:
    """Rows of one student each, all in one group."""
    return [(number, f"s{number:03}", "G") for number in range(first, last)]


def names(first: int, last: int) -> set[str]:
    return {student for _, student, _ in students(first, last)}


@contextmanager
def at_work(world: World, database: Database, **changes: Any) -> Iterator[Connector]:
    """A connector that has loaded three students."""
    database.enrol(*students(0, 3))
    with world.connector(apogee=settings_for(database.dsn, **{"hints": PROVED} | changes)) as connector:
        settle(connector)
        assert {"G": names(0, 3)} == world.members()
        yield connector


def problem(connector: Connector) -> str | None:
    """Code of what the connector says of the source."""
    found = connector.problems.get(SOURCE)
    return found.code if found is not None else None


def turn_for(connector: Connector, seconds: float) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    turn(connector, until=lambda: datetime.now(UTC) > deadline)


def skip_to_recovery(world: World, connector: Connector) -> None:
    """Let pauses after failures be over, until nothing fails any longer."""

    def well() -> bool:
        world.clock.skip(1.0)
        return connector.active and not connector.problems

    turn(connector, until=well)


def assert_nothing_skipped(world: World, database: Database) -> None:
    """No row that is not published bears a stamp below the cursor in the topic, or below what it reads again."""
    checkpoint = world.checkpoint(SOURCE)
    (hint,) = checkpoint.hints
    stood = min(at for at in (parse(hint.cursor), *(parse(open_.low) for open_ in hint.open_ranges)) if at)
    with database.connect() as connection, connection.cursor() as cursor:
        found = cursor.execute("select student, grp, updated_at from enrolments where status = 'E'").fetchall()
    behind = {(student, cohort) for student, cohort, at in found if at.replace(tzinfo=UTC) < stood}
    published = {(student, cohort) for cohort, members in world.members().items() for student in members}
    assert behind <= published


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
        turn(connector, until=lambda: skipped(world) and f"connector/{SOURCE}/source" in world.alerts())
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


def told(world: World, signal_id: str, phase: str) -> list[Any]:
    return [found for found in world.notifications(signal_id) if found.phase == phase]


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


def skipped(world: World) -> bool:
    """Let a second be over; true."""
    world.clock.skip(1.0)
    return True


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


def fail_over(database: Database, refusals: int, **identity: str) -> None:
    """All sessions are cut, the listener knows no service for a while, and another instance opens."""
    standin = database.standin
    for _ in range(refusals):
        standin.faults.add(Fault("connect", ora=12514))
    for name, value in identity.items():
        setattr(standin.database.identity, name, value)
    standin.kill_sessions()


def test_a_failover_to_the_same_database(world: World, database: Database) -> None:
    """It goes on once the service is there again."""
    with at_work(world, database) as connector:
        fail_over(database, refusals=8)
        turn(connector, until=lambda: problem(connector) == "CS2001")
        assert "12514" in connector.problems[SOURCE].text
        turn(connector, until=lambda: skipped(world) and not database.standin.faults.pending())
        database.connection = database.connect()
        database.enrol(*students(10, 12))
        skip_to_recovery(world, connector)
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})


@pytest.mark.parametrize("refusals", [0, 8])
@pytest.mark.parametrize("identity", [{"role": "PHYSICAL STANDBY"}, {"unique_name": "COPY"}])
def test_a_failover_to_another_database(
    world: World, database: Database, identity: dict[str, str], refusals: int
) -> None:
    """Not a row of it is published, not even by the call that found itself connected to it, until it is accepted."""
    with at_work(world, database) as connector:
        database.enrol(*students(10, 12))  # the connector does not turn meanwhile
        fail_over(database, refusals, **identity)
        turn(connector, until=lambda: skipped(world) and problem(connector) == "CS2020")
        turn_for(connector, 1.0)
        assert {"G": names(0, 3)} == world.members()
        mark = connector.problems[SOURCE].parameters["hash"]
        accepted = world.signal("accept", source=SOURCE, hash=mark)
        turn(connector, until=lambda: bool(told(world, accepted, "finished")))
        assert {"G": names(0, 3) | names(10, 12)} == world.members()
        assert not connector.problems


def test_a_clock_that_is_set_back_a_little_is_read_again(world: World, database: Database) -> None:
    """Within the tolerance: what is stamped behind the cursor is found all the same, and nobody is bothered."""
    with at_work(world, database) as connector:
        turn_for(connector, 3.0)
        database.standin.clock.offset = timedelta(minutes=-4)
        database.enrol(*students(10, 12))
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12)})
        turn_for(connector, 3.0)
        database.enrol(*students(20, 22))
        turn(connector, until=lambda: world.members() == {"G": names(0, 3) | names(10, 12) | names(20, 22)})
        assert not connector.problems


def test_a_clock_that_is_set_back_far_stops_the_source(world: World, database: Database) -> None:
    """It may be a restored copy; nothing is published until somebody accepts it, or the clock is right again."""
    with at_work(world, database) as connector:
        turn_for(connector, 3.0)
        database.standin.clock.offset = timedelta(minutes=-6)
        database.enrol(*students(10, 12))
        turn(connector, until=lambda: problem(connector) == "CS2020")
        assert "behind" in connector.problems[SOURCE].text
        turn_for(connector, 1.0)
        assert {"G": names(0, 3)} == world.members()
        database.standin.clock.offset = timedelta()
        database.enrol(*students(20, 22))
        world.clock.skip(60.0)
        turn(connector, until=lambda: not connector.problems)
        turn(connector, until=lambda: names(20, 22) <= world.members()["G"])


def test_a_source_that_hangs_holds_the_others_up_for_one_call_only(world: World, database: Database) -> None:
    """Between two of its attempts the others are polled; each source says how it is."""
    with OracleStandin() as standin:
        hanging = Database(standin)
        hanging.enrol(*students(0, 3))
        slow = settings_for(hanging.dsn, call_timeout="1s", cohort={"idnumber": "slow {GRP}"})
        with at_two(world, database, slow) as connector:
            standin.faults.add(Fault("execute", delay=30.0, matching=HINT, user="APP", times=None))
            turn(connector, until=lambda: problem(connector) == "CS2013")
            for number in range(10, 14):
                world.clock.skip(30.0)
                before = len(standin.activity.executions(HINT))
                database.enrol((number, f"s{number:03}", "G"))
                turn(connector, until=lambda: f"s{number:03}" in connector.state.members("banner", "G"))  # noqa: B023
                assert len(standin.activity.executions(HINT)) - before <= 1
            assert {SOURCE} == set(connector.problems)
            standin.faults.clear()
            skip_to_recovery(world, connector)
        hanging.connection.close()


@contextmanager
def at_two(world: World, database: Database, apogee: SourceSettings) -> Iterator[Connector]:
    """A connector with another source beside."""
    database.enrol(*students(0, 3))
    with world.connector(apogee=apogee, banner=settings_for(database.dsn)) as connector:
        settle(connector)
        yield connector
