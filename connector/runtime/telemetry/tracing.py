"""The face of tracing that loops see, and the context that travels with a record.

A live change is one trace: the poller's span, the consumer's, the Moodle call. The context goes in the record's headers
in the W3C form, so that any tool understands it. Where one call serves many traces, it links to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Attribute = str | int | float | bool
"""No personal data: a keyed hash stands for a person (``Pseudonym``)."""

Headers = Sequence[tuple[str, bytes]]
"""Headers of a Kafka record."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Which span this is, for those that come after it."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    sampled: bool = True

    def headers(self) -> list[tuple[str, bytes]]:
        """The header to send along."""
        return [("traceparent", f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}".encode())]

    @staticmethod
    def from_headers(headers: Iterable[tuple[str, bytes | None]] | None) -> TraceContext | None:
        """The context that a record carries; None without one, or with one that is not well-formed."""
        for name, value in headers or ():
            if name == "traceparent" and value is not None:
                found = _TRACEPARENT.fullmatch(value.decode("ascii", "replace"))
                return TraceContext(found[1], found[2], bool(int(found[3], 16) & 1)) if found else None
        return None


class Span(Protocol):
    """Something that takes its time."""

    @property
    def context(self) -> TraceContext: ...

    def set(self, name: str, value: Attribute) -> None:
        """Say something about it."""
        ...

    def event(self, name: str, attributes: Mapping[str, Attribute] | None = None) -> None:
        """Something happened within it, now."""
        ...

    def keep(self, reason: str) -> None:
        """Export this span, and those of its trace that this process made, whatever sampling says.

        For what was parked, held or dead-lettered: ``reason`` names it.
        """
        ...

    def fail(self, reason: str) -> None:
        """Mark it as failed. An exception that leaves the span does so by itself."""
        ...


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self,
        name: str,
        *,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
        attributes: Mapping[str, Attribute] | None = None,
        root: bool = False,
    ) -> AbstractContextManager[Span]:
        """A span while the ``with`` block runs.

        Its parent is ``parent``, or else the span around it in this thread, or none if ``root``.
        """
        ...

    def record(
        self,
        name: str,
        start: datetime,
        end: datetime,
        *,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
        attributes: Mapping[str, Attribute] | None = None,
        keep: str | None = None,
    ) -> TraceContext:
        """A span told afterwards, such as one row's share of a batch. A root without ``parent``."""
        ...

    def current(self) -> TraceContext | None:
        """The span around the caller, in this thread."""
        ...
