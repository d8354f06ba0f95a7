"""Which spans are exported: a share of the traces, and whatever turned out to matter.

Whether a membership gets parked, held or dead-lettered is known when it happens, not when its trace begins. So every
span is recorded, and what sampling would drop waits here for a while: once a span of the same trace is marked to be
kept, the waiting ones follow it out, and those that end later go with it. The wait is bounded by a number of spans, the
oldest traces leave first. What another process dropped is gone; the kept part tells the record's position.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState, get_current_span
from opentelemetry.util.types import Attributes

KEEP = "cohortstream.keep"
"""The attribute that makes a span and its trace kept; its value is the reason."""

# About 10 MB at most, and a minute of a live load of 100 changes a second.
_WAITING_SPANS = 8192
_KEPT_TRACES = 8192


class RecordAll(Sampler):
    """Records every span; marks for export a share of the new traces, and what belongs to a marked one."""

    def __init__(self, ratio: float) -> None:
        self._new = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            marked = parent.trace_flags.sampled
        else:
            new = self._new.should_sample(parent_context, trace_id, name, kind, attributes, links)
            marked = new.decision is Decision.RECORD_AND_SAMPLE
        return SamplingResult(Decision.RECORD_AND_SAMPLE if marked else Decision.RECORD_ONLY, attributes)

    def get_description(self) -> str:
        return f"RecordAll{{{self._new.get_description()}}}"


class KeepingProcessor(SpanProcessor):
    """Hands spans on to ``next_processors``, as the module says."""

    def __init__(self, next_processors: Sequence[SpanProcessor]) -> None:
        self._next = tuple(next_processors)
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._waiting_spans = 0
        self._kept: OrderedDict[int, None] = OrderedDict()

    def on_end(self, span: ReadableSpan) -> None:
        for ready in self._ready(span):
            for processor in self._next:
                processor.on_end(ready)

    def shutdown(self) -> None:
        for processor in self._next:
            processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        flushed = [processor.force_flush(timeout_millis) for processor in self._next]
        return all(flushed)

    def _ready(self, span: ReadableSpan) -> list[ReadableSpan]:
        """What goes out now that ``span`` has ended."""
        context = span.get_span_context()
        if context is None or context.trace_flags.sampled:
            return [span]
        trace = context.trace_id
        with self._lock:
            if KEEP in (span.attributes or {}):
                self._kept[trace] = None
                self._kept.move_to_end(trace)
                while len(self._kept) > _KEPT_TRACES:
                    self._kept.popitem(last=False)
            if trace in self._kept:
                before = self._waiting.pop(trace, [])
                self._waiting_spans -= len(before)
                return [_marked(one) for one in [*before, span]]
            self._waiting.setdefault(trace, []).append(span)
            self._waiting_spans += 1
            while self._waiting_spans > _WAITING_SPANS:
                self._waiting_spans -= len(self._waiting.popitem(last=False)[1])
            return []


def _marked(span: ReadableSpan) -> ReadableSpan:
    """The same span, as if sampling had chosen it; exporters look at nothing else."""
    context = span.get_span_context()
    assert context is not None
    flags = TraceFlags(context.trace_flags | TraceFlags.SAMPLED)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(context.trace_id, context.span_id, context.is_remote, flags, context.trace_state),
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
