"""The metrics over OpenTelemetry: to a collector, and as a page for Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram

_Labels = frozenset[tuple[str, str]]


class OtelMetrics:
    """Implements ``Metrics``; ``readers`` may send them anywhere, the page is always there."""

    def __init__(self, resource: Resource, readers: Sequence[MetricReader] = ()) -> None:
        self._registry = CollectorRegistry()
        page = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)
        self._provider = MeterProvider([page, *readers], resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("cohortstream")
        self._counters = {m: meter.create_counter(m.metric, m.unit, m.meaning) for m in Count}
        self._histograms = {
            m: meter.create_histogram(m.metric, m.unit, m.meaning, explicit_bucket_boundaries_advisory=m.boundaries)
            for m in Histogram
        }
        # Not the SDK's own gauges: these report a value once, and a page would show it only to the first reader.
        self._lock = threading.Lock()
        self._gauges: dict[Gauge, dict[_Labels, float]] = {m: {} for m in Gauge}
        for m in Gauge:
            meter.create_observable_gauge(m.metric, [self._reader_of(m)], m.unit, m.meaning)

    def count(self, name: Count, n: float = 1, /, **labels: str) -> None:
        self._counters[name].add(n, labels)

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None:
        with self._lock:
            self._gauges[name][frozenset(labels.items())] = value

    def forget(self, name: Gauge, /, **labels: str) -> None:
        with self._lock:
            self._gauges[name].pop(frozenset(labels.items()), None)

    def observe(self, name: Histogram, value: float, /, **labels: str) -> None:
        self._histograms[name].record(value, labels)

    def page(self) -> tuple[str, bytes]:
        """Content type and content of the page for Prometheus."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)

    def stop(self, timeout: float) -> None:
        """Send what is left, for at most so many seconds."""
        self._provider.shutdown(timeout_millis=timeout * 1000)

    def _reader_of(self, gauge: Gauge) -> _GaugeReader:
        return _GaugeReader(self._lock, self._gauges[gauge])


class _GaugeReader:
    def __init__(self, lock: threading.Lock, values: dict[_Labels, float]) -> None:
        self._lock = lock
        self._values = values

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            return [Observation(value, dict(labels)) for labels, value in self._values.items()]
