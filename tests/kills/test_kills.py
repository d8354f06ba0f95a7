"""Consumers die at every step while changes flow: the short form of ``make kills``.

``KILLS_SEED`` chooses the trial; a failing one prints the command that repeats it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from tests.kills.__main__ import describe, last_line, repeat
from tests.kills.trial import Orders, run
from tests.standins.kafka import Kafka

SEED = int(os.environ.get("KILLS_SEED", str(secrets.randbelow(1_000_000))))


@pytest.mark.timeout(900)
def test_consumers_die_and_nothing_is_lost(kafka: Kafka, connection: Connection, tmp_path: Path) -> None:
    """Kill -9 at places that the seed draws, a broker that restarts, answers of Moodle that are lost or late."""
    orders = Orders(SEED, kills=4, changes=400)
    outcome = run(orders, kafka, connection, tmp_path)

    print(describe(orders, outcome), last_line(outcome), sep="\n")
    assert outcome.findings == [], f"to repeat:  {repeat(orders)}"
