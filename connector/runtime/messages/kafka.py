"""Messages about Kafka and the schema registry: CS3xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class KafkaMessage(Entry):
    """What brokers and topics may lack."""

    UNREACHABLE = (
        "CS3001",
        "Kafka does not answer: {reason}.",
        "Check kafka.bootstrap_servers, the network and the security settings under kafka.client. Work resumes by itself.",
    )
    REFUSED = (
        "CS3002",
        "Kafka refuses: {reason}.",
        'Grant the permission; "cohortstream check" prints the commands.',
    )
    TOPIC_MISSING = (
        "CS3003",
        "Missing on Kafka: {topics}.",
        'Create it, or set kafka.create_topics = true; "cohortstream check" prints the commands.',
    )
    TOPIC_WRONG = (
        "CS3004",
        "{topic} has {found} partitions where the settings say {wanted}; those of a keyed topic cannot be changed.",
        "Set kafka.partitions to {found}, or use another kafka.topic_prefix and run a snapshot.",
    )
    ABORTED = (
        "CS3005",
        "A Kafka transaction was rolled back: {reason}.",
        "Nothing of it counts; the work is done again.",
    )
    FENCED = (
        "CS3006",
        "Another instance has taken over: {reason}.",
        "This one stands by; nothing is to be done unless both name themselves the same by mistake.",
    )
    SCHEMA_MISSING = (
        "CS3007",
        "The schema registry has no schema of this release under {subject}.",
        "Register schemas/avro/{name}.avsc under it, or set schema_registry.auto_register = true.",
    )
    REGISTRY_UNREACHABLE = (
        "CS3008",
        "The schema registry cannot be used: {reason}.",
        "Check the section schema_registry and the registry itself. Work resumes by itself.",
    )
    TOPIC_POLICY = (
        "CS3009",
        "{topic} has the clean-up policy {found} where {wanted} is needed.",
        "Set it: kafka-configs.sh --alter --topic {topic} --add-config cleanup.policy={wanted}.",
    )
