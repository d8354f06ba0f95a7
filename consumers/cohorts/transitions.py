"""How ledger entries change. Pure: each function takes an entry and a fact, and gives the entry that follows.

Two rules hold everywhere. An entry whose call has an open outcome stays *quarantined*, whatever is desired meanwhile,
until an answer or a read says what Moodle shows; so nothing reverses a call that may yet be applied. And a removal never
becomes due sooner because something was told twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from consumers.cohorts.reasons import COHORT_REASONS, Reason
from schemas.records import (
    CohortChanged,
    CohortEntry,
    CohortState,
    EntryStatus,
    LedgerEntry,
    MembershipChanged,
    Presence,
)


def take_in(entry: LedgerEntry | None, record: MembershipChanged, now: datetime, settle: timedelta) -> LedgerEntry:
    """The entry after the source's last word; ``record`` has passed the revision gate."""
    if entry is None:
        entry = LedgerEntry(
            cohort=record.cohort,
            student=record.student,
            desired=Presence.UNKNOWN,
            desired_revision=0,
            applied=Presence.UNKNOWN,
            applied_revision=0,
            owned=False,
            status=EntryStatus.PENDING,
            since=now,
        )
    told = replace(
        entry,
        desired=record.state,
        desired_revision=record.revision,
        siblings=record.siblings,
        changed_at=record.changed_at or record.observed_at,
        cause=record.cause,
        reason="" if entry.reason == Reason.DISCARDED else entry.reason,  # it was about an earlier word
    )
    if record.state is Presence.ABSENT and entry.applied is Presence.ABSENT:
        # Between the two the source wanted it. That addition may have been sent, by a process that ended before it could
        # write so down, and additions have no intents. So Moodle is looked at before this counts as done.
        told = replace(told, applied=Presence.UNKNOWN)
    if entry.status is EntryStatus.DUE and entry.reason == Reason.RELEASED:
        # A person let an earlier word pass, not this one: it goes the way of every removal.
        return place(replace(told, status=EntryStatus.PENDING, reason="", due_at=None), now, settle)
    if entry.desired is record.state and entry.status in (EntryStatus.PARKED, EntryStatus.HELD, EntryStatus.DUE):
        return told  # the same word again: neither the wait nor the reason begins anew
    return place(told, now, settle)


def place(entry: LedgerEntry, now: datetime, settle: timedelta) -> LedgerEntry:
    """The entry where desired and applied put it: settled, pending or due. A quarantine is not ended by this."""
    if entry.status is EntryStatus.QUARANTINED:
        return entry
    if entry.desired is Presence.UNKNOWN or entry.desired is entry.applied:
        return _stand(entry, EntryStatus.SETTLED, "", now)
    if entry.desired is Presence.PRESENT:
        return _stand(entry, EntryStatus.PENDING, "", now)
    if entry.reason == Reason.DISCARDED:
        return _stand(entry, EntryStatus.SETTLED, Reason.DISCARDED, now)
    if entry.status is EntryStatus.DUE:
        return entry
    return _stand(entry, EntryStatus.DUE, Reason.SETTLING, now, due_at=now + settle)


def shown(
    entry: LedgerEntry,
    presence: Presence,
    user_id: int | None,
    now: datetime,
    settle: timedelta,
    *,
    revision: int | None = None,
    quarantine_over: bool = True,
    reason: str = "",
) -> LedgerEntry:
    """Moodle is known to show ``presence`` for this account; ``revision`` is the word that was carried out.

    While a quarantine lasts (an earlier call of the same direction may still arrive) only the fact is noted.
    """
    known = replace(
        entry,
        applied=presence,
        applied_revision=entry.desired_revision if revision is None else revision,
        user_id=entry.user_id if user_id is None else user_id,
        owned=presence is Presence.PRESENT,
    )
    if entry.status is EntryStatus.QUARANTINED and not quarantine_over:
        return known
    free = replace(known, status=EntryStatus.PENDING)
    placed = place(free, now, settle)
    return replace(placed, reason=placed.reason or reason) if placed.status is EntryStatus.SETTLED else placed


def quarantine(entry: LedgerEntry, reason: Reason, user_id: int, now: datetime) -> LedgerEntry:
    """A call about this entry is about to be sent, or was sent and has not been answered."""
    return replace(entry, status=EntryStatus.QUARANTINED, reason=reason, since=now, due_at=None, user_id=user_id)


def no_longer_shown(entry: LedgerEntry, now: datetime, settle: timedelta) -> LedgerEntry:
    """The cohort that Moodle showed this account in is not the one that is there now. What waits goes on waiting."""
    if entry.applied is not Presence.PRESENT:
        return entry
    told = replace(entry, applied=Presence.UNKNOWN, owned=False)
    return place(told, now, settle) if entry.status is EntryStatus.SETTLED else told


def not_applied(entry: LedgerEntry, now: datetime, settle: timedelta, *, released: bool = False) -> LedgerEntry:
    """The call is known to have changed nothing. A removal is due again at once, since it has waited its time; one that a
    person let pass still passes.
    """
    freed = place(replace(entry, status=EntryStatus.PENDING), now, settle)
    if freed.status is not EntryStatus.DUE:
        return freed
    return replace(freed, due_at=now, reason=Reason.RELEASED if released else freed.reason)


def keep_no_longer(entry: LedgerEntry, now: datetime, settle: timedelta) -> LedgerEntry:
    """The key for which the account was let stay may want it no longer: a removal as any other, decided by a look. Moodle
    showed it when it was let stay, so it counts as a member.
    """
    there = replace(entry, applied=Presence.PRESENT, owned=True, status=EntryStatus.PENDING, reason="")
    return place(there, now, settle)


def park(entry: LedgerEntry, reason: Reason, now: datetime) -> LedgerEntry:
    """It cannot be applied yet."""
    return _stand(entry, EntryStatus.PARKED, reason, now)


def unpark(entry: LedgerEntry, now: datetime, settle: timedelta) -> LedgerEntry:
    """What it was parked for is gone."""
    return place(replace(entry, status=EntryStatus.PENDING), now, settle)


def hold(entry: LedgerEntry, reason: Reason, now: datetime) -> LedgerEntry:
    """A removal that waits for a person."""
    return _stand(entry, EntryStatus.HELD, reason, now)


def release(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """A person let a held removal pass: it is due now, and counts against no limit."""
    return _stand(entry, EntryStatus.DUE, Reason.RELEASED, now, due_at=now)


def discard(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """A person decided that a held removal is not done: the member, whom Moodle showed when it was held, stays until the
    source speaks anew.
    """
    kept = replace(entry, applied=Presence.PRESENT, owned=True)
    return _stand(kept, EntryStatus.SETTLED, Reason.DISCARDED, now)


def take_in_cohort(entry: CohortEntry | None, record: CohortChanged, now: datetime) -> CohortEntry:
    """The cohort after the source's last word about it. Moodle's id is kept; members are no matter of this record."""
    if entry is None:
        entry = CohortEntry(
            cohort=record.cohort, name="", state=record.state, revision=0, status=EntryStatus.PENDING, since=now
        )
    told = replace(
        entry,
        name=record.name,
        category=record.category,
        state=record.state,
        colliding_with=record.colliding_with,
        revision=record.revision,
    )
    if entry.status is EntryStatus.QUARANTINED or entry.reason == Reason.COHORT_GONE:
        return told
    if record.colliding_with is not None:
        return park_cohort(told, Reason.COLLIDING, now)
    if told.moodle_id is not None:
        return settle_cohort(told, told.moodle_id, now)
    if told.state is CohortState.PRESENT or entry.status is not EntryStatus.SETTLED:
        return _stand_cohort(told, EntryStatus.PENDING, "", now)
    return told


def park_cohort(entry: CohortEntry, reason: Reason, now: datetime) -> CohortEntry:
    """It cannot be used yet; its memberships wait with it."""
    return _stand_cohort(entry, EntryStatus.PARKED, reason, now)


def settle_cohort(entry: CohortEntry, moodle_id: int | None, now: datetime) -> CohortEntry:
    """It was found or made; None: the source has it no more and Moodle never had it."""
    return _stand_cohort(replace(entry, moodle_id=moodle_id), EntryStatus.SETTLED, "", now)


def quarantine_cohort(entry: CohortEntry, now: datetime) -> CohortEntry:
    """Its creation is about to be sent, or was sent and not answered: it is looked for, not made again."""
    return _stand_cohort(entry, EntryStatus.QUARANTINED, Reason.CREATION_UNKNOWN, now)


def reopen_cohort(entry: CohortEntry, now: datetime) -> CohortEntry:
    """Look for it, and make it when it is missing. The number that it had is another cohort's, or nobody's."""
    return _stand_cohort(replace(entry, moodle_id=None), EntryStatus.PENDING, "", now)


def release_cohort(entry: CohortEntry, revision: int, now: datetime) -> CohortEntry:
    """It vanished so long ago that nothing is remembered of it but that records up to this revision are no news. If it
    comes back it is looked for as a new one.
    """
    told = replace(entry, moodle_id=None, colliding_with=None, revision=revision, forgotten=revision)
    return _stand_cohort(told, EntryStatus.SETTLED, "", now)


def follows_cohort(entry: LedgerEntry) -> bool:
    """Whether this membership is parked only because its cohort is."""
    return entry.status is EntryStatus.PARKED and entry.reason in COHORT_REASONS


def _stand(
    entry: LedgerEntry, status: EntryStatus, reason: str, now: datetime, due_at: datetime | None = None
) -> LedgerEntry:
    same = entry.status is status and entry.reason == reason
    return replace(entry, status=status, reason=reason, since=entry.since if same else now, due_at=due_at)


def _stand_cohort(entry: CohortEntry, status: EntryStatus, reason: str, now: datetime) -> CohortEntry:
    same = entry.status is status and entry.reason == reason
    return replace(entry, status=status, reason=reason, since=entry.since if same else now)
