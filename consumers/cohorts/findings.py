"""What a plan found without a call, written to the ledger and the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from consumers.cohorts import transitions
from consumers.cohorts.desk import Desk
from consumers.cohorts.plan import Finding
from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, Presence


def apply_findings(desk: Desk, findings: Iterable[Finding], now: datetime) -> None:
    """Park, hold or settle what the plan says."""
    for finding in findings:
        entry = desk.ledger.entry(finding.cohort, finding.student)
        if entry is None:
            continue
        match finding.status:
            case EntryStatus.PARKED:
                told = transitions.park(entry, Reason(finding.reason), now)
                desk.note(told, "parked", now, action="add", reason=finding.reason)
                desk.witness.set_aside(told, "parked", finding.reason, now)
            case EntryStatus.HELD:
                told = transitions.hold(entry, Reason(finding.reason), now)
                desk.note(told, "held", now, action="remove", reason=finding.reason)
                desk.witness.set_aside(told, "held", finding.reason, now)
            case _:
                told = transitions.shown(
                    entry,
                    Presence.ABSENT,
                    None,
                    now,
                    desk.settings.removal_settle,
                    quarantine_over=False,
                    reason=finding.reason,
                )
                desk.note(told, "outcome", now, action="remove", answer="already", reason=finding.reason or None)
                desk.witness.settled((finding.cohort, finding.student))
        desk.ledger.put(told)
