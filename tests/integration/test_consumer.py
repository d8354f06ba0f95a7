"""The consumer between the real broker and Moodle over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from schemas.records import LedgerEntry, Presence
from tests.integration.cohort_world import World, run_until, running_moodle


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def test_one_record_becomes_one_membership(world: World) -> None:
    """A cohort and a membership on the topic become a cohort and a member in Moodle, and the ledger says so."""
    world.publish(world.cohort("A"), world.says("A", world.student(1)))

    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1)} and consumer.idle)

    entries = [entry for entry in world.records(world.topics.ledger) if isinstance(entry, LedgerEntry)]
    assert (Presence.PRESENT, world.user(1)) == (entries[-1].applied, entries[-1].user_id)
