"""Trying Kafka and the schema registry, for ``cohortstream check``. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # exported, but not by name

from connector.runtime.checks import Check, Outcome
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import KafkaFault, translate
from connector.runtime.kafka.topics import TopicSpec, creation_commands, partition_counts
from connector.runtime.messages import KafkaMessage, message
from schemas.codec import KINDS, Codec, definition
from schemas.records import SchemaPublished
from schemas.registry import RegistryUnavailable, SchemaMissing

_POLICY = "cleanup.policy"


def check_kafka(connection: Connection, wanted: Iterable[TopicSpec]) -> Iterator[Check]:
    """Whether brokers answer, and whether each topic is as it must be."""
    specs = {spec.name: spec for spec in wanted}
    try:
        counts = partition_counts(connection)
        policies = _policies(connection, [name for name in specs if name in counts])
    except KafkaFault as fault:
        yield Check("kafka", "brokers", Outcome.FAULT, message=fault.message)
        return
    yield Check("kafka", "brokers", Outcome.GOOD, f"{connection.settings.bootstrap_servers} answers")
    for spec in specs.values():
        yield _topic(connection, spec, counts.get(spec.name), policies.get(spec.name))


def check_registry(codec: Codec, topic: str) -> Check:
    """Whether the registry knows this release's schemas, or takes them; a look at one subject tells."""
    try:
        codec.encode(topic, SchemaPublished("", "", str(len(definition("SchemaPublished")))))
    except (RegistryUnavailable, SchemaMissing) as error:
        return Check("schema registry", "schemas", Outcome.FAULT, str(error))
    return Check("schema registry", "schemas", Outcome.GOOD, f"it knows the schema of {topic}; there are {len(KINDS)}")


def access_rules(specs: Iterable[TopicSpec], groups: Iterable[str], prefix: str) -> list[str]:
    """Commands of Kafka's own tool that let a principal work, for whoever may run them."""
    tool = "kafka-acls.sh --bootstrap-server BROKER --add --allow-principal User:COHORTSTREAM"
    rules = [f"{tool} --operation Read --operation Write --operation Describe --topic {spec.name}" for spec in specs]
    rules += [f"{tool} --operation Read --group {group}" for group in groups]
    rules.append(
        f"{tool} --operation Write --operation Describe --transactional-id {prefix}cohortstream. "
        "--resource-pattern-type prefixed"
    )
    return rules


def _topic(connection: Connection, spec: TopicSpec, count: int | None, policy: str | None) -> Check:
    settings = connection.settings
    expected = spec.partitions or settings.partitions
    if count is None:
        if settings.create_topics:
            return Check("kafka", spec.name, Outcome.GOOD, "missing; the role that writes it will make it")
        (command,) = creation_commands(
            settings.bootstrap_servers, [spec], settings.partitions, settings.replication_factor
        )
        told = message(KafkaMessage.TOPIC_MISSING, topics=spec.name)
        return Check("kafka", spec.name, Outcome.FAULT, command, told)
    if count != expected:
        told = message(KafkaMessage.TOPIC_WRONG, topic=spec.name, found=count, wanted=expected)
        return Check("kafka", spec.name, Outcome.FAULT, message=told)
    if policy is not None and spec.settings[_POLICY] not in policy.split(","):
        told = message(KafkaMessage.TOPIC_POLICY, topic=spec.name, found=policy, wanted=spec.settings[_POLICY])
        return Check("kafka", spec.name, Outcome.FAULT, message=told)
    return Check("kafka", spec.name, Outcome.GOOD, f"{count} partitions, {policy or 'policy not shown to us'}")


def _policies(connection: Connection, names: list[str]) -> dict[str, str]:
    """The clean-up policy of each topic; none where we may not see it."""
    if not names:
        return {}
    admin: Any = connection.admin()
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, n) for n in names], request_timeout=10.0)
    found = {}
    for resource, future in asked.items():
        try:
            found[str(resource.name)] = str(future.result()[_POLICY].value)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_AUTHORIZATION_FAILED":
                raise translate(error) from error
    return found
