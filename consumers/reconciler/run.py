"""Reconciles both ends: asks the connector to look again, compares Moodle with the ledger, asks the consumer to recheck.

Never writes to Moodle and never publishes a membership: there is one writer of each, and no race to lose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.errors import Unavailable
from connector.runtime.messages import ReconcilerMessage, message
from consumers.reconciler.compare import Comparison, Difference, MoodleView, compare
from consumers.reconciler.report import Progress, Report
from consumers.reconciler.settings import ReconcileSettings
from schemas.records import CohortEntry, LedgerEntry, Notification


@dataclass(frozen=True, slots=True)
class Scope:
    """What to reconcile; empty means everything."""

    source: str | None = None
    cohorts: tuple[str, ...] = ()
    students: tuple[str, ...] = ()

    def covers(self, cohort: str, student: str | None) -> bool:
        return (not self.cohorts or cohort in self.cohorts) and (
            not self.students or student is None or student in self.students
        )

    @property
    def text(self) -> str:
        """Without the students' keys, which are personal data."""
        parts = [f"source {self.source}"] if self.source else []
        parts += [f"cohort {cohort}" for cohort in self.cohorts]
        parts += [f"{len(self.students)} students"] if self.students else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition of the ledger."""

    cohorts: Sequence[CohortEntry]
    entries: Sequence[LedgerEntry]


class ConnectorSide(Protocol):
    """The connector, as far as the reconciler needs it."""

    def running(self) -> bool:
        """Whether a connector takes part in its election."""
        ...

    def ask(self, scope: Scope) -> Mapping[str, str]:
        """Ask to look again; the id of the signal by source."""
        ...

    def heard(self) -> Iterable[Notification]:
        """Notifications since the last call."""
        ...


class ConsumerSide(Protocol):
    """The consumer, as far as the reconciler needs it."""

    def running(self) -> bool:
        """Whether a consumer is in its group."""
        ...

    def backlog(self) -> int:
        """Partitions in which some record or command is not worked off yet."""
        ...

    def ledger(self) -> Iterator[PartitionView]:
        """The ledger as it is now, a partition at a time."""
        ...

    def recheck(self, differences: Sequence[Difference]) -> None:
        """Ask to compare these again and to repair them."""
        ...


class MoodleSide(Protocol):
    """Moodle, to read."""

    def begin(self) -> None:
        """A comparison begins: what an earlier one read is old."""
        ...

    def view(self, cohorts: Sequence[CohortEntry]) -> MoodleView:
        """What Moodle has of these cohorts."""
        ...


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One run. ``report_progress`` hears what is being done."""

    connector: ConnectorSide
    consumer: ConsumerSide
    moodle: MoodleSide
    settings: ReconcileSettings
    clock: Clock
    report_progress: Callable[[Progress], None] = lambda _: None
    shadow: bool = False
    """Whether the sink is in shadow; then it only reports, since nothing could be repaired."""
    foreign_go: bool = False
    """Whether the consumer removes members whom no record names."""
    keep: Callable[[Report], None] = lambda _: None
    """Is given what a run found, when it has come to its end."""

    def run(
        self,
        scope: Scope,
        *,
        dry_run: bool = False,
    ) -> Report:
        """Reconcile what ``scope`` covers.

        Raises:
            Unavailable: a role does not answer, or does not finish in time; the message says which.
        """
        started = self.clock.now()
        dry_run = dry_run or self.shadow
        self._require_roles(connector=not dry_run)
        counts = self._look_again(scope) if not dry_run else {}
        self._wait_for_consumer()
        before = self._compare(scope)
        asked = [] if dry_run else before.repairable
        after = None
        if asked:
            self.consumer.recheck(asked)
            self._wait_for_consumer()
            after = self._compare(scope)
        report = Report(started, self.clock.now(), counts, before, after, len(asked), dry_run, scope.text)
        self.keep(report)
        return report

    def _require_roles(self, *, connector: bool) -> None:
        wanted = [("consumer", self.consumer.running)] + ([("connector", self.connector.running)] if connector else [])
        for role, running in wanted:
            if not self._until(running, self.settings.answer_within):
                raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role=role))

    def _look_again(self, scope: Scope) -> dict[str, int]:
        """The connector's counts, once every source has finished."""
        open_signals = dict(self.connector.ask(scope))
        counts: dict[str, int] = {}
        started = self.clock.monotonic()
        heard_at: float | None = None
        while open_signals:
            for notification in self.connector.heard():
                if open_signals.get(notification.source) != notification.signal_id:
                    continue
                heard_at = self.clock.monotonic()
                self.report_progress(Progress(f"{notification.source} {notification.phase}", notification.counts))
                if notification.phase == "refused":
                    raise Unavailable(
                        message(
                            ReconcilerMessage.REFUSED, source=notification.source, reason=notification.reason or "?"
                        )
                    )
                if notification.phase == "finished":
                    del open_signals[notification.source]
                    for name, count in notification.counts.items():
                        counts[name] = counts.get(name, 0) + count
            waited = timedelta(seconds=self.clock.monotonic() - started)
            if open_signals and heard_at is None and waited > self.settings.answer_within:
                raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role="connector"))
            if open_signals and waited > self.settings.snapshot_within:
                raise Unavailable(message(ReconcilerMessage.TOO_SLOW, step="snapshot of " + ", ".join(open_signals)))
            if open_signals:
                self.clock.sleep(self.settings.poll.total_seconds())
        return counts

    def _wait_for_consumer(self) -> None:
        def idle() -> bool:
            left = self.consumer.backlog()
            self.report_progress(Progress("consumer works off its backlog", {"partitions behind": left}))
            return left == 0

        if not self._until(idle, self.settings.settle_within):
            raise Unavailable(message(ReconcilerMessage.TOO_SLOW, step="consumer's backlog"))

    def _compare(self, scope: Scope) -> Comparison:
        self.moodle.begin()
        found = Comparison(foreign_go=self.foreign_go)
        for number, part in enumerate(self.consumer.ledger()):
            cohorts = [entry for entry in part.cohorts if scope.covers(entry.cohort, None)]
            entries = [entry for entry in part.entries if scope.covers(entry.cohort, None)]
            result = compare(cohorts, entries, self.moodle.view(cohorts))
            result.differences = [d for d in result.differences if scope.covers(d.cohort, d.student)]
            found.add(result)
            self.report_progress(Progress("comparing", {"partition": number, "cohorts": found.cohorts}))
        return found

    def _until(self, reached: Callable[[], bool], within: timedelta) -> bool:
        deadline = self.clock.monotonic() + within.total_seconds()
        while not reached():
            if self.clock.monotonic() > deadline:
                return False
            self.clock.sleep(self.settings.poll.total_seconds())
        return True
