"""Consumers die at every step while changes flow: the short form of ``make kills``, and proof that the judge notices.

``KILLS_SEED`` chooses the trial; a failing one prints the command that repeats it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from tests.kills.__main__ import describe, last_line, repeat
from tests.kills.judge import Kind
from tests.kills.mutants import MUTANTS
from tests.kills.script import Shape
from tests.kills.trial import Orders, run
from tests.standins.kafka import Kafka

SEED = int(os.environ.get("KILLS_SEED", str(secrets.randbelow(1_000_000))))
SMALL = Shape(students=40, strangers=1, wide=8, tight=1, new_every=30)


@pytest.mark.timeout(900)
def test_consumers_die_and_nothing_is_lost(kafka: Kafka, connection: Connection, tmp_path: Path) -> None:
    """Kill -9 at places that the seed draws, a broker that restarts, answers of Moodle that are lost or late."""
    orders = Orders(SEED, kills=6, changes=400)
    outcome = run(orders, kafka, connection, tmp_path)

    print(describe(orders, outcome), last_line(outcome), sep="\n")
    assert outcome.findings == [], f"to repeat:  {repeat(orders)}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTANTS)
def test_the_judge_notices_a_broken_consumer(name: str, kafka: Kafka, connection: Connection, tmp_path: Path) -> None:
    """A fault in the product's text is found by the name of what it does."""
    mutant = MUTANTS[name]
    orders = Orders(
        seed=1,
        kills=mutant.fate is not None,
        changes=90,
        restarts=0,
        mutant=name,
        shape=SMALL,
        fates=() if mutant.fate is None else (mutant.fate,),
        slow_creations=mutant.slow_creations,
        rest=12.0,
        until=mutant.wrong if mutant.wrong is not Kind.LOST else None,  # for a while everything is lost
    )

    assert mutant.wrong in {finding.kind for finding in run(orders, kafka, connection, tmp_path).findings}
