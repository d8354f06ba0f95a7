"""What many tests share: one real broker for the whole run, and a name of its own for each test's topics."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.settings import KafkaSettings
from tests.standins.kafka import Kafka

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A real Apache Kafka, started once."""
    directory: Path = tmp_path_factory.mktemp("broker") / "kafka"
    with Kafka(directory) as broker:
        yield broker


@pytest.fixture
def connection(kafka: Kafka) -> Connection:
    """A connection whose topics and groups are this test's own."""
    return Connection(
        KafkaSettings(
            bootstrap_servers=kafka.bootstrap, topic_prefix=f"t{next(_numbers)}.", partitions=4, replication_factor=1
        )
    )
