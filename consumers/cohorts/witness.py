"""What the consumer tells telemetry. Contexts of live changes are kept from the record to its call.

A live change is one trace that ends in its Moodle call: the call's span is its child where the call carries one trace,
and is linked both ways where it carries several. Records of a chunk share a context, so a chunk makes one span a call.
People appear only as keyed hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from connector.runtime.telemetry import Count, Gauge, Histogram, Metrics, Pseudonym, Span, TraceContext, Tracer
from schemas.records import LedgerEntry

Key = tuple[str, str]
_MOST = 200_000
_LINKS = 128
_BULK = frozenset(
    ("first_load", "snapshot", "late_commit", "null_cursor", "cursor_backwards", "untouched_cursor", "unwatched")
)
"""Causes of records that were read in bulk: they may be many at once, none is a live change, and none begins a trace."""


class Witness:
    """One consumer's view of telemetry."""

    def __init__(self, metrics: Metrics, tracer: Tracer, pseudonym: Pseudonym) -> None:
        """``metrics`` has the sink's label filled in."""
        self._metrics, self._tracer, self._pseudonym = metrics, tracer, pseudonym
        self._contexts: dict[Key, TraceContext] = {}
        self._parked_for: set[str] = set()

    def taken_in(self, key: Key, headers: Mapping[str, bytes]) -> None:
        """A record became the last word of its membership."""
        context = TraceContext.from_headers(headers.items())
        if context is not None and len(self._contexts) < _MOST:
            self._contexts[key] = context

    def trace_id(self, key: Key) -> str | None:
        context = self._contexts.get(key)
        return context.trace_id if context else None

    def contexts(self, keys: Iterable[Key]) -> tuple[TraceContext, ...]:
        """The contexts of these memberships, each once; for ``call``, which runs in another thread."""
        return tuple(dict.fromkeys(found for key in keys if (found := self._contexts.get(key))))

    @contextmanager
    def call(self, name: str, contexts: Sequence[TraceContext], rows: int) -> Iterator[Span]:
        """A span around a call, in the thread that makes it."""
        parent = contexts[0] if len(contexts) == 1 else None
        links = () if parent else contexts[:_LINKS]
        attributes = {"rows": rows, "traces": len(contexts)}
        with self._tracer.span(name, parent=parent, links=links, attributes=attributes, root=parent is None) as span:
            yield span

    def applied(
        self, entries: Iterable[LedgerEntry], op: str, call: TraceContext, began: datetime, now: datetime
    ) -> None:
        """Moodle acknowledged these memberships; their traces end here."""
        told: set[TraceContext] = set()
        count = 0
        for entry in entries:
            count += 1
            context = self._contexts.pop((entry.cohort, entry.student), None)
            if entry.changed_at is not None and entry.cause not in _BULK:
                self._metrics.observe(Histogram.FRESHNESS, (now - entry.changed_at).total_seconds(), op=op)
            if context is not None and context not in told and context.trace_id != call.trace_id:
                told.add(context)
                self._tracer.record(f"membership {op}", began, now, parent=context, links=[call])
        self._metrics.count(Count.APPLIED, count, op=op)

    def set_aside(self, entry: LedgerEntry, status: str, reason: str, now: datetime) -> None:
        """A membership was parked or held; its trace is kept whatever sampling says."""
        if status == "parked":
            self._metrics.count(Count.PARKED_TOTAL, reason=reason)
        context = self._contexts.pop((entry.cohort, entry.student), None)
        attributes = {"cohort": entry.cohort, "student": self._pseudonym.of("student", entry.student), "reason": reason}
        if context is not None or entry.cause not in _BULK:
            self._tracer.record(f"membership {status}", now, now, parent=context, attributes=attributes, keep=status)

    def dead_letter(self, stage: str, headers: Mapping[str, bytes], position: str, now: datetime) -> str | None:
        """A record was set aside for good; the trace it is kept under."""
        self._metrics.count(Count.DEAD_LETTERS, stage=stage)
        context = TraceContext.from_headers(headers.items())
        attributes = {"stage": stage, "position": position}
        return self._tracer.record(
            "record dead-lettered", now, now, parent=context, attributes=attributes, keep="deadletter"
        ).trace_id

    def behind(self, lag: Mapping[int, int], lost: Iterable[int]) -> None:
        """Records of each partition that are not taken in; ``lost`` partitions are no longer ours."""
        for partition, records in lag.items():
            self._metrics.gauge(Gauge.LAG, records, partition=str(partition))
        for partition in lost:
            self._metrics.forget(Gauge.LAG, partition=str(partition))

    def settled(self, key: Key) -> None:
        """Nothing is to be done for it."""
        self._contexts.pop(key, None)

    def committed(self, seconds: float, *, whole: bool) -> None:
        """A transaction ended."""
        self._metrics.count(Count.TRANSACTIONS, role="consume", outcome="committed" if whole else "aborted")
        self._metrics.observe(Histogram.TRANSACTION_DURATION, seconds, role="consume")

    def created(self, cohorts: int) -> None:
        self._metrics.count(Count.COHORTS_CREATED, cohorts)

    def rechecked(self, agreed: int, repaired: int) -> None:
        self._metrics.count(Count.RECHECKS, agreed, outcome="agreed")
        self._metrics.count(Count.RECHECKS, repaired, outcome="repaired")

    def stands(self, counts: Mapping[tuple[str, str], int], partitions: int) -> None:
        """How many entries stand where."""
        parked = {reason: n for (status, reason), n in counts.items() if status == "parked"}
        for reason in self._parked_for - parked.keys():
            self._metrics.gauge(Gauge.PARKED, 0, reason=reason)
        for reason, n in parked.items():
            self._metrics.gauge(Gauge.PARKED, n, reason=reason)
        self._parked_for |= parked.keys()
        self._metrics.gauge(Gauge.UNSETTLED, sum(counts.values()))
        for status, gauge in (("held", Gauge.HELD), ("due", Gauge.DUE), ("quarantined", Gauge.QUARANTINED)):
            self._metrics.gauge(gauge, sum(n for (found, _), n in counts.items() if found == status))
        self._metrics.gauge(Gauge.PARTITIONS, partitions)
