"""A connector at work between the Oracle stand-in and a real broker, for tests of what goes wrong on Oracle's side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import oracledb

from connector.source.hints.watermark import parse
from connector.source.service import Connector
from tests.integration.connector_world import Database, World, settings_for, settle, turn
from tests.standins.oracle import OracleStandin

SOURCE = "apogee"
PROVED = [{"cursor": "UPDATED_AT", "stamped_by": "database", "slack": "1s", "interval": "50ms"}]
"""The cursor is then a second behind the database's clock: whatever it skipped would be lost for good."""
HINT, TRUTH, SNAPSHOT = "group by h", " in \\(", "order by"


def students(first: int, last: int) -> list[tuple[int, str, str]]:
    """Rows of one student each, all in one group."""
    return [(number, f"s{number:03}", "G") for number in range(first, last)]


def names(first: int, last: int) -> set[str]:
    return {student for _, student, _ in students(first, last)}


def database_to_cut(standin: OracleStandin) -> Iterator[Database]:
    """For a fixture: a database whose own connection the test may cut."""
    made = Database(standin)
    yield made
    try:
        made.connection.close()
    except oracledb.Error:
        assert not made.connection.is_healthy()  # the test has cut it


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


def told(world: World, signal_id: str, phase: str) -> list[Any]:
    return [found for found in world.notifications(signal_id) if found.phase == phase]


def skipped(world: World) -> bool:
    """Let a second be over; true."""
    world.clock.skip(1.0)
    return True
