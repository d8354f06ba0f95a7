"""What most tests of the connector start from: the Oracle stand-in with a table, and a world around a real broker.

A module whose tests need another beginning has a fixture of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from tests.integration.connector_world import Database, World
from tests.integration.hazard_world import Campus
from tests.standins.oracle import OracleStandin


@pytest.fixture
def standin() -> Iterator[OracleStandin]:
    with OracleStandin() as running:
        yield running


@pytest.fixture
def database(standin: OracleStandin) -> Iterator[Database]:
    made = Database(standin)
    yield made
    made.connection.close()


@pytest.fixture
def campus(standin: OracleStandin) -> Iterator[Campus]:
    made = Campus(standin)
    yield made
    made.connection.close()


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    made = World(connection, tmp_path)
    yield made
    made.close()
