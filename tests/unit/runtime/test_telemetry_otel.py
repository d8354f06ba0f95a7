"""Telemetry as it leaves the process: spans by sampling, the metrics page, the collector."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connector.commands.reference import prometheus_name
from connector.runtime.errors import Halted
from connector.runtime.messages import CliMessage, message
from connector.runtime.settings import Secret
from connector.runtime.telemetry import Count, Gauge, Histogram, TelemetrySettings, TraceContext, start_telemetry
from connector.runtime.telemetry.otel_metrics import OtelMetrics
from connector.runtime.telemetry.otel_tracing import OtelTracer

UNSAMPLED = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=False)


class Exported:
    """A tracer and what it exports."""

    def __init__(self, ratio: float) -> None:
        self._memory = InMemorySpanExporter()
        self.tracer = OtelTracer(Resource({}), [SimpleSpanProcessor(self._memory)], ratio)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self._memory.get_finished_spans()]

    def __getitem__(self, name: str) -> object:
        return next(span for span in self._memory.get_finished_spans() if span.name == name)


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """Telemetry takes the root logger over; give it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_sampled_trace_is_exported() -> None:
    """With a ratio of one every span leaves, with its parent and its links."""
    exported = Exported(1.0)
    with exported.tracer.span("poll", attributes={"source": "s"}) as poll:
        sent = poll.context
    with exported.tracer.span("apply", parent=sent) as apply:
        pass
    with exported.tracer.span("call", links=[apply.context], root=True):
        pass

    assert exported.names == ["poll", "apply", "call"]
    assert sent.trace_id == apply.context.trace_id
    assert sent.sampled


def test_what_sampling_drops_is_not_exported() -> None:
    """A ratio of zero exports nothing, but the ids are there for headers and logs."""
    exported = Exported(0.0)
    with exported.tracer.span("poll") as poll, exported.tracer.span("inner"):
        assert exported.tracer.current() is not None

    assert exported.names == []
    assert not poll.context.sampled
    assert len(poll.context.trace_id) == 32


def test_what_was_kept_is_exported_with_its_trace() -> None:
    """Parked within a dropped trace: what went before, around and after it in this process leaves, the rest does not."""
    exported = Exported(0.0)
    with exported.tracer.span("other"):
        pass
    with exported.tracer.span("before", parent=UNSAMPLED):
        pass
    with exported.tracer.span("around", parent=UNSAMPLED):
        with exported.tracer.span("parked") as parked:
            parked.keep("no account")
        assert exported.names == ["before", "parked"]
    with exported.tracer.span("after", parent=UNSAMPLED):
        pass

    assert exported.names == ["before", "parked", "around", "after"]


def test_the_memory_of_dropped_spans_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest traces leave first; a span kept too late goes alone."""
    monkeypatch.setattr("connector.runtime.telemetry.keeping._WAITING_SPANS", 3)
    exported = Exported(0.0)
    with exported.tracer.span("old", parent=UNSAMPLED):
        pass
    for _ in range(3):
        with exported.tracer.span("new", root=True):
            pass
    with exported.tracer.span("kept", parent=UNSAMPLED) as kept:
        kept.keep("held")

    assert exported.names == ["kept"]


def test_a_span_is_told_afterwards() -> None:
    """One row's share of a batch has the times that it took, and may be kept."""
    exported = Exported(0.0)
    start = datetime(2026, 9, 1, 8, 0, 0, 123456, tzinfo=UTC)
    context = exported.tracer.record("row", start, start + timedelta(seconds=1), parent=UNSAMPLED, keep="dead letter")
    span = exported["row"]

    assert context.trace_id == UNSAMPLED.trace_id
    assert span.end_time - span.start_time == 1_000_000_000  # type: ignore[attr-defined]
    assert span.start_time == 1788249600_123456_000  # type: ignore[attr-defined]


def test_a_failed_span_tells_type_or_code_and_no_text() -> None:
    """The text of a foreign exception may hold what it was given, so it stays out of traces."""
    exported = Exported(1.0)
    with pytest.raises(KeyError), exported.tracer.span("foreign"):
        raise KeyError("Rossi, Mario")
    with pytest.raises(Halted), exported.tracer.span("ours"):
        raise Halted(message(CliMessage.UNEXPECTED, reason="r"))

    assert exported["foreign"].status.description == "KeyError"  # type: ignore[attr-defined]
    assert exported["foreign"].events == ()  # type: ignore[attr-defined]
    assert exported["ours"].status.description == "CS6001"  # type: ignore[attr-defined]


def test_without_an_exporter_nothing_is_recorded_but_ids_flow() -> None:
    """The trace id of a parent goes on to the records that are written."""
    tracer = OtelTracer(Resource({}), [], 1.0)
    with tracer.span("apply", parent=UNSAMPLED) as span:
        span.keep("parked")

    assert span.context.trace_id == UNSAMPLED.trace_id


def test_the_page_shows_every_metric_under_its_documented_name() -> None:
    """The names in the reference are those that Prometheus sees."""
    metrics = OtelMetrics(Resource({}))
    for counter in Count:
        metrics.count(counter, 2, **dict.fromkeys(counter.labels, "x"))
    for gauge in Gauge:
        metrics.gauge(gauge, 3, **dict.fromkeys(gauge.labels, "x"))
    for histogram in Histogram:
        metrics.observe(histogram, 0.3, **dict.fromkeys(histogram.labels, "x"))
    page = metrics.page()[1].decode()

    for metric in (*Count, *Gauge):
        labels = ",".join(f'{label}="x"' for label in sorted(metric.labels))
        assert f"\n{prometheus_name(metric)}{{{labels}}} {2.0 if isinstance(metric, Count) else 3.0}\n" in page
    for histogram in Histogram:
        assert f"\n{prometheus_name(histogram)}_bucket{{" in page
    metrics.stop(1.0)


def test_a_gauge_stays_on_the_page_until_forgotten() -> None:
    """It is not gone at the second look, and a partition that left no longer shows."""
    metrics = OtelMetrics(Resource({}))
    metrics.gauge(Gauge.LAG, 7, sink="m", partition="1")
    metrics.gauge(Gauge.LAG, 8, sink="m", partition="2")
    metrics.page()
    metrics.forget(Gauge.LAG, sink="m", partition="1")
    page = metrics.page()[1].decode()

    assert 'partition="2",sink="m"} 8.0' in page
    assert 'partition="1"' not in page
    metrics.stop(1.0)


class Collector:
    """Takes OTLP over HTTP and remembers."""

    def __init__(self) -> None:
        received: list[tuple[str, str | None, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                received.append((self.path, self.headers.get("Authorization"), body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.received = received
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_spans_and_metrics_reach_a_collector(tmp_path: Path) -> None:
    """With an endpoint configured, both are sent over OTLP with the configured headers, and spans to the file too."""
    collector = Collector()
    settings = TelemetrySettings(
        otlp_endpoint=f"http://127.0.0.1:{collector.server.server_port}/",
        otlp_headers={"Authorization": Secret.model_validate("Bearer abc")},
        trace_file=tmp_path / "new" / "spans.jsonl",
    )
    telemetry = start_telemetry(settings, "consume")
    with telemetry.tracer.span("apply", parent=UNSAMPLED, links=[UNSAMPLED]) as span:
        span.event("sent", {"rows": 3})
        span.keep("parked")
    telemetry.metrics.count(Count.COHORTS_CREATED, sink="moodle")
    telemetry.stop()
    collector.stop()

    bodies = {path: body for path, authorization, body in collector.received if authorization == "Bearer abc"}
    traces = ExportTraceServiceRequest.FromString(bodies["/v1/traces"])
    metrics = ExportMetricsServiceRequest.FromString(bodies["/v1/metrics"])
    (line,) = (tmp_path / "new" / "spans.jsonl").read_text().splitlines()
    told = json.loads(line)

    assert traces.resource_spans[0].scope_spans[0].spans[0].name == "apply"
    assert metrics.resource_metrics[0].scope_metrics[0].metrics[0].name == "cohortstream.cohorts.created"
    assert (told["trace_id"], told["parent_id"]) == (UNSAMPLED.trace_id, UNSAMPLED.span_id)
    assert told["links"] == [{"trace_id": UNSAMPLED.trace_id, "span_id": UNSAMPLED.span_id}]
    assert told["events"][0]["attributes"] == {"rows": 3}
    assert told["attributes"] == {"cohortstream.keep": "parked"}
    assert told["service"] == "cohortstream-consume"


def test_a_missing_key_makes_hashes_of_this_process_only() -> None:
    """Without a key nothing can be tried out, and nothing be compared."""
    one, other = (start_telemetry(TelemetrySettings(), "poll") for _ in range(2))

    assert one.pseudonym.of("student", 1) == one.pseudonym.of("student", 1)
    assert one.pseudonym.of("student", 1) != other.pseudonym.of("student", 1)
    one.stop()
    other.stop()


def test_a_short_key_is_refused() -> None:
    """A key that can be guessed protects nobody."""
    with pytest.raises(ValueError, match="needs 16"):
        start_telemetry(TelemetrySettings.model_validate({"hash_key": "short"}), "poll")


def test_a_collector_that_is_down_holds_up_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans that wait are given up when the process ends."""
    monkeypatch.setattr("connector.runtime.telemetry.start._STOP_TIMEOUT_S", 0.1)
    released = threading.Event()
    monkeypatch.setattr(OtelTracer, "stop", lambda _: released.wait(60))
    telemetry = start_telemetry(TelemetrySettings(), "poll")
    telemetry.stop()

    assert not released.is_set()  # the stop returned although the export still waits

    released.set()
