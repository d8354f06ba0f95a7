"""Traces, metrics and logs; the only place that talks to OpenTelemetry's SDK.

Loops and adapters take ``Metrics`` and ``Tracer`` as arguments and log with ``Log``; the composition root makes them.
"""

from __future__ import annotations

from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram
from connector.runtime.telemetry.logs import Log
from connector.runtime.telemetry.memory import MemoryMetrics, MemorySpan, MemoryTracer
from connector.runtime.telemetry.metrics import Labelled, Metrics
from connector.runtime.telemetry.pseudonym import Pseudonym
from connector.runtime.telemetry.settings import TelemetrySettings
from connector.runtime.telemetry.start import Telemetry, start_telemetry
from connector.runtime.telemetry.tracing import Span, TraceContext, Tracer

__all__ = [
    "Count",
    "Gauge",
    "Histogram",
    "Labelled",
    "Log",
    "MemoryMetrics",
    "MemorySpan",
    "MemoryTracer",
    "Metrics",
    "Pseudonym",
    "Span",
    "Telemetry",
    "TelemetrySettings",
    "TraceContext",
    "Tracer",
    "start_telemetry",
]
