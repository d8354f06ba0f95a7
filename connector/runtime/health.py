"""Whether a process lives and is ready, and the pages that tell it: ``/livez``, ``/readyz``, ``/metrics``.

A part (a loop, an end) reports. The process is ready while every part is. It lives while every loop keeps turning: a
part that has turned once and then not for ``stall_after`` makes ``/livez`` fail, so that a supervisor starts it anew.
An end that cannot be reached makes it unready, never dead, since a new start would not mend that.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from connector.runtime.clock import Clock
from connector.runtime.errors import Fault, SettingsFaults
from connector.runtime.messages import CliMessage, Message, message
from connector.runtime.telemetry import Gauge, Metrics


@dataclass(frozen=True)
class Page:
    """An answer over HTTP."""

    status: int
    content_type: str
    content: bytes


class Health:
    """What the parts of this process report. May be called from any thread."""

    def __init__(self, clock: Clock, metrics: Metrics, stall_after: timedelta) -> None:
        self._clock = clock
        self._metrics = metrics
        self._stall_after = stall_after.total_seconds()
        self._lock = threading.Lock()
        self._unready: dict[str, str | Message | None] = {}
        self._turned: dict[str, float] = {}

    def expect(self, part: str) -> None:
        """This part will report; until it does, the process is not ready."""
        self.not_ready(part, "starting")

    def ready(self, part: str) -> None:
        """It can do its work."""
        self._report(part, None)

    def not_ready(self, part: str, reason: str | Message) -> None:
        """It cannot, and why. No personal data."""
        self._report(part, reason)

    def turned(self, part: str) -> None:
        """Its loop has come round once more."""
        with self._lock:
            self._turned[part] = self._clock.monotonic()

    def forget(self, part: str) -> None:
        """It no longer concerns this process."""
        with self._lock:
            self._unready.pop(part, None)
            self._turned.pop(part, None)
        self._metrics.forget(Gauge.READY, part=part)

    def problems(self) -> dict[str, str | Message]:
        """Parts that are not ready, and why."""
        with self._lock:
            return {part: reason for part, reason in self._unready.items() if reason is not None}

    def liveness(self) -> Page:
        """200, or 503 if a loop has stalled; with the age of each loop's last turn."""
        now = self._clock.monotonic()
        with self._lock:
            ages = {part: round(now - at, 1) for part, at in self._turned.items()}
        live = all(age <= self._stall_after for age in ages.values())
        parts = {part: {"live": age <= self._stall_after, "turned_seconds_ago": age} for part, age in ages.items()}
        return _json_page(live, {"live": live, "parts": parts})

    def readiness(self) -> Page:
        """200, or 503 with the reasons if a part is not ready or none has reported."""
        with self._lock:
            parts = dict(self._unready)
        ready = bool(parts) and all(reason is None for reason in parts.values())
        return _json_page(ready, {"ready": ready, "parts": {part: _described(r) for part, r in parts.items()}})

    def _report(self, part: str, reason: str | Message | None) -> None:
        with self._lock:
            self._unready[part] = reason
        self._metrics.gauge(Gauge.READY, 0 if reason else 1, part=part)


def _described(reason: str | Message | None) -> dict[str, Any]:
    if isinstance(reason, Message):
        return {"ready": False, "code": reason.code, "reason": reason.text, "fix": reason.fix}
    return {"ready": reason is None} | ({"reason": reason} if reason else {})


def _json_page(good: bool, content: dict[str, Any]) -> Page:  # noqa: FBT001 -- the one thing that it says
    return Page(200 if good else 503, "application/json", json.dumps(content, ensure_ascii=False).encode() + b"\n")


class HealthServer:
    """Serves the pages until closed.

    Raises:
        SettingsFaults: the port cannot be listened on.
    """

    def __init__(self, health: Health, metrics_page: Callable[[], tuple[str, bytes]], host: str, port: int) -> None:
        pages: dict[str, Callable[[], Page]] = {
            "/livez": health.liveness,
            "/readyz": health.readiness,
            "/metrics": lambda: Page(200, *metrics_page()),
        }
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(pages))
        except OSError as error:
            fault = message(CliMessage.PORT_TAKEN, host=host, port=port, reason=error.strerror or error)
            raise SettingsFaults([Fault(fault, "telemetry.http_port")]) from error
        self._server.daemon_threads = True
        self.host = host
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(pages: dict[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that sends nothing is let go

        def do_GET(self) -> None:
            make = pages.get(self.path.partition("?")[0])
            page = make() if make else Page(404, "text/plain", b"Here are /livez, /readyz and /metrics.\n")
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(page.content)

        do_HEAD = do_GET  # noqa: N815 -- http.server finds methods by these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
            """Probes come every few seconds; they are no news."""

    return Handler
