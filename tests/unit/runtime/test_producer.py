"""What a transactional producer does when its client has failed for good; the rest is tried against a broker."""

from __future__ import annotations

from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import BrokerUnavailable, Fenced
from connector.runtime.kafka.producer import TransactionalProducer


class Client:
    """The library's producer, which fails as it is told."""

    def __init__(self) -> None:
        self.failing: dict[str, BaseException] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            self.calls.append(name)
            if name in self.failing:
                raise self.failing[name]

        return call


class Made:
    """A connection that makes this client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def name(self, plain: str) -> str:
        return plain

    def producer(self, **_: Any) -> Client:
        return self.client


def producer_of(client: Client) -> TransactionalProducer:
    return TransactionalProducer(cast("Connection", Made(client)), "connector")


def fatal() -> KafkaException:
    return KafkaException(KafkaError(KafkaError._FATAL, "Unable to produce message"))


def test_who_met_a_fatal_error_is_fenced_and_flushes_no_more() -> None:
    """Nothing of it can be delivered, and the client may fail in trying."""
    client = Client()
    client.failing = {
        "produce": fatal(),
        "abort_transaction": fatal(),
        "flush": SystemError("NULL without an exception"),
    }
    producer = producer_of(client)

    with pytest.raises(Fenced), producer.transaction() as transaction:
        transaction.put("topic", b"k", b"v")
    producer.close()

    assert client.calls == ["begin_transaction", "produce"]


def test_a_flush_that_fails_without_a_reason_is_a_fault_like_others() -> None:
    """The transaction is rolled back, which tells what the matter is."""
    client = Client()
    client.failing = {"flush": SystemError("NULL without an exception")}

    with pytest.raises(BrokerUnavailable, match="NULL"), producer_of(client).transaction() as transaction:
        transaction.put("topic", b"k", b"v")
    assert "abort_transaction" in client.calls

    client.failing["abort_transaction"] = fatal()
    with pytest.raises(Fenced), producer_of(client).transaction():
        pass
