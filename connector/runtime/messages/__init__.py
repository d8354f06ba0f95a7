"""Operator-facing messages: stable codes, text and fix, from one catalogue.

``message(MoodleMessage.UNREACHABLE, url=..., reason=...)`` makes one. A new message is one line in the table of its
area; then ``python -m connector.commands.reference`` renews the documentation and the template for translators.
"""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry, Message, message
from connector.runtime.messages.cli import CliMessage
from connector.runtime.messages.consumer import ConsumerMessage
from connector.runtime.messages.kafka import KafkaMessage
from connector.runtime.messages.moodle import MoodleMessage
from connector.runtime.messages.notifier import NotifierMessage
from connector.runtime.messages.oracle import OracleMessage
from connector.runtime.messages.reconciler import ReconcilerMessage
from connector.runtime.messages.report import ReportWord
from connector.runtime.messages.settings import SettingsMessage

AREAS: dict[str, type[Entry]] = {
    "CS1": SettingsMessage,
    "CS2": OracleMessage,
    "CS3": KafkaMessage,
    "CS4": MoodleMessage,
    "CS5": ConsumerMessage,
    "CS6": CliMessage,
    "CS7": ReconcilerMessage,
    "CS8": NotifierMessage,
    "CS9": ReportWord,
}
"""The tables, by the beginning of their codes."""


def find(code: str) -> Entry | None:
    """The entry with this code; None for one of a later release."""
    return next((entry for area in AREAS.values() for entry in area if entry.code == code), None)


__all__ = [
    "AREAS",
    "CliMessage",
    "ConsumerMessage",
    "Entry",
    "KafkaMessage",
    "Message",
    "MoodleMessage",
    "NotifierMessage",
    "OracleMessage",
    "ReconcilerMessage",
    "ReportWord",
    "SettingsMessage",
    "find",
    "message",
]
