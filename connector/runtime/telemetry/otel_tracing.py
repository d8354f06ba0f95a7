"""The tracer over OpenTelemetry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from connector.runtime.errors import OperationalError
from connector.runtime.telemetry.keeping import KEEP, KeepingProcessor, RecordAll
from connector.runtime.telemetry.tracing import Attribute, TraceContext

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A batched call links to every trace that it serves; the SDK's limit of 128 would drop some.
_LIMITS = SpanLimits(max_links=2048)


class OtelSpan:
    """Implements ``Span``."""

    def __init__(self, span: otel.Span) -> None:
        self._span = span

    @property
    def context(self) -> TraceContext:
        return _ours(self._span.get_span_context())

    def set(self, name: str, value: Attribute) -> None:
        self._span.set_attribute(name, value)

    def event(self, name: str, attributes: Mapping[str, Attribute] | None = None) -> None:
        self._span.add_event(name, dict(attributes or {}))

    def keep(self, reason: str) -> None:
        self._span.set_attribute(KEEP, reason)

    def fail(self, reason: str) -> None:
        self._span.set_status(otel.StatusCode.ERROR, reason)


class OtelTracer:
    """Implements ``Tracer``. Without processors it makes ids, for logs and headers, and records nothing."""

    def __init__(self, resource: Resource, processors: Sequence[SpanProcessor], ratio: float) -> None:
        sampler = RecordAll(ratio) if processors else ALWAYS_OFF
        self._provider = TracerProvider(sampler, resource, shutdown_on_exit=False, span_limits=_LIMITS)
        if processors:
            self._provider.add_span_processor(KeepingProcessor(processors))
        self._tracer = self._provider.get_tracer("cohortstream")

    @contextmanager
    def span(
        self,
        name: str,
        *,
        parent: TraceContext | None = None,
        links: Sequence[TraceContext] = (),
        attributes: Mapping[str, Attribute] | None = None,
        root: bool = False,
    ) -> Iterator[OtelSpan]:
        around = Context() if root else _theirs_around(parent) if parent else None
        with self._tracer.start_as_current_span(
            name,
            around,
            links=[otel.Link(_theirs(link)) for link in links],
            attributes=dict(attributes or {}),
            # An exception's text and traceback may hold what a library was given: the type alone is told.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield OtelSpan(span)
            except OperationalError as error:
                span.set_status(otel.StatusCode.ERROR, error.message.code)
                raise
            except BaseException as error:
                span.set_status(otel.StatusCode.ERROR, type(error).__name__)
                raise

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
        span = self._tracer.start_span(
            name,
            _theirs_around(parent) if parent else Context(),
            links=[otel.Link(_theirs(link)) for link in links],
            attributes=dict(attributes or {}) | ({KEEP: keep} if keep else {}),
            start_time=_nanoseconds(start),
        )
        span.end(_nanoseconds(end))
        return _ours(span.get_span_context())

    def current(self) -> TraceContext | None:
        context = otel.get_current_span().get_span_context()
        return _ours(context) if context.is_valid else None

    def stop(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _ours(context: otel.SpanContext) -> TraceContext:
    return TraceContext(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)


def _theirs(context: TraceContext) -> otel.SpanContext:
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if context.sampled else otel.TraceFlags.DEFAULT)
    return otel.SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=flags)


def _theirs_around(context: TraceContext) -> Context:
    return otel.set_span_in_context(otel.NonRecordingSpan(_theirs(context)), Context())


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
