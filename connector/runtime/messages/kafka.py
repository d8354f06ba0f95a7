"""Messages about Kafka and the schema registry: CS3xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class KafkaMessage(Entry):
    """What brokers and topics may lack."""

    UNREACHABLE = (
        "CS3001",
        "No Kafka broker answers at {servers}: {reason}.",
        "Check kafka.bootstrap_servers, the network and the security settings under kafka.client. Work resumes by itself.",
    )
    REFUSED = (
        "CS3002",
        "Kafka refuses {operation}: {reason}.",
        'Grant the permission; "cohortstream check" prints the commands.',
    )
    TOPIC_MISSING = (
        "CS3003",
        "The topic {topic} does not exist.",
        'Create it; "cohortstream check" prints the commands.',
    )
    TOPIC_WRONG = "CS3004", "The topic {topic} has {found} where {wanted} is needed.", "{way_out}"
