"""A look at Moodle compared with the ledger. Pure: an entry and who is there give the entry that follows."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from consumers.cohorts import transitions
from consumers.cohorts.plan import Accounts
from consumers.cohorts.reasons import Reason
from consumers.cohorts.strangers import is_stranger, let_stay
from schemas.records import EntryStatus, LedgerEntry, Presence


@dataclass(frozen=True, slots=True)
class Rules:
    """When what is seen counts."""

    now: datetime
    removal_settle: timedelta
    moodle_settle: timedelta
    strangers_stay: bool = True
    """Whether members whom no record names are left alone."""


class View(Protocol):
    """The ledger, as far as it is asked here."""

    def named(self, cohort: str, user_id: int) -> Iterable[LedgerEntry]:
        """Memberships of the cohort that were applied to this account."""
        ...


def compare(entry: LedgerEntry, members: AbstractSet[int], accounts: Accounts, rules: Rules) -> LedgerEntry:
    """The entry after a look at the cohort's members; the same one when it agrees.

    ========== ========= ============ ==========================================
    desired    applied   Moodle shows becomes
    ========== ========= ============ ==========================================
    present    present   no           pending: added again
    present    other     yes          settled: found, ours from now on
    absent     absent    yes          due: removed after the settling time
    absent     present   no           settled
    absent     unknown   no           unchanged while it is due: the removal looks by itself, when no call of a
                                      former consumer can arrive any more; else settled
    any, in quarantine                unchanged before its time; then as Moodle shows
    ========== ========= ============ ==========================================
    """
    told = _compare(entry, members, accounts, rules)
    return let_stay(told, rules.now) if is_stranger(told) and rules.strangers_stay else told


def look(entry: LedgerEntry, members: AbstractSet[int], accounts: Accounts, rules: Rules, view: View) -> LedgerEntry:
    """What a recheck makes of an entry: ``compare``, one more try for a row that Moodle refused, and another decision about
    a member who was let stay for a key that the ledger does not know.
    """
    if entry.status is EntryStatus.PARKED and entry.reason == Reason.ROW_REFUSED:
        entry = transitions.unpark(entry, rules.now, rules.removal_settle)
    told = compare(entry, members, accounts, rules)
    if told == entry and entry.user_id in members and kept_for_a_moved_key(entry, view):
        return transitions.keep_no_longer(entry, rules.now, rules.removal_settle)
    return told


def kept_for_a_moved_key(entry: LedgerEntry, view: View) -> bool:
    """Whether the account was let stay for nothing that the ledger records.

    An account that several keys were applied to is decided by those: one of them may be held, or discarded by a person.
    """
    if entry.reason != Reason.OTHER_KEY or entry.desired is not Presence.ABSENT or entry.user_id is None:
        return False
    return all(other.student == entry.student for other in view.named(entry.cohort, entry.user_id))


def _compare(entry: LedgerEntry, members: AbstractSet[int], accounts: Accounts, rules: Rules) -> LedgerEntry:
    over = rules.now - entry.since >= rules.moodle_settle
    if entry.status is EntryStatus.QUARANTINED and not over:
        return entry
    quarantined = entry.status is EntryStatus.QUARANTINED
    user_id = entry.user_id
    # A removal goes by the account that was recorded; an addition that is still to come goes by the directory.
    to_come = entry.desired is Presence.PRESENT and entry.applied is not Presence.PRESENT and not quarantined
    if user_id is None or to_come:
        account = accounts.account_of(entry.student)
        user_id = account if isinstance(account, int) else user_id
    if user_id is None or (entry.desired is Presence.UNKNOWN and not quarantined):
        return entry
    seen = Presence.PRESENT if user_id in members else Presence.ABSENT
    if not quarantined and (entry.reason == Reason.OTHER_KEY or seen is entry.applied):
        return entry
    perhaps_added = entry.status is EntryStatus.DUE and entry.applied is Presence.UNKNOWN
    if seen is Presence.ABSENT and (to_come or perhaps_added):
        return entry
    return transitions.shown(entry, seen, user_id, rules.now, rules.removal_settle)
