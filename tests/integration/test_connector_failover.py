"""Another instance, another database, another time, a database that hangs: over the wire and with a real broker."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.errors import Unavailable
from connector.source.oracle.reader import OracleSource
from connector.source.service import Connector
from connector.source.settings import SourceSettings
from tests.integration.connector_world import Database, World, settings_for, settle, turn
from tests.integration.failing_world import (
    HINT,
    SOURCE,
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


@contextmanager
def swallowing(port: int) -> Iterator[tuple[int, threading.Event, list[socket.socket]]]:
    """A network between a client and this port: its own port, what makes it pass nothing on while it is set, and the
    connections that were made through it.
    """
    swallows, made, ends = threading.Event(), list[socket.socket](), list[socket.socket]()

    def pump(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                if not swallows.is_set():
                    there.sendall(data)
        with suppress(OSError):
            there.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                server_side = socket.create_connection(("127.0.0.1", port))
                made.append(client)
                ends.extend((client, server_side))
                for pair in ((client, server_side), (server_side, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], swallows, made
        server.shutdown(socket.SHUT_RDWR)
    for end in ends:
        end.close()


def test_a_network_that_swallows_everything_costs_one_call(database: Database) -> None:
    """It is not tried again at once, as a connection that is refused is; the wait is not time inside the database."""
    standin = database.standin
    with swallowing(standin.port) as (port, swallows, made):
        settings = settings_for(database.dsn.replace(str(standin.port), str(port)), call_timeout="1s")
        source = OracleSource(SOURCE, settings, SystemClock(), patience_s=0.2)
        source.truth(["s"])
        busy = source.busy
        swallows.set()
        with pytest.raises(Unavailable):
            source.truth(["s"])
        assert (1, busy) == (len(made), source.busy)
        with pytest.raises(Unavailable, match="CS2007"):
            source.truth(["s"])
        assert 2 == len(made)
        source.close()
