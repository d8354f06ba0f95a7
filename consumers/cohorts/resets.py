"""What is left of an entry when its partition is begun anew. Pure.

Nothing that the ledger says of Moodle is believed any more, and nothing of what is desired but what a person has in hand:
both are learned again, from the topic and by reading. Held removals stay held and discarded ones discarded, so that
beginning anew never lets one pass.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from consumers.cohorts.reasons import Reason
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence


def reset_entry(entry: LedgerEntry, now: datetime, *, other_site: bool) -> LedgerEntry:
    """``other_site``: numbers of accounts mean nothing any more, and no earlier call can still arrive."""
    quarantined = entry.status is EntryStatus.QUARANTINED and entry.reason != Reason.UNREAD
    if quarantined and not other_site:
        return replace(entry, desired_revision=0)  # its call may still arrive, so a read must end it
    told = replace(
        entry,
        desired_revision=0,
        applied=Presence.UNKNOWN,
        applied_revision=0,
        owned=False,
        user_id=None if other_site else entry.user_id,
    )
    if entry.status is EntryStatus.HELD:
        return told
    if entry.reason == Reason.DISCARDED:
        return replace(told, desired_revision=entry.desired_revision)  # until the source says something new
    return replace(
        told,
        desired=Presence.UNKNOWN,
        status=EntryStatus.SETTLED,
        since=now,
        reason="",
        due_at=None,
        siblings=(),
        changed_at=None,
    )


def reset_cohort(entry: CohortEntry, now: datetime, *, other_site: bool) -> CohortEntry:
    """It is looked for again by its idnumber. One that a person deleted stays deleted until a person says otherwise."""
    told = replace(entry, revision=0, moodle_id=None, forgotten=0)
    if entry.reason == Reason.COHORT_GONE or (entry.status is EntryStatus.QUARANTINED and not other_site):
        return told
    return replace(
        told, state=CohortState.UNKNOWN, status=EntryStatus.PENDING, since=now, reason="", colliding_with=None
    )


def unread(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """It is wanted, and Moodle may have it already: that is looked at before anything is sent."""
    return replace(entry, status=EntryStatus.QUARANTINED, reason=Reason.UNREAD, since=now)
