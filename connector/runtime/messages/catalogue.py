"""What a message is: a stable code, what happened, and what to do.

The English text stands in the tables beside this file, one line a message, an area a table. It is the msgid of the
translations in ``connector/runtime/locale``. Logs are always English; commands translate for their reader.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Entry(Enum):
    """Base of the tables: a member per message, ``NAME = code, text, fix``, with ``{placeholders}`` in text and fix.

    A code never changes its meaning and is never used again.
    """

    def __init__(self, code: str, text: str, fix: str) -> None:
        self.code = code
        self.text = text
        self.fix = fix

    @property
    def placeholders(self) -> frozenset[str]:
        """The names that text and fix want filled."""
        return placeholders_of(self.text) | placeholders_of(self.fix)


def placeholders_of(text: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(name for _, name in parts_of(text) if name is not None)


def parts_of(text: str) -> list[tuple[str, str | None]]:
    """What stands before each placeholder, with its name; None after the last one."""
    return [(literal, name) for literal, name, _, _ in string.Formatter().parse(text)]


@dataclass(frozen=True)
class Message:
    """A message with its placeholders filled. Parameters are text already, so that it can travel in an alert."""

    entry: Entry
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return self.entry.code

    @property
    def text(self) -> str:
        """What happened, in English."""
        return self.entry.text.format_map(self.parameters)

    @property
    def fix(self) -> str:
        """What to do, in English."""
        return self.entry.fix.format_map(self.parameters)

    def __str__(self) -> str:
        return f"{self.code} {self.text} {self.fix}".rstrip()


def message(entry: Entry, /, **parameters: object) -> Message:
    """``entry`` with its placeholders filled. No personal data, since messages reach logs and alerts.

    Raises:
        TypeError: a placeholder is left open, or there is none of that name.
    """
    if entry.placeholders != parameters.keys():
        wanted = ", ".join(sorted(entry.placeholders)) or "nothing"
        raise TypeError(f"{entry} wants {wanted}, was given {', '.join(sorted(parameters)) or 'nothing'}")
    return Message(entry, {name: str(value) for name, value in parameters.items()})
