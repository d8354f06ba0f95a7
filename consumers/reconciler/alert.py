"""The alert that a reconciliation leaves: differences that stay until somebody sees to them. Pure."""

from __future__ import annotations

from collections import Counter

from connector.runtime.messages import ReconcilerMessage, message
from consumers.reconciler.report import Report, listed
from schemas.records import Alert, AlertState

ROLE = "reconcile"


def alert_of(report: Report, sink: str) -> Alert | None:
    """Raised while differences are left that need attention, cleared by the next run that leaves none.

    None for a run that says nothing about the whole: one that was narrowed, or that only compared.
    """
    if report.dry_run or report.narrowed:
        return None
    left = Counter(difference.kind.value for difference in report.last.pressing)
    said = message(ReconcilerMessage.DIFFERENCES_LEFT, sink=sink, count=left.total(), kinds=listed(left))
    state = AlertState.RAISED if left else AlertState.CLEARED
    return Alert(f"{ROLE}/{sink}/differences", state, said.code, ROLE, report.finished_at, said.parameters)
