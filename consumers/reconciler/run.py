"""Reconciles both ends: asks the connector to look again, compares Moodle with the ledger, asks the consumer to recheck.

Never writes to Moodle and never publishes a membership: there is one writer of each, and no race to lose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from connector.runtime.clock import Clock
from connector.runtime.errors import Unavailable
from connector.runtime.messages import ReconcilerMessage, message
from consumers.reconciler.compare import compare, missing_accounts
from consumers.reconciler.drift import Comparison, Difference, Drift
from consumers.reconciler.report import Progress, Report
from consumers.reconciler.settings import ReconcileSettings
from consumers.reconciler.sides import Alone, ConnectorSide, ConsumerSide, Exclusion, MoodleSide, PartitionView, Scope
from schemas.records import Notification

_DONE = object()


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
    exclusion: Exclusion = field(default_factory=Alone)
    """Keeps others away while this one asks for anything."""

    def run(self, scope: Scope, *, dry_run: bool = False) -> Report:
        """Reconcile what ``scope`` covers.

        Raises:
            Unavailable: a role does not answer, or does not finish in time; the message says which.
            Busy: another reconciliation of this sink is at work.
        """
        started = self.clock.now()
        dry_run = dry_run or self.shadow
        self._require_roles(connector=not dry_run)
        if not dry_run:
            self.exclusion.take()
        counts = self._look_again(scope) if not dry_run else {}
        self._wait_for_consumer()
        before = after = self._compare(scope)
        asked: list[Difference] = []
        if not dry_run:
            asked, after = self._repair(scope, before)
        report = Report(
            started,
            self.clock.now(),
            counts,
            before,
            after if asked else None,
            len(asked),
            dry_run,
            scope.text,
            scope.without(before.met).text,
        )
        self.keep(report)
        if not dry_run and not scope.text:  # a schedule goes by it, and part of the whole is not what is due
            self.exclusion.finished()
        return report

    def _require_roles(self, *, connector: bool) -> None:
        wanted = [("consumer", self.consumer.running)] + ([("connector", self.connector.running)] if connector else [])
        for role, running in wanted:
            if not self._until(running, self.settings.answer_within):
                raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role=role))

    def _look_again(self, scope: Scope) -> dict[str, int]:
        """The connector's counts, once every source has finished."""
        expected = self.connector.expected_rows()
        open_signals = dict(self.connector.ask(scope))
        counts: dict[str, int] = {}
        started = self.clock.monotonic()
        heard_at: float | None = None
        latest = Progress("connector is asked to look again")
        ahead = self._accounts_ahead(scope)
        while open_signals:
            for notification in self.connector.heard():
                if open_signals.get(notification.source) != notification.signal_id:
                    continue
                heard_at = self.clock.monotonic()
                latest = _snapshot_progress(notification, expected.get(notification.source))
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
            self._tell(latest)
            waited = timedelta(seconds=self.clock.monotonic() - started)
            if open_signals and heard_at is None and waited > self.settings.answer_within:
                raise Unavailable(message(ReconcilerMessage.ROLE_SILENT, role="connector"))
            if open_signals and waited > self.settings.snapshot_within:
                raise Unavailable(message(ReconcilerMessage.TOO_SLOW, step="snapshot of " + ", ".join(open_signals)))
            if open_signals and (heard_at is None or next(ahead, _DONE) is _DONE):
                self._rest()
        return counts

    def _accounts_ahead(self, scope: Scope) -> Iterator[None]:
        """Looks accounts up while the connector reads, where Moodle has nothing to do: it may take as long."""
        if not self.settings.accounts:
            return iter(())
        return self.moodle.look_ahead(self.consumer.students(scope.cohorts or None))

    def _wait_for_consumer(self) -> None:
        """Until the consumer has worked off all that was there at the beginning; what flows in meanwhile is not waited
        for, since it might never end.
        """
        target = self.consumer.target()
        total = len(target.memberships)

        def idle() -> bool:
            left = self.consumer.backlog(target)
            self._tell(Progress("consumer works off its backlog", {"partitions behind": left}, total - left, total))
            return left == 0

        if not self._until(idle, self.settings.settle_within):
            raise Unavailable(message(ReconcilerMessage.TOO_SLOW, step="consumer's backlog"))

    def _repair(self, scope: Scope, before: Comparison) -> tuple[list[Difference], Comparison]:
        """What was asked for, and how the ends stand afterwards."""
        asked = before.repairable
        after = before
        due = asked
        while due:
            self.consumer.repair(due)
            self._wait_for_consumer()
            self._until(partial(self._applied, len(due)), self.settings.settle_within)
            after = after.looked_again(self._look(scope, after.parts))
            # A deleted cohort is made anew when the consumer has noticed that it is gone.
            due = [one for one in after.repairable if one.kind is Drift.COHORT_DELETED and one.known and one not in due]
        return asked, after

    def _applied(self, total: int) -> bool:
        left = self.consumer.pending()
        self._tell(Progress("consumer repairs", {"memberships left": left}, max(0, total - left), total))
        return left == 0

    def _compare(self, scope: Scope) -> Comparison:
        """What differs, and differs still at a second look: what the consumer is just about is no drift."""
        first = self._look(scope, scope.cohorts or None)
        return first.confirmed_by(self._look(scope, first.parts)) if first.parts else first

    def _look(self, scope: Scope, cohorts: Collection[str] | None) -> Comparison:
        """Compare these cohorts, or all; only what the scope covers counts."""
        self.moodle.begin()
        found = Comparison(policy=self.settings.policy(foreign_go=self.foreign_go))
        total = self.consumer.partitions
        for number, part in enumerate(self.consumer.ledger(cohorts), 1):
            found.add(self._look_at(part, scope))
            counts = {"cohorts": found.cohorts, "differences": len(found.differences)}
            self._tell(Progress("comparing", counts, number, total))
        return found

    def _look_at(self, part: PartitionView, scope: Scope) -> Comparison:
        cohorts = [entry for entry in part.cohorts if scope.covers(entry.cohort, None)]
        entries = [entry for entry in part.entries if scope.covers(entry.cohort, None)]
        # Of one student every key that leads to the same account matters, so narrowing does not narrow this.
        students = {entry.student for entry in entries} if self.settings.accounts else set()
        view = self.moodle.view(cohorts, students)
        found = compare(cohorts, entries, view)
        if deleted := self.moodle.deleted(missing_accounts(found)):
            found = compare(cohorts, entries, replace(view, deleted=deleted))
        found.met = scope.met_in(cohorts, entries)
        return found.of(lambda one: scope.covers(one.cohort, one.student))

    def _until(self, reached: Callable[[], bool], within: timedelta) -> bool:
        deadline = self.clock.monotonic() + within.total_seconds()
        while not reached():
            if self.clock.monotonic() > deadline:
                return False
            self._rest()
        return True

    def _rest(self) -> None:
        self.exclusion.keep()
        self.clock.sleep(self.settings.poll.total_seconds())

    def _tell(self, progress: Progress) -> None:
        self.exclusion.keep()
        self.report_progress(progress)


def _snapshot_progress(heard: Notification, expected: int | None) -> Progress:
    rows = heard.counts.get("rows")
    return Progress(f"snapshot of {heard.source}", heard.counts, rows or 0, None if rows is None else expected)
