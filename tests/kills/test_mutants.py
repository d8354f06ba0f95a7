"""Consumers with a fault in their text, to show that the judge notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from tests.kills.judge import Kind
from tests.kills.mutants import MUTANTS
from tests.kills.script import Shape
from tests.kills.trial import Orders, run
from tests.standins.kafka import Kafka

SMALL = Shape(students=40, strangers=1, wide=8, tight=1, new_every=30)


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
