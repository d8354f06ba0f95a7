"""The face of the metrics that loops and adapters see."""

from __future__ import annotations

from typing import Protocol

from connector.runtime.telemetry.catalogue import Count, Gauge, Histogram


class Metrics(Protocol):
    """Takes measurements. Never fails, never waits. Labels are those of the catalogue, without personal data."""

    def count(self, name: Count, n: float = 1, /, **labels: str) -> None:
        """Something happened ``n`` times."""
        ...

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None:
        """It stands so from now on, until set anew or forgotten."""
        ...

    def forget(self, name: Gauge, /, **labels: str) -> None:
        """It no longer concerns this process, as the lag of a partition that went to another consumer."""
        ...

    def observe(self, name: Histogram, value: float, /, **labels: str) -> None:
        """One more value of a distribution."""
        ...


class Labelled:
    """The same metrics, with some labels filled in wherever a metric has them: ``Labelled(metrics, sink="moodle")``."""

    def __init__(self, metrics: Metrics, **labels: str) -> None:
        self._metrics = metrics
        self._labels = labels

    def count(self, name: Count, n: float = 1, /, **labels: str) -> None:
        self._metrics.count(name, n, **self._with(name, labels))

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None:
        self._metrics.gauge(name, value, **self._with(name, labels))

    def forget(self, name: Gauge, /, **labels: str) -> None:
        self._metrics.forget(name, **self._with(name, labels))

    def observe(self, name: Histogram, value: float, /, **labels: str) -> None:
        self._metrics.observe(name, value, **self._with(name, labels))

    def _with(self, name: Count | Gauge | Histogram, labels: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in self._labels.items() if key in name.labels} | labels
