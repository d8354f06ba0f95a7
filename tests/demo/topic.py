"""A look at the topic with a plain consumer."""

from __future__ import annotations

import json

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition


def trace_id_of(bootstrap: str, topic: str, key: tuple[str, str]) -> str | None:
    """The trace of the latest record under the key (cohort, student), from its ``traceparent`` header."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "a look from outside",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    found = None
    try:
        partitions = consumer.list_topics(topic, timeout=10.0).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        unread = set(partitions)
        while unread:
            for message in consumer.consume(5000, timeout=1.0):
                error, written = message.error(), message.key()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    unread.discard(message.partition() or 0)
                elif written is not None and json.loads(written) == list(key):
                    found = _trace_id(dict(message.headers() or ()))
    finally:
        consumer.close()
    return found


def _trace_id(headers: dict[str, str | bytes | None]) -> str | None:
    value = headers.get("traceparent")
    return value.decode().split("-")[1] if isinstance(value, bytes) else None
