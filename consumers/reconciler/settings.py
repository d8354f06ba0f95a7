"""Settings of the reconciler."""

from __future__ import annotations

from datetime import timedelta

from connector.runtime.settings import Duration, Section


class ReconcileSettings(Section):
    """How long a reconciliation waits for the other roles."""

    answer_within: Duration = timedelta(seconds=10)
    """A role that does not answer within this time is reported as not running."""

    snapshot_within: Duration = timedelta(hours=2)
    """The longest that a snapshot may take. It is a bound against waiting for ever; large sources need minutes."""

    settle_within: Duration = timedelta(minutes=10)
    """How long to wait for the consumer to work off what the snapshot found, and what it was asked to recheck."""

    poll: Duration = timedelta(milliseconds=500)
    """How often to look whether something has moved."""

    every: Duration | None = None
    """Reconcile at this interval within ``cohortstream run``; absent for never. A cron job, a systemd timer or a
    Kubernetes CronJob does the same for the separate roles."""
