"""The one way to a broker: settings become the client's configuration, and its messages go to our log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from connector.runtime.kafka.settings import KafkaSettings

_log = logging.getLogger("cohortstream.kafka")


@dataclass(frozen=True, slots=True)
class Connection:
    """Makes clients. ``on_error`` hears of broker-wide errors (all brokers down, authentication), by their text."""

    settings: KafkaSettings
    on_error: Callable[[str], None] = lambda _: None

    def name(self, plain: str) -> str:
        """A group or transactional id with the configured prefix."""
        return self.settings.topic_prefix + plain

    def configuration(self, **more: Any) -> dict[str, Any]:
        """Settings for librdkafka; ``more`` has underscores for dots and wins."""
        base: dict[str, Any] = {
            "bootstrap.servers": self.settings.bootstrap_servers,
            "client.id": "cohortstream",
            "error_cb": self._heard,
            "logger": _log,
            # A broker that restarts is found again within a second, not after ten.
            "reconnect.backoff.max.ms": 1000,
        }
        base |= self.settings.client
        base |= {key: secret.read() for key, secret in self.settings.secrets.items()}
        return base | {key.replace("_", "."): value for key, value in more.items()}

    def admin(self) -> AdminClient:
        return AdminClient(self.configuration())

    def consumer(self, **more: Any) -> Consumer:
        return Consumer(
            self.configuration(
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                isolation_level=more.pop("isolation_level", "read_committed"),
                auto_offset_reset=more.pop("auto_offset_reset", "error"),
                # A newly assigned partition waits for the fetch under way; so no fetch waits long for data.
                fetch_wait_max_ms=more.pop("fetch_wait_max_ms", 100),
                # A backlog must not fill the memory. Kafka's defaults are 100,000 messages or 64 MB; a message of 150 bytes
                # takes 500 in the client's queue.
                queued_min_messages=more.pop("queued_min_messages", 20_000),
                queued_max_messages_kbytes=more.pop("queued_max_messages_kbytes", 16384),
                # What one answer brings goes beyond that. It is compressed, perhaps to a tenth, so it is bounded for each
                # partition, and for all together at the least that Kafka allows.
                fetch_message_max_bytes=more.pop("fetch_message_max_bytes", 262_144),
                fetch_max_bytes=more.pop("fetch_max_bytes", 1_000_000),
                fetch_queue_backoff_ms=more.pop("fetch_queue_backoff_ms", 10),
                **more,
            )
        )

    def producer(self, **more: Any) -> Producer:
        return Producer(
            self.configuration(
                enable_idempotence=True,
                # While the coordinator finishes the previous transaction the client waits this long; at its default of
                # 100 every transaction costs 100 ms (measured on Kafka 4.3.1: 105 ms against 15 ms).
                retry_backoff_ms=10,
                linger_ms=more.pop("linger_ms", 2),
                compression_type=more.pop("compression_type", "lz4"),
                **more,
            )
        )

    def _heard(self, error: KafkaError) -> None:
        self.on_error(error.str())


def header_list(headers: Mapping[str, bytes] | None) -> list[tuple[str, bytes]] | None:
    """Headers as the client wants them; None for none."""
    return list(headers.items()) if headers else None
