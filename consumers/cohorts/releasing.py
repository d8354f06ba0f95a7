"""What goes on when a cohort can be used: memberships that waited for it, and removals that waited for its return."""

from __future__ import annotations

from datetime import datetime

from consumers.cohorts import transitions
from consumers.cohorts.desk import Desk
from consumers.cohorts.reasons import Reason
from schemas.records import CohortEntry, CohortState


def release_members(desk: Desk, cohort: CohortEntry, now: datetime) -> None:
    """The cohort is in Moodle: memberships that waited for it go on. Where it vanished before Moodle had it, those that
    wait for another reason go on as well, and then wait for this one. Removals that were held because the source did not
    have the cohort any more begin their time anew when it has it again.
    """
    for entry in list(desk.ledger.parked_with_cohort(cohort.cohort)):
        if cohort.moodle_id is None and entry.reason == Reason.COHORT_VANISHED:
            continue
        desk.ledger.put(transitions.unpark(entry, now, desk.settings.removal_settle))
        desk.note(entry, "released", now, action="add", reason=entry.reason)
    if cohort.state is CohortState.PRESENT:
        for entry in list(desk.ledger.held_while_vanished(cohort.cohort)):
            desk.ledger.put(transitions.unpark(entry, now, desk.settings.removal_settle))
            desk.note(entry, "released", now, action="remove", reason=entry.reason)
