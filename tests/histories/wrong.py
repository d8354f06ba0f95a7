"""How a broken promise is told."""

from __future__ import annotations


class Wrong(AssertionError):
    """A promise is broken."""
