"""Every topic: its name, its shape, and what it takes to make it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import tenacity
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # exported, but not by name

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import TopicFault, translate
from connector.runtime.messages import KafkaMessage, message

_DAY = 86_400_000
_KNOWN_WITHIN_S = 15.0
_COMPACT = {
    "cleanup.policy": "compact",
    # Superseded records hold personal data; they are gone within a week, and tombstones are kept as long, so that a
    # reader who was away that long still sees them.
    "max.compaction.lag.ms": str(7 * _DAY),
    "delete.retention.ms": str(7 * _DAY),
    "min.compaction.lag.ms": str(60_000),
}


def _keep(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * _DAY)}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be. ``partitions`` None means the configured number."""

    name: str
    settings: dict[str, str]
    partitions: int | None = 1
    writer: str = "connector"
    """The role that writes it; all roles may read all."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics, with the configured prefix, for one sink."""

    prefix: str = ""
    sink: str = "moodle"

    @property
    def memberships(self) -> str:
        return f"{self.prefix}enrollment.memberships"

    @property
    def checkpoints(self) -> str:
        return f"{self.prefix}enrollment.checkpoints"

    @property
    def signals(self) -> str:
        return f"{self.prefix}enrollment.signals"

    @property
    def notifications(self) -> str:
        return f"{self.prefix}enrollment.notifications"

    @property
    def alerts(self) -> str:
        return f"{self.prefix}enrollment.alerts"

    @property
    def told(self) -> str:
        return f"{self.prefix}enrollment.told"

    @property
    def schemas(self) -> str:
        return f"{self.prefix}enrollment.schemas"

    @property
    def ledger(self) -> str:
        return f"{self.prefix}{self.sink}.ledger"

    @property
    def journal(self) -> str:
        return f"{self.prefix}{self.sink}.journal"

    @property
    def commands(self) -> str:
        return f"{self.prefix}{self.sink}.commands"

    @property
    def deadletters(self) -> str:
        return f"{self.prefix}{self.sink}.deadletters"

    def source_side(self) -> list[TopicSpec]:
        """What the connector needs."""
        return [
            TopicSpec(self.memberships, _COMPACT, None),
            TopicSpec(self.checkpoints, _COMPACT),
            TopicSpec(self.signals, _keep(7), writer="operators and the reconciler"),
            TopicSpec(self.notifications, _keep(7)),
            TopicSpec(self.alerts, _COMPACT, writer="every role"),
            TopicSpec(self.schemas, _COMPACT, writer="every role"),
        ]

    def alert_side(self) -> list[TopicSpec]:
        """What the notifier needs besides the source's side."""
        return [TopicSpec(self.told, _COMPACT, writer="notifier")]

    def sink_side(self) -> list[TopicSpec]:
        """What the consumer of this sink needs besides."""
        return [
            TopicSpec(self.ledger, _COMPACT, None, writer="consumer"),
            TopicSpec(self.journal, _keep(400), None, writer="consumer and reconciler"),
            TopicSpec(self.commands, _keep(7), None, writer="operators and the reconciler"),
            TopicSpec(self.deadletters, _keep(400), None, writer="consumer"),
        ]


def ensure(connection: Connection, wanted: Iterable[TopicSpec]) -> None:
    """Make what is missing, when the settings allow it, and refuse what has another number of partitions.

    Raises:
        TopicFault: a topic is missing and may not be made, or has another number of partitions than the settings say.
        KafkaFault: see ``errors``.
    """
    specs = list(wanted)
    found = partition_counts(connection)
    missing = [spec for spec in specs if spec.name not in found]
    if missing and not connection.settings.create_topics:
        names = ", ".join(spec.name for spec in missing)
        raise TopicFault(message(KafkaMessage.TOPIC_MISSING, topics=names))
    _create(connection, missing)
    for spec in missing:
        _await(connection, spec.name)
    for spec in specs:
        count, expected = found.get(spec.name), _partitions(connection, spec)
        if count is not None and count != expected:
            raise TopicFault(message(KafkaMessage.TOPIC_WRONG, topic=spec.name, found=count, wanted=expected))


def partition_counts(connection: Connection) -> dict[str, int]:
    """All topics with their number of partitions."""
    admin = connection.admin()
    try:
        found = admin.list_topics(timeout=10.0).topics
    except KafkaException as error:
        raise translate(error) from error
    return {name: len(topic.partitions) for name, topic in found.items()}


def topic_id(connection: Connection, name: str) -> str:
    """Kafka's id of a topic; a topic that is deleted and made anew under its name gets another one."""
    admin = connection.admin()
    try:
        described = admin.describe_topics(TopicCollection([name]), request_timeout=10.0)[name].result()
    except KafkaException as error:
        raise translate(error) from error
    return str(described.topic_id)


def creation_commands(settings_bootstrap: str, specs: Iterable[TopicSpec], partitions: int, copies: int) -> list[str]:
    """Commands of Kafka's own tool that make these topics, for whoever may."""
    return [
        f"kafka-topics.sh --bootstrap-server {settings_bootstrap} --create --topic {spec.name} "
        f"--partitions {spec.partitions or partitions} --replication-factor {copies} "
        + " ".join(f"--config {key}={value}" for key, value in _settings(spec, copies).items())
        for spec in specs
    ]


def _settings(spec: TopicSpec, copies: int) -> dict[str, str]:
    """With as many copies as possible that must have a record before it is acknowledged, one being allowed to be away."""
    return spec.settings | ({"min.insync.replicas": str(copies - 1)} if copies > 2 else {})


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(TopicFault),
    stop=tenacity.stop_after_delay(_KNOWN_WITHIN_S),
    wait=tenacity.wait_random(0.05, 0.2),
    reraise=True,
)
def _await(connection: Connection, name: str) -> None:
    """Brokers learn of a topic that was just made one after the other."""
    topic_id(connection, name)


def _partitions(connection: Connection, spec: TopicSpec) -> int:
    return spec.partitions or connection.settings.partitions


def _create(connection: Connection, specs: list[TopicSpec]) -> None:
    if not specs:
        return
    copies = connection.settings.replication_factor
    admin = connection.admin()  # held until the answers are in: a collected client ends its requests
    made = admin.create_topics(
        [NewTopic(spec.name, _partitions(connection, spec), copies, config=_settings(spec, copies)) for spec in specs],
        request_timeout=15.0,
    )
    for future in made.values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].name() == "TOPIC_ALREADY_EXISTS":
                continue  # another role was faster
            raise translate(error) from error
