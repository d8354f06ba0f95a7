"""Whether a sink is in shadow, for commands: what the topics say and what the settings say, in words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base
from connector.runtime.kafka import topics
from connector.runtime.messages import CliMessage, Message, message
from connector.runtime.messages.translation import translation_for
from consumers.cohorts.adoption import ADOPTION_KEY, Mode, Standing, Why
from schemas.keys import decode_key
from schemas.records import Adoption, PartitionMarker

_KEY = decode_key(ADOPTION_KEY)
_HOME = 0


def standing_of(base: Base, sink: str) -> Standing:
    """What the topics say.

    Raises:
        KafkaFault: they cannot be read.
    """
    topic = base.topics(sink).ledger
    if topic not in topics.partition_counts(base.connection):
        return Standing()
    found = latest(base, topic, [_HOME], lambda key: len(key) == 1)
    adoption = found.get(_KEY)
    return Standing(
        adoption if isinstance(adoption, Adoption) else None,
        begun=any(isinstance(record, PartitionMarker) for record in found.values()),
    )


def shadow_of(base: Base, sink: str) -> Message | None:
    """What a person should know and do, if nothing is written to the Moodle of this sink: the topics and the settings say.

    Raises:
        KafkaFault: the topics cannot be read.
    """
    return told(sink, standing_of(base, sink), base.settings.sinks[sink].mode)


def describe_standing(sink: str, standing: Standing, mode: Mode) -> dict[str, Any]:
    """For machines. ``writes``: whether the consumers write to Moodle; ``text`` and ``fix`` say what to do if not."""
    adoption, note = standing.adoption, told(sink, standing, mode)
    translation = translation_for(os.environ)
    return {
        "writes": standing.applying and mode == "apply",
        "mode": mode,
        "why": None if adoption is None else adoption.why,
        "since": None if adoption is None else adoption.since,
        "code": None if note is None else note.code,
        "text": None if note is None else translation.text(note),
        "fix": None if note is None else translation.fix(note),
    }


def told_lines(described: Mapping[str, Any]) -> list[str]:
    """The same, for people: nothing where Moodle is written to."""
    if described["code"] is None:
        return []
    since = f" (since {described['since']:%Y-%m-%d %H:%M})" if described["since"] else ""
    return [f"  {described['code']}: {described['text']}{since}", f"    {described['fix']}"]


def told(sink: str, standing: Standing, mode: Mode) -> Message | None:
    """What a person should know and do, if nothing is written to this Moodle; None if it is, or nothing ever ran."""
    if mode == "shadow":
        return message(CliMessage.SHADOW_BY_SETTING, sink=sink)
    adoption = standing.adoption
    if adoption is None:
        return None
    if adoption.why == Why.COHORTS_NAMED:
        return message(CliMessage.SHADOW_BY_MEMBERS, sink=sink, count=adoption.cohorts)
    return message(CliMessage.SHADOW_UNTIL_LOADED, sink=sink)
