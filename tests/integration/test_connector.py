"""The connector between the real driver, the Oracle stand-in and a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from connector.runtime.telemetry import TraceContext
from schemas.records import CohortChanged, MembershipChanged
from tests.integration.connector_world import CODEC, Database, World, settings_for, settle, turn
from tests.standins.oracle import OracleStandin


@pytest.fixture
def database() -> Iterator[Database]:
    with OracleStandin() as standin:
        made = Database(standin)
        yield made
        made.connection.close()


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> World:
    return World(connection, tmp_path)


def test_a_committed_row_becomes_a_membership(world: World, database: Database) -> None:
    """Loaded rows and live ones are published with their cohorts, each once, under growing revisions."""
    database.enrol((1, "s1", "G1"), (2, "s2", "G1"))
    with world.connector(apogee=settings_for(database.dsn)) as connector:
        settle(connector)
        database.enrol((3, "s3", "G2"))
        turn(connector, until=lambda: world.members() == {"G1": {"s1", "s2"}, "G2": {"s3"}})
        settle(connector, 3.0)

    records = world.published()
    assert ["first_load", "first_load"] == [r.cause for r in records if r.cohort == "G1" and hasattr(r, "student")]
    assert [("G2", "present", "enrolled")] == world.records_of("s3")
    assert [r.revision for r in records] == list(range(1, len(records) + 1))
    assert {"G1", "G2"} == {r.cohort for r in records if isinstance(r, CohortChanged)}
