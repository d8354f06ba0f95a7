"""A process that hosts one role or several: signals, telemetry, health pages, and an orderly end."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from connector.commands.settings import require_secrets
from connector.runtime.clock import Clock, SystemClock
from connector.runtime.errors import Fault, OperationalError, SettingsFaults
from connector.runtime.health import Health, HealthServer
from connector.runtime.lifecycle import run_roles, stopped_by_signals
from connector.runtime.messages import SettingsMessage, message
from connector.runtime.telemetry import Log, Telemetry, TelemetrySettings, start_telemetry

GRACE = timedelta(seconds=25)
"""How long roles may take to stop: less than the 30 s after which Kubernetes kills, more than a Moodle call takes."""

_SWITCH_AFTER_S = 0.0005
_COLLECT_AFTER = 10_000
_COLLECT_OLDER_AFTER = 20, 50


@dataclass(frozen=True)
class Process:
    """What the roles of a process share."""

    stopping: threading.Event
    """Set when the process is to end; every role returns soon after."""
    clock: Clock
    """Its sleeps end when ``stopping`` is set."""
    telemetry: Telemetry
    health: Health

    def run(self, roles: Mapping[str, Callable[[], None]], grace: timedelta = GRACE) -> None:
        """Run the roles until all have returned; if one dies, all stop and its error is raised."""
        log = Log("process")
        log.info("process.started", roles=sorted(roles))
        with collecting_rarely(), switching_often():
            left = run_roles(roles, self.stopping, grace, lambda role, error: _log_death(log, role, error))
        if left:
            log.warning("process.left_behind", roles=left, after_seconds=grace.total_seconds())
        log.info("process.stopped", roles=sorted(roles))


@contextmanager
def hosting(settings: TelemetrySettings, role: str) -> Iterator[Process]:
    """A process in the given role, from its first log line to the last span sent. Main thread only.

    Raises:
        SettingsFaults: a secret, the trace file or the port of the health pages cannot be used.
    """
    require_secrets(settings, "telemetry")
    stopping = threading.Event()
    with stopped_by_signals(stopping):
        try:
            telemetry = start_telemetry(settings, role)
        except (OSError, ValueError) as error:
            fault = message(SettingsMessage.BAD_TABLE, key="telemetry", reason=error)
            raise SettingsFaults([Fault(fault, "telemetry")]) from error
        clock = SystemClock(stopping)
        health = Health(clock, telemetry.metrics, settings.stall_after)
        try:
            server = HealthServer(health, telemetry.metrics_page, settings.http_host, settings.port_of(role))
            Log("process").info("health.listening", url=f"http://{server.host}:{server.port}")
            try:
                yield Process(stopping, clock, telemetry, health)
            finally:
                server.close()
        finally:
            telemetry.stop()


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for cyclic garbage more rarely than Python does by itself, and never among what was there before.

    Roles make millions of small values without cycles; at Python's own rate a fifth of a load's time goes into looking
    at them (measured on Python 3.11). What it may leave lying about is some thousand values.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *_COLLECT_OLDER_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def switching_often() -> Iterator[None]:
    """Let threads take turns more often than Python does by itself.

    A thread that reads from a database or a broker gives way for each packet, and comes on again only when the one that
    works has had its turn. At Python's own five milliseconds a snapshot spends half of its time so (measured on Python
    3.11 with the thin driver, whose packets hold 8 KiB).
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_AFTER_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _log_death(log: Log, role: str, error: BaseException) -> None:
    if isinstance(error, OperationalError):
        log.error("role.died", role=role, message=error.message)
    else:
        log.crash("role.died", error, role=role)
