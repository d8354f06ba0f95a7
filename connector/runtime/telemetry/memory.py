"""Telemetry that remembers: for tests and simulations. Ids count up, so that two runs are equal."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram, Metric
from connector.runtime.telemetry.tracing import Attribute, TraceContext

_Key = tuple[Metric, frozenset[tuple[str, str]]]


def _key(name: Metric, labels: Mapping[str, str]) -> _Key:
    if name.labels != labels.keys():
        raise TypeError(f"{name} has the labels {sorted(name.labels)}, was given {sorted(labels)}")
    return name, frozenset(labels.items())


class MemoryMetrics:
    """Metrics to look at; refuses labels that the catalogue does not know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[_Key] = Counter()
        self._gauges: dict[_Key, float] = {}
        self._observations: defaultdict[_Key, list[float]] = defaultdict(list)

    def count(self, name: Count, n: float = 1, /, **labels: str) -> None:
        with self._lock:
            self._counts[_key(name, labels)] += n  # type: ignore[assignment]  # seconds are counted, too

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None:
        with self._lock:
            self._gauges[_key(name, labels)] = value

    def forget(self, name: Gauge, /, **labels: str) -> None:
        with self._lock:
            self._gauges.pop(_key(name, labels), None)

    def observe(self, name: Histogram, value: float, /, **labels: str) -> None:
        with self._lock:
            self._observations[_key(name, labels)].append(value)

    def total(self, name: Count, /, **labels: str) -> float:
        """The sum over all series that have these labels."""
        return sum(
            n for (metric, has), n in self._counts.items() if metric is name and labels.items() <= dict(has).items()
        )

    def value(self, name: Gauge, /, **labels: str) -> float | None:
        """How it stands; None where it was never set, or was forgotten."""
        return self._gauges.get(_key(name, labels))

    def values(self, name: Histogram, /, **labels: str) -> list[float]:
        """What was observed, in order, over all series that have these labels."""
        found = self._observations.items()
        return [v for (m, has), vs in found if m is name and labels.items() <= dict(has).items() for v in vs]


@dataclass
class MemorySpan:
    """A span to look at."""

    name: str
    context: TraceContext
    parent: TraceContext | None
    links: tuple[TraceContext, ...]
    attributes: dict[str, Attribute]
    events: list[tuple[str, dict[str, Attribute]]] = field(default_factory=list)
    kept: str | None = None
    failed: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def set(self, name: str, value: Attribute) -> None:
        self.attributes[name] = value

    def event(self, name: str, attributes: Mapping[str, Attribute] | None = None) -> None:
        self.events.append((name, dict(attributes or {})))

    def keep(self, reason: str) -> None:
        self.kept = reason

    def fail(self, reason: str) -> None:
        self.failed = reason


class MemoryTracer:
    """A tracer whose ``spans`` are those that ended, in the order of their ends."""

    def __init__(self) -> None:
        self.spans: list[MemorySpan] = []
        self._made = 0
        self._around = threading.local()

    @contextmanager
    def span(
        self,
        name: str,
        *,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
        attributes: Mapping[str, Attribute] | None = None,
        root: bool = False,
    ) -> Iterator[MemorySpan]:
        around = self.current()
        span = self._make(name, None if root else parent or around, links, attributes)
        self._around.context = span.context
        try:
            yield span
        except BaseException as error:
            span.failed = span.failed or type(error).__name__
            raise
        finally:
            self._around.context = around
            self.spans.append(span)

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
        span = self._make(name, parent, links, attributes)
        span.start, span.end, span.kept = start, end, keep
        self.spans.append(span)
        return span.context

    def current(self) -> TraceContext | None:
        return getattr(self._around, "context", None)

    def named(self, name: str) -> list[MemorySpan]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def _make(
        self,
        name: str,
        parent: TraceContext | None,
        links: Sequence[TraceContext],
        attributes: Mapping[str, Attribute] | None,
    ) -> MemorySpan:
        self._made += 1
        trace_id = parent.trace_id if parent else f"{self._made:032x}"
        return MemorySpan(
            name, TraceContext(trace_id, f"{self._made:016x}"), parent, tuple(links), dict(attributes or {})
        )
