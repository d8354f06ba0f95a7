"""The alerts of reconciliations: differences that stay until somebody sees to them, and scheduled runs that do not come to
their end. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from connector.runtime.messages import Message, ReconcilerMessage, message
from connector.runtime.settings import format_duration
from consumers.reconciler.drift import Drift
from consumers.reconciler.report import Report
from schemas.records import Alert, AlertState

ROLE = "reconcile"
_COUNTED = {
    Drift.MISSING: "missing: {count}",
    Drift.EXTRA: "extra: {count}",
    Drift.FOREIGN: "foreign: {count}",
    Drift.COHORT_DELETED: "cohort deleted: {count}",
    Drift.COHORT_DOUBLED: "cohort doubled: {count}",
    Drift.COHORT_RENAMED: "cohort renamed: {count}",
    Drift.COHORT_MOVED: "cohort moved: {count}",
    Drift.COHORT_FORBIDDEN: "cohort forbidden: {count}",
    Drift.USER_DELETED: "user deleted: {count}",
    Drift.USER_MERGED: "user merged: {count}",
    Drift.ACCOUNT_CHANGED: "account changed: {count}",
    Drift.ACCOUNT_FOUND: "account found: {count}",
}
"""So written out, they are translated where the alert is told (``connector/runtime/messages/phrases.py``)."""


def alerts_of(report: Report, sink: str, *, shadow: bool = False) -> Iterator[Alert]:
    """What a run that came to its end says. One that was narrowed, or that only compared although it might have asked
    (``shadow``: it might not), says nothing about the whole.
    """
    if report.narrowed or (report.dry_run and not shadow):
        return
    if not report.dry_run:
        yield _differences(report, sink)
    # Always, raised or not: so it need not be known whether it stands, and when the last one ended can be read there.
    yield Alert(
        unfinished_key(sink),
        AlertState.CLEARED,
        ReconcilerMessage.UNFINISHED.code,
        ROLE,
        report.finished_at,
        {"sink": sink},
    )


def unfinished_key(sink: str) -> str:
    """Key of the alert that scheduled runs fail; under it also stands when the last run of everything came to its end."""
    return f"{ROLE}/{sink}/unfinished"


def unfinished(sink: str, reason: Message, again_every: timedelta, now: datetime) -> Alert:
    """A scheduled run failed. It says how often it is tried again rather than when next, so that no attempt changes it."""
    said = message(
        ReconcilerMessage.UNFINISHED,
        sink=sink,
        cause=f"{reason.code} {reason.text}",
        pause=format_duration(again_every),
        fix=reason.fix,
    )
    return Alert(unfinished_key(sink), AlertState.RAISED, said.code, ROLE, now, said.parameters)


def says_the_same(alert: Alert, standing: Alert | None) -> bool:
    """Whether the alert that stands tells already what this one would."""
    return standing is not None and (alert.state, alert.code, dict(alert.parameters)) == (
        standing.state,
        standing.code,
        dict(standing.parameters),
    )


def _differences(report: Report, sink: str) -> Alert:
    """Raised while differences are left that need attention, cleared by the next run that leaves none."""
    left = Counter(difference.kind for difference in report.last.pressing)
    kinds = "; ".join(_COUNTED[kind].format(count=left[kind]) for kind in Drift if left[kind])
    said = message(ReconcilerMessage.DIFFERENCES_LEFT, sink=sink, count=left.total(), kinds=kinds)
    state = AlertState.RAISED if left else AlertState.CLEARED
    return Alert(f"{ROLE}/{sink}/differences", state, said.code, ROLE, report.finished_at, said.parameters)
