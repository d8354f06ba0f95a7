"""Moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """A moment in ISO 8601; in UTC unless it names a zone.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
