"""Reading single records of a real topic once more."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka.cimpl import NewTopic

from connector.runtime.kafka.connection import Connection
from consumers.cohorts.putting_back import Again
from consumers.cohorts.rereading import Rereading
from tests.demo.waiting import wait_until

NAME = "rereading"


@pytest.fixture
def topic(connection: Connection) -> str:
    """A topic of two partitions that is compacted as soon as it can be."""
    name = f"{connection.settings.topic_prefix}{NAME}"
    settings = {"cleanup.policy": "compact", "segment.ms": "50", "min.cleanable.dirty.ratio": "0.0"}
    admin = connection.admin()
    admin.create_topics([NewTopic(name, 2, 1, config=settings)])[name].result(30)
    return name


def write(connection: Connection, topic: str, key: bytes, value: bytes, partition: int = 0) -> int:
    """One record; its offset."""
    written: list[int] = []
    producer: Any = connection.producer()
    producer.produce(topic, value, key, partition, on_delivery=lambda _error, message: written.append(message.offset()))
    producer.flush(30)
    return written[0]


def read_all(rereading: Rereading) -> list[Again]:
    """Poll until everything that was asked for has come."""
    found: list[Again] = []

    def done() -> bool:
        found.extend(rereading.poll())
        return not rereading.waiting

    wait_until(done, "what was asked for has come")
    return found


def test_exactly_the_record_that_was_asked_for_comes(connection: Connection, topic: str) -> None:
    """Whatever lies before and behind it, in the order of asking; also after a while without any."""
    for number in range(5):
        write(connection, topic, b"k%d" % number, b"v%d" % number)
    write(connection, topic, b"other", b"there", partition=1)
    rereading = Rereading(connection, topic)
    for place in ((0, 3), (1, 0), (0, 1)):
        rereading.ask(*place)
    first = read_all(rereading)
    rereading.ask(0, 4)
    second = read_all(rereading)
    rereading.close()

    values = [again.message.value for again in first + second if again.message is not None]
    assert values == [b"v3", b"there", b"v1", b"v4"]
    assert [(again.partition, again.offset) for again in first + second] == [(0, 3), (1, 0), (0, 1), (0, 4)]


def test_a_record_of_an_aborted_transaction_is_none(connection: Connection, topic: str) -> None:
    """Nor is one at the end, where only the mark of a transaction is left."""
    producer: Any = connection.producer(transactional_id=f"{topic}.one")
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"never", b"k", 0)
    producer.flush(30)
    producer.abort_transaction(30)
    rereading = Rereading(connection, topic)
    rereading.ask(0, 0)
    found = read_all(rereading)
    rereading.close()

    assert found == [Again(0, 0, None)]


def test_a_record_that_compaction_has_removed_is_gone(connection: Connection, topic: str) -> None:
    """What comes in its place belongs to somebody else."""
    old = write(connection, topic, b"k", b"old")
    for number in range(3):
        time.sleep(0.1)  # so that a new segment begins; the last one is never compacted
        write(connection, topic, b"k", b"new %d" % number)
    rereading = Rereading(connection, topic)

    def gone() -> bool:
        rereading.ask(0, old)
        return [again.message for again in read_all(rereading)] == [None]

    wait_until(gone, "compaction has removed it", 120, every=1.0)
    rereading.close()


def test_what_is_not_ours_any_more_is_not_read(connection: Connection, topic: str) -> None:
    """The one that is being read as well as those that wait for it."""
    for number in range(3):
        write(connection, topic, b"k%d" % number, b"v%d" % number)
    write(connection, topic, b"other", b"there", partition=1)
    rereading = Rereading(connection, topic)
    for place in ((0, 0), (0, 1), (1, 0)):
        rereading.ask(*place)
    begun = rereading.poll()
    rereading.forget({0})
    found = read_all(rereading)
    rereading.close()

    assert [(again.partition, again.offset) for again in begun + found] == [(1, 0)]
