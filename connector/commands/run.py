"""``cohortstream run``: all roles in one process, for small sites."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.process import hosting
from connector.commands.settings import Settings, require_secrets
from connector.commands.wiring.base import Base, keep_running, make_base
from connector.commands.wiring.connector import PART, ConnectorRole
from connector.commands.wiring.consumer import ConsumerRole
from connector.commands.wiring.notifier import PART as NOTIFY
from connector.commands.wiring.notifier import NotifierRole
from connector.commands.wiring.reconciler import open_reconciliation
from connector.runtime.lifecycle import ExitCode
from connector.runtime.telemetry import Count, Gauge, Log
from consumers.reconciler.compare import Drift
from consumers.reconciler.report import Verdict
from consumers.reconciler.run import Scope

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "run",
        "all roles in one process, until stopped",
        description="""
            The connector, a consumer for every sink, reconciliations at the interval of the setting reconcile.every, and the
            notifier if the settings name recipients of alerts.
            For small sites; the separate roles scale and fail separately.
        """,
        examples=[("everything in one", "cohortstream --config /etc/cohortstream.toml run")],
        run=run,
    )


def run(_arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Until the process is asked to stop."""
    require_all_secrets(settings)
    with hosting(settings.telemetry, "run") as process:
        base = make_base(settings, process)
        roles: dict[str, Callable[[], None]] = {PART: ConnectorRole(base).run}
        for sink in settings.sinks:
            consumer = ConsumerRole(base, sink)
            roles[consumer.part] = consumer.run
            if settings.reconcile.every is not None:
                scheduled = _Schedule(base, sink, settings.reconcile.every)
                roles[scheduled.part] = scheduled.run
        if settings.alerts.recipients:
            roles[NOTIFY] = NotifierRole(base).run
        process.run(roles)
    return ExitCode.OK


def require_all_secrets(settings: Settings) -> None:
    """Make sure that every role of this process can read its secrets.

    Raises:
        SettingsFaults: some cannot be read.
    """
    for name, source in settings.required_sources().items():
        require_secrets(source, "sources", name)
    for name, sink in settings.sinks.items():
        require_secrets(sink, "sinks", name)
    require_secrets(settings.kafka, "kafka")
    require_secrets(settings.alerts, "alerts")


class _Schedule:
    """Reconciles one sink again and again."""

    def __init__(self, base: Base, sink: str, every: timedelta) -> None:
        self._base, self._sink, self._every = base, sink, every
        self.part = f"reconcile.{sink}"

    def run(self) -> None:
        keep_running(self._base, self.part, self._again_and_again)

    def _again_and_again(self) -> None:
        base = self._base
        while not base.stopping.is_set():
            base.health.ready(self.part)
            self._rest()
            if base.stopping.is_set():
                return
            with open_reconciliation(base, self._sink) as reconciliation:
                report = reconciliation.run(Scope())
            base.telemetry.metrics.count(Count.RECONCILED, sink=self._sink, outcome="complete")
            base.telemetry.metrics.gauge(Gauge.LAST_RECONCILED, base.clock.now().timestamp(), sink=self._sink)
            for kind, count in report.before.by_kind.items():
                base.telemetry.metrics.count(Count.DISCREPANCIES_FOUND, count, sink=self._sink, kind=kind)
            for kind in Drift:
                left = report.last.by_kind[kind.value]
                base.telemetry.metrics.gauge(Gauge.DISCREPANCIES, left, sink=self._sink, kind=kind.value)
            log = Log(self.part)
            say = log.warning if report.verdict is Verdict.ATTENTION else log.info
            say("reconciled", **report.plain)

    def _rest(self) -> None:
        """The interval, in short sleeps, so that the health page sees that the loop lives."""
        until = self._base.clock.monotonic() + self._every.total_seconds()
        while (left := until - self._base.clock.monotonic()) > 0 and not self._base.stopping.is_set():
            self._base.health.turned(self.part)
            self._base.clock.sleep(min(left, 10.0))
