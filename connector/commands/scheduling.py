"""Reconciling one sink again and again, as a role of a process."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.commands.progress import Lines
from connector.commands.standing import shadow_of
from connector.commands.topic_reading import raised_alert
from connector.commands.wiring.base import Base, keep_running
from connector.commands.wiring.reconciler import last_finished, open_reconciliation, write_alerts
from connector.commands.wiring.timetable import Timetable
from connector.runtime.errors import Busy, OperationalError
from connector.runtime.kafka.errors import KafkaFault
from connector.runtime.messages import Message
from connector.runtime.telemetry import Count, Gauge, Log
from consumers.reconciler.alert import says_the_same, unfinished
from consumers.reconciler.drift import Drift
from consumers.reconciler.report import Progress, Report, Verdict
from consumers.reconciler.sides import Scope

AGAIN_AFTER = timedelta(minutes=15)
"""One that failed is tried again after so long: each attempt has the sources read whole."""
_LINE_EVERY_S = 30.0
_NAP_S = 10.0


class ReconcilerRole:
    """Reconciles a sink whenever it is due. ``run`` returns when the process stops."""

    def __init__(self, base: Base, sink: str) -> None:
        self._base, self._sink = base, sink
        self._timetable = Timetable(base.settings.reconcile)
        self._last: datetime | None = None
        self._not_before: datetime | None = None
        self.part = f"reconcile.{sink}"
        self._log = Log(self.part)

    def run(self) -> None:
        keep_running(self._base, self.part, self._again_and_again)

    def _again_and_again(self) -> None:
        base = self._base
        if self._last is None:
            # The very first one is not made up for: sources and sink are mostly about to be loaded then.
            self._last = last_finished(base, self._sink) or base.clock.now()
        while not base.stopping.is_set():
            base.health.ready(self.part)
            base.health.turned(self.part)
            now = base.clock.now()
            if self._timetable.is_due(self._last, now) and (self._not_before is None or now >= self._not_before):
                self._attempt(now)
            base.clock.sleep(_NAP_S)

    def _attempt(self, now: datetime) -> None:
        self._not_before = now + AGAIN_AFTER
        try:
            report = self._reconcile()
        except Busy as busy:
            self._log.info("reconcile.skipped", reason=busy.message)
            self._last = now  # that one does for this one
        except OperationalError as error:
            self._base.telemetry.metrics.count(Count.RECONCILED, sink=self._sink, outcome="failed")
            self._log.warning("reconcile.failed", reason=error.message, again_at=self._not_before.isoformat())
            self._raise(error.message)
        else:
            self._last = self._base.clock.now()
            self._tell(report)

    def _reconcile(self) -> Report:
        base = self._base
        shadow = shadow_of(base, self._sink) is not None
        lines = Lines(base.clock, lambda text: self._log.info("reconcile.progress", at=text), _LINE_EVERY_S)

        def alive() -> None:
            base.health.turned(self.part)

        def progress(step: Progress) -> None:
            alive()
            lines(step)

        # To read all accounts may take longer than a role may be silent: each call is a sign of life.
        with open_reconciliation(base, self._sink, progress, shadow=shadow, on_call=alive) as reconciliation:
            return reconciliation.run(Scope())

    def _raise(self, reason: Message) -> None:
        """Have a person told, unless the same is told already: what stands is in the topic, so no restart tells it twice.
        The next run that comes to its end clears it, whoever starts that one.
        """
        alert = unfinished(self._sink, reason, AGAIN_AFTER, self._base.clock.now())
        try:
            if not says_the_same(alert, raised_alert(self._base, alert.key)):
                write_alerts(self._base, self._sink, [alert])
        except KafkaFault as fault:
            # Without Kafka nobody can be told; the log has both reasons, and the next attempt tries to tell again.
            self._log.error("alerts.not_written", reason=fault.message)

    def _tell(self, report: Report) -> None:
        metrics, sink = self._base.telemetry.metrics, self._sink
        metrics.count(Count.RECONCILED, sink=sink, outcome="complete")
        metrics.gauge(Gauge.LAST_RECONCILED, self._base.clock.now().timestamp(), sink=sink)
        for kind, count in report.before.by_kind.items():
            metrics.count(Count.DISCREPANCIES_FOUND, count, sink=sink, kind=kind)
        for drift in Drift:
            metrics.gauge(Gauge.DISCREPANCIES, report.last.by_kind[drift.value], sink=sink, kind=drift.value)
        say = self._log.warning if report.verdict is Verdict.ATTENTION else self._log.info
        say("reconciled", **report.plain)
