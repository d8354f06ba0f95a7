"""Messages of the cohort consumer and the reconciler: CS5xxx."""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class ConsumerMessage(Entry):
    """What applying, holding and comparing may find."""

    UNDECODABLE = (
        "CS5001",
        "A record of {topic} cannot be decoded: {reason}.",
        "See the dead letter; replay it once the cause is removed.",
    )
    TOO_MANY_FAULTS = (
        "CS5002",
        "{count} records in a row could not be applied at stage {stage}.",
        "The fault is probably ours or Moodle's, so the consumer stopped with its backlog kept. See the dead letters.",
    )
    REMOVALS_HELD = (
        "CS5003",
        "{count} removals are held, past the limit of {limit}.",
        'See "cohortstream status", then release or undo them. Additions go on.',
    )
