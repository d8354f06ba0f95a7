"""What ``cohortstream check`` finds at any end, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connector.runtime.messages import Message


class Outcome(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    """Work can begin, and a person should know."""
    FAULT = "fault"
    """Work cannot begin, or would not do what is wanted."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried. ``detail`` says what was seen, or what to do in so many words; no personal data."""

    end: str
    name: str
    outcome: Outcome
    detail: str = ""
    message: Message | None = None
