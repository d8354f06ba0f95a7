"""Settings of the reconciler."""

from __future__ import annotations

from datetime import timedelta

from pydantic import model_validator

from connector.runtime.settings import Duration, Section
from connector.runtime.time_settings import TimeOfDay, Zone
from consumers.reconciler.drift import REPAIRABLE, REPAIRED, REPORTED, Drift, Policy


class ReconcileSettings(Section):
    """When both ends are compared, how long that waits for the other roles, and what is done about which difference."""

    repair: tuple[Drift, ...] = REPAIRED
    """Kinds of differences that the consumer is asked to repair. `foreign` counts only where the sink's `foreign` is
    `remove`. `cohort_deleted`, which is not among the defaults, has every cohort made anew that somebody deletes in
    Moodle. The other kinds that are not among the defaults cannot be repaired without a person."""

    report: tuple[Drift, ...] = REPORTED
    """Kinds of differences that are only counted: they do not make a reconciliation need attention. What stands in neither
    list needs somebody's decision, and every reconciliation says so."""

    accounts: bool = True
    """Whether the account of every student is looked at, too: deleted and merged ones, and those that a number does not
    lead to any more, are found then. It reads the directory."""

    answer_within: Duration = timedelta(seconds=10)
    """A role that does not answer within this time is reported as not running."""

    snapshot_within: Duration = timedelta(hours=2)
    """The longest that a snapshot may take. It is a bound against waiting for ever; large sources need minutes."""

    settle_within: Duration = timedelta(minutes=10)
    """How long to wait for the consumer to work off what the snapshot found, and what it was asked to recheck."""

    poll: Duration = timedelta(milliseconds=500)
    """How often to look whether something has moved."""

    at: tuple[TimeOfDay, ...] = ()
    """Times of the day, in `timezone`, at which `cohortstream run` and `cohortstream reconcile --schedule` reconcile. A time
    that passed while nothing was running is made up for. A cron job, a systemd timer or a Kubernetes CronJob does the
    same for `cohortstream reconcile`."""

    timezone: Zone = "UTC"
    """Zone of the times in `at`."""

    every: Duration | None = None
    """Reconcile at this interval, too, within the same two commands; at least a minute, since each has the sources read
    whole. Absent for never."""

    @model_validator(mode="after")
    def _can_be_done(self) -> ReconcileSettings:
        if impossible := sorted({*self.repair} - REPAIRABLE):
            raise ValueError(
                f"{', '.join(impossible)} cannot be repaired; those that can be: {', '.join(sorted(REPAIRABLE))}"
            )
        if both := sorted({*self.repair} & {*self.report} - {Drift.FOREIGN}):
            raise ValueError(f"{', '.join(both)} cannot be both repaired and only reported")
        if self.every is not None and self.every < timedelta(minutes=1):
            raise ValueError("every must be at least a minute")
        return self

    def policy(self, *, foreign_go: bool) -> Policy:
        """What is done about which kind. ``foreign_go``: the sink's policy is that members whom no record names go."""
        return Policy(self.repair, self.report, foreign_go)
