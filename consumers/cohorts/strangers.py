"""Members whom no record names, where the policy says that they go. Pure.

They get an entry of their own in the ledger, desired absent, and go the way of every removal: after its time, past the
guard, held when there are too many. Nobody is a stranger while a student who is wanted in the cohort has no single
account, since that student may be one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consumers.cohorts.plan import Accounts, Doubt
from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, LedgerEntry, Presence

CAUSE = "foreign"
"""The cause of these entries; no record has it."""


@dataclass(frozen=True, slots=True)
class Strangers:
    """Who is in a cohort and was named by nobody."""

    users: frozenset[int] = frozenset()
    """Moodle's ids. They go, if nothing below stands against it."""
    unasked: frozenset[str] = frozenset()
    """Students whose account has to be asked for first."""
    unplaced: int = 0
    """Wanted students without a single account."""

    @property
    def certain(self) -> bool:
        return not self.unasked and not self.unplaced


def find_strangers(entries: Iterable[LedgerEntry], members: AbstractSet[int], accounts: Accounts) -> Strangers:
    """The members of a cohort with these entries whom none of them means."""
    known = list(entries)
    unnamed = members - {entry.user_id for entry in known if not _let_be(entry)}
    if not unnamed:
        return Strangers()
    wanted = {entry.student: accounts.account_of(entry.student) for entry in known if entry.desired is Presence.PRESENT}
    return Strangers(
        users=frozenset(unnamed - set(wanted.values())),
        unasked=frozenset(student for student, account in wanted.items() if account is None),
        unplaced=sum(isinstance(account, Doubt) for account in wanted.values()),
    )


def stranger(cohort: str, user_id: int, now: datetime, settle: timedelta) -> LedgerEntry:
    """The entry of one: to be removed, as any other, after the settling time."""
    return LedgerEntry(
        cohort=cohort,
        student=f"user:{user_id}",
        desired=Presence.ABSENT,
        desired_revision=0,
        applied=Presence.PRESENT,
        applied_revision=0,
        owned=False,
        status=EntryStatus.DUE,
        since=now,
        user_id=user_id,
        reason=Reason.SETTLING,
        due_at=now + settle,
        cause=CAUSE,
    )


def is_stranger(entry: LedgerEntry) -> bool:
    """Whether it is about a member whom no record names."""
    return entry.cause == CAUSE


def let_stay(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """The policy says by now that they stay. A call under way is waited for."""
    if entry.status is EntryStatus.QUARANTINED or _let_be(entry):
        return entry
    return replace(
        entry, desired=Presence.UNKNOWN, status=EntryStatus.SETTLED, reason="", due_at=None, owned=False, since=now
    )


def _let_be(entry: LedgerEntry) -> bool:
    return is_stranger(entry) and entry.desired is Presence.UNKNOWN
