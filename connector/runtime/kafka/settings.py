"""Settings of the broker and the schema registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from connector.runtime.settings import Secret, Section

ClientValue = str | int | bool | float


class KafkaSettings(Section):
    """Where the brokers are, and how topics are made."""

    bootstrap_servers: str = "localhost:9092"
    """Brokers to start from, ``host:port`` separated by commas."""

    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$")
    """Text before the name of every topic, consumer group and transactional id; empty for none."""

    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    """Partitions of the memberships, ledger, journal and commands topics. The most consumers that can share the work.
    Fixed once the topics exist, since keys would move away from their history."""

    replication_factor: Annotated[int, Field(ge=1, le=10)] = 3
    """Copies of every topic that this product creates. 1 only on a single test broker."""

    create_topics: bool = True
    """Create missing topics at start. When off, ``cohortstream check`` prints the commands and access rules for whoever may."""

    client: dict[str, ClientValue] = Field(default_factory=dict)
    """Passed to librdkafka as they are, such as ``"security.protocol" = "SASL_SSL"``."""

    secrets: dict[str, Secret] = Field(default_factory=dict)
    """Like ``client``, for values that must not be printed, such as ``"sasl.password" = { file = "/run/secrets/kafka" }``."""


class RegistrySettings(Section):
    """A schema registry. Without this section records carry the fingerprint of a schema that ships with the product."""

    url: str
    """Address of the registry, such as ``https://registry.example.edu:8081``; ``mock://name`` keeps it in memory, for tests."""

    username: str | None = None
    """User name for basic authentication; absent for none."""

    password: Secret | None = None
    """Password for basic authentication."""

    ca_file: Path | None = None
    """Certificate of a private certificate authority."""

    auto_register: bool = True
    """Register missing schemas. When off, a schema that is missing stops the start and is named."""
