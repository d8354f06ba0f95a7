"""A real Apache Kafka for tests and the demo."""

from tests.standins.kafka.broker import Kafka, free_ports

__all__ = ["Kafka", "free_ports"]
