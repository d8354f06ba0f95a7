"""The hook by which telemetry watches calls to Moodle. Nothing of a body or of the token passes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from consumers.moodle.answers import Call

__all__ = ["SILENT", "CallFinished", "CallObserver"]


@dataclass(frozen=True, slots=True)
class CallFinished:
    """How one attempt of a call ended."""

    seconds: float
    outcome: str
    """``ok``, or the name of the error class."""
    code: str
    """Empty, or Moodle's error code, ``http-504`` and the like, or the name of a transport failure."""
    answer_bytes: int
    """Size of the body of the answer, unpacked; 0 if none came."""
    attempt: int
    """From 1."""


class CallObserver(Protocol):
    """Told of each attempt. It must not raise and must not block."""

    def started(self, call: Call) -> Callable[[CallFinished], None]:
        """Called before an attempt, in the thread that makes it; what it returns is called when the attempt has ended."""
        ...


class _Silent:
    def started(self, call: Call) -> Callable[[CallFinished], None]:  # noqa: ARG002 - it ignores everything
        return lambda _finished: None


SILENT: CallObserver = _Silent()
"""Watches nothing."""
