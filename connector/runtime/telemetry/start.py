"""Telemetry as the settings want it."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from connector.runtime.telemetry.logs import start_logging
from connector.runtime.telemetry.metrics import Metrics
from connector.runtime.telemetry.otel_metrics import OtelMetrics
from connector.runtime.telemetry.otel_tracing import OtelTracer
from connector.runtime.telemetry.pseudonym import Pseudonym
from connector.runtime.telemetry.settings import TelemetrySettings
from connector.runtime.telemetry.span_file import SpanFile
from connector.runtime.telemetry.tracing import Tracer

_SHORTEST_KEY = 16
# An unreachable collector must not hold up a stop for longer than a supervisor waits.
_EXPORT_TIMEOUT_S = 3
_STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Telemetry:
    """What the composition root hands to loops and adapters."""

    metrics: Metrics
    tracer: Tracer
    pseudonym: Pseudonym
    metrics_page: Callable[[], tuple[str, bytes]]
    """Content type and content of the page for Prometheus."""
    stop: Callable[[], None]
    """Send what is left, within five seconds; once, at the end of the process."""


def start_telemetry(settings: TelemetrySettings, role: str) -> Telemetry:
    """Begin to log, to measure and to trace in this process.

    Raises:
        OSError: a secret or the trace file cannot be opened.
        ValueError: the key of the hashes is empty or shorter than 16 characters.
    """
    resource = Resource.create(
        {"service.name": f"cohortstream-{role}", "service.instance.id": f"{socket.gethostname()}-{os.getpid()}"}
    )
    processors: list[SpanProcessor] = []
    readers: list[MetricReader] = []
    if settings.trace_file is not None:
        processors.append(BatchSpanProcessor(SpanFile(settings.trace_file), schedule_delay_millis=500))
    if settings.otlp_endpoint is not None:
        base = settings.otlp_endpoint.rstrip("/")
        headers = {name: secret.read() for name, secret in settings.otlp_headers.items()}
        traces = OTLPSpanExporter(f"{base}/v1/traces", headers=headers, timeout=_EXPORT_TIMEOUT_S)
        numbers = OTLPMetricExporter(f"{base}/v1/metrics", headers=headers, timeout=_EXPORT_TIMEOUT_S)
        processors.append(BatchSpanProcessor(traces))
        interval = settings.metrics_interval.total_seconds() * 1000
        readers.append(PeriodicExportingMetricReader(numbers, export_interval_millis=interval))
    tracer = OtelTracer(resource, processors, settings.sample_ratio)
    metrics = OtelMetrics(resource, readers)
    start_logging(settings.log_level, settings.log_format, tracer.current)

    def send_the_rest() -> None:
        tracer.stop()
        metrics.stop(_STOP_TIMEOUT_S)

    def stop() -> None:
        # The SDK tries each waiting batch in turn against a collector that is down; a thread that may be left behind
        # is the only way to bound that.
        sender = threading.Thread(target=send_the_rest, name="telemetry-stop", daemon=True)
        sender.start()
        sender.join(_STOP_TIMEOUT_S)

    return Telemetry(metrics, tracer, make_pseudonym(settings), metrics.page, stop)


def make_pseudonym(settings: TelemetrySettings) -> Pseudonym:
    """The hashes for people.

    Raises:
        OSError: the key's file cannot be read.
        ValueError: the key is empty or too short.
    """
    if settings.hash_key is None:
        return Pseudonym(secrets.token_bytes(32))
    key = settings.hash_key.read()
    if len(key) < _SHORTEST_KEY:
        raise ValueError(f"telemetry.hash_key has {len(key)} characters; it needs {_SHORTEST_KEY} or more")
    return Pseudonym(key.encode())
