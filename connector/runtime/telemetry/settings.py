"""Settings of traces, metrics, logs and the health pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connector.runtime.settings import Duration, Secret, Section

Port = Annotated[int, Field(ge=0, le=65535)]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]


class TelemetrySettings(Section):
    """What a process tells about itself, and where."""

    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://")
    """Base address of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://collector:4318`. Absent:
    nothing is sent."""

    otlp_headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers for the collector, such as an authorization."""

    sample_ratio: Ratio = 1.0
    """Share of live changes whose trace is exported. What was parked, held or dead-lettered is exported in any case, as
    far as the process that did so made the spans."""

    trace_file: Path | None = None
    """File to which every exported span is appended as a line of JSON, besides the collector. For trying things out."""

    metrics_interval: Duration = timedelta(seconds=15)
    """How often metrics are sent to the collector. The `/metrics` page is always current."""

    hash_key: Secret | None = None
    """Key of the hashes that stand for people in logs, traces and alerts; any text of 16 characters or more, the same
    for all processes. Absent: a new one at every start, so that hashes of two processes cannot be compared."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important events that are logged."""

    log_format: Literal["json", "text"] = "json"
    """`json` for machines, `text` for a terminal."""

    http_host: str = "127.0.0.1"
    """Address on which `/livez`, `/readyz` and `/metrics` listen. In a container `0.0.0.0`, since probes come from
    outside."""

    http_port: Port = 0
    """Port of these pages. 0: a free one, which the log names."""

    http_ports: dict[Literal["poll", "consume", "reconcile", "notify", "run"], Port] = Field(default_factory=dict)
    """Ports by role, for several roles on one machine with one settings file."""

    stall_after: Duration = timedelta(minutes=5)
    """A loop that has not turned for so long makes `/livez` fail, so that a supervisor starts the process anew. Longer
    than the longest single call."""

    def port_of(self, role: str) -> int:
        """The port for the pages of ``role``."""
        return {str(name): port for name, port in self.http_ports.items()}.get(role, self.http_port)
