"""The plan: what to do in Moodle, as a value that prints, hashes and counts.

It is made per (cohort, Moodle user). A user stays in a cohort while any student key that resolves to them is wanted
there, by what was recorded and by what the account carries now (``meaning``); a removal uses the account that was recorded
when the membership was applied. Nothing is guessed: who has no account, or an ambiguous one, is parked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from consumers.cohorts.reasons import Reason
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence


class Doubt(Enum):
    """Why a student key has no account to work with."""

    MISSING = "missing"
    AMBIGUOUS = "ambiguous"


class Accounts(Protocol):
    """Students and Moodle's users, as far as they are known without asking Moodle."""

    def account_of(self, student: str) -> int | Doubt | None:
        """The user's id, why there is none, or None: not known, Moodle has to be asked."""
        ...


class View(Protocol):
    """The ledger, as the plan reads it."""

    def entry(self, cohort: str, student: str) -> LedgerEntry | None: ...

    def cohort(self, cohort: str) -> CohortEntry | None: ...

    def owns(self, cohort: str) -> bool:
        """Whether this consumer has the cohort's partition."""
        ...

    def named(self, cohort: str, user_id: int) -> Iterable[LedgerEntry]:
        """Memberships of the cohort that were applied to this account."""
        ...

    def unplaced(self, cohort: str) -> Iterable[LedgerEntry]:
        """Memberships of the cohort that are wanted and have not been applied to any account yet."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Addition:
    """A user to add. ``students`` are the keys that want them there, each with the revision that says so."""

    cohort: str
    cohort_id: int
    user_id: int
    students: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, order=True)
class Removal:
    """A member to remove; ``released`` by a person."""

    cohort: str
    cohort_id: int
    user_id: int
    student: str
    revision: int
    released: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What becomes of a membership without a call: parked, held, or settled because Moodle shows it already."""

    cohort: str
    student: str
    status: EntryStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sorted, so that two runs over the same facts print the same plan."""

    additions: tuple[Addition, ...] = ()
    removals: tuple[Removal, ...] = ()
    findings: tuple[Finding, ...] = ()
    unread: frozenset[str] = frozenset()
    """Cohorts whose members must be read before their removals can be planned."""
    unasked: frozenset[str] = frozenset()
    """Students whose account Moodle has to be asked for."""
    waiting: frozenset[tuple[str, str]] = frozenset()
    """Removals that wait for their siblings."""

    def counts(self) -> dict[str, int]:
        """How much of each."""
        return {
            "additions": len(self.additions),
            "removals": len(self.removals),
            "parked": sum(finding.status is EntryStatus.PARKED for finding in self.findings),
            "held": sum(finding.status is EntryStatus.HELD for finding in self.findings),
            "settled": sum(finding.status is EntryStatus.SETTLED for finding in self.findings),
            "waiting": len(self.waiting),
        }

    def digest(self) -> str:
        """A short hash of what it would change in Moodle."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        lines = [f"+ {add.cohort} {add.user_id}" for add in self.additions]
        lines += [f"- {remove.cohort} {remove.user_id} @{remove.revision}" for remove in self.removals]
        return "\n".join(lines)


def build_plan(
    candidates: Iterable[LedgerEntry],
    view: View,
    accounts: Accounts,
    members: Mapping[str, AbstractSet[int]],
    *,
    now: datetime,
    sibling_wait: timedelta,
    meant: AbstractSet[tuple[str, int]] = frozenset(),
) -> Plan:
    """The plan for these entries. ``members``: whom Moodle shows, for the cohorts that were read just now; with a cohort
    whose removals are planned go the siblings that another consumer owns. ``meant``: cohorts and accounts in them that the
    keys of wanted students mean by now, of those that were asked for with the members.
    """
    draft = _Draft(view, accounts, members, meant, now=now, sibling_wait=sibling_wait)
    for entry in candidates:
        if entry.desired is Presence.PRESENT:
            draft.want(entry)
        elif entry.desired is Presence.ABSENT:
            draft.unwant(entry)
    return draft.plan()


def siblings_elsewhere(entries: Iterable[LedgerEntry], view: View) -> set[str]:
    """Cohorts that are not ours and whose members decide whether these may leave; those of other keys of their accounts
    included.
    """
    found: set[str] = set()
    for entry in entries:
        others = () if entry.user_id is None else view.named(entry.cohort, entry.user_id)
        found.update(sibling for one in (entry, *others) for sibling in one.siblings if not view.owns(sibling))
    return found


class _Draft:
    def __init__(
        self,
        view: View,
        accounts: Accounts,
        members: Mapping[str, AbstractSet[int]],
        meant: AbstractSet[tuple[str, int]],
        *,
        now: datetime,
        sibling_wait: timedelta,
    ) -> None:
        self._view, self._accounts, self._members, self._meant = view, accounts, members, meant
        self._now, self._sibling_wait = now, sibling_wait
        self._additions: dict[tuple[str, int, int], list[tuple[str, int]]] = {}
        self._removals: list[Removal] = []
        self._leaving: set[tuple[int, int]] = set()
        self._findings: list[Finding] = []
        self._unread: set[str] = set()
        self._unasked: set[str] = set()
        self._waiting: set[tuple[str, str]] = set()

    def plan(self) -> Plan:
        additions = (Addition(*place, tuple(sorted(keys))) for place, keys in self._additions.items())
        return Plan(
            additions=tuple(sorted(additions, key=lambda add: (add.cohort_id, add.user_id))),
            removals=tuple(sorted(self._removals, key=lambda remove: (remove.cohort_id, remove.user_id))),
            findings=tuple(sorted(self._findings)),
            unread=frozenset(self._unread),
            unasked=frozenset(self._unasked),
            waiting=frozenset(self._waiting),
        )

    def want(self, entry: LedgerEntry) -> None:
        cohort = self._view.cohort(entry.cohort)
        if cohort is None:
            return self._find(entry, EntryStatus.PARKED, Reason.COHORT_UNANNOUNCED)
        if cohort.status is EntryStatus.PARKED:
            return self._find(entry, EntryStatus.PARKED, cohort.reason)
        if cohort.moodle_id is None:
            if cohort.status is EntryStatus.SETTLED:  # vanished, and Moodle never had it: nothing is being made
                self._find(entry, EntryStatus.PARKED, Reason.COHORT_VANISHED)
            return None  # else it is being found or made
        # While an addition's outcome is open only the same one may be sent again, whoever the key resolves to now.
        account = entry.user_id if entry.status is EntryStatus.QUARANTINED else self._accounts.account_of(entry.student)
        match account:
            case None:
                self._unasked.add(entry.student)
            case Doubt.MISSING:
                self._find(entry, EntryStatus.PARKED, Reason.NO_ACCOUNT)
            case Doubt.AMBIGUOUS:
                self._find(entry, EntryStatus.PARKED, Reason.AMBIGUOUS)
            case int():
                keys = self._additions.setdefault((entry.cohort, cohort.moodle_id, account), [])
                keys.append((entry.student, entry.desired_revision))
        return None

    def unwant(self, entry: LedgerEntry) -> None:
        cohort = self._view.cohort(entry.cohort)
        if cohort is None or cohort.status is EntryStatus.PARKED:
            if entry.applied is not Presence.PRESENT:
                self._find(entry, EntryStatus.SETTLED)
            return
        if cohort.moodle_id is None:
            if cohort.status is EntryStatus.SETTLED:
                self._find(entry, EntryStatus.SETTLED)
            return
        user_id = entry.user_id
        if user_id is None:
            account = self._accounts.account_of(entry.student)
            if account is None:
                self._unasked.add(entry.student)
                return
            if isinstance(account, Doubt):
                self._find(entry, EntryStatus.SETTLED)
                return
            user_id = account
        self._remove(entry, cohort.moodle_id, user_id)

    def _remove(self, entry: LedgerEntry, cohort_id: int, user_id: int) -> None:
        wanted_by_another = self._others(entry, user_id)
        if wanted_by_another is None:
            return None
        if wanted_by_another:
            return self._find(entry, EntryStatus.SETTLED, Reason.OTHER_KEY)
        shown = self._members.get(entry.cohort)
        if shown is None:
            self._unread.add(entry.cohort)
            return None
        if user_id not in shown:
            return self._find(entry, EntryStatus.SETTLED)
        released = entry.reason == Reason.RELEASED
        if not released and self._has_vanished(entry.cohort):
            return self._find(entry, EntryStatus.HELD, Reason.COHORT_VANISHED)
        if not released and self._waits_for_siblings(entry, user_id):
            due_at = entry.due_at or self._now
            if self._now >= due_at + self._sibling_wait:
                return self._find(entry, EntryStatus.HELD, Reason.SIBLINGS)
            self._waiting.add((entry.cohort, entry.student))
            return None
        if (cohort_id, user_id) in self._leaving:
            return self._find(entry, EntryStatus.SETTLED, Reason.OTHER_KEY)  # one removal is enough for a user
        self._leaving.add((cohort_id, user_id))
        self._removals.append(
            Removal(entry.cohort, cohort_id, user_id, entry.student, entry.desired_revision, released)
        )
        return None

    def _has_vanished(self, cohort: str) -> bool:
        """Whether the source has it no more. Then its members stay, those as well whose removal was told before."""
        known = self._view.cohort(cohort)
        return known is not None and known.state is CohortState.VANISHED

    def _others(self, entry: LedgerEntry, user_id: int) -> bool | None:
        """Whether another student key wants this user in the cohort; None: one of them has not been resolved yet."""
        if (entry.cohort, user_id) in self._meant:
            return True
        if any(other.desired is Presence.PRESENT for other in self._view.named(entry.cohort, user_id)):
            return True
        unplaced = [other.student for other in self._view.unplaced(entry.cohort) if other.student != entry.student]
        accounts = {student: self._accounts.account_of(student) for student in unplaced}
        if user_id in accounts.values():
            return True
        unasked = {student for student, account in accounts.items() if account is None}
        self._unasked |= unasked
        return None if unasked else False

    def _waits_for_siblings(self, entry: LedgerEntry, user_id: int) -> bool:
        """Whether there is a cohort that the user should have entered and that Moodle does not show them in yet.

        Every key of the user that left this cohort counts. A sibling that was left again meanwhile is replaced by its
        own siblings, so that A to B to C waits for C.
        """
        seen = {entry.cohort}
        ahead = [(entry.student, sibling) for sibling in entry.siblings]
        for other in self._view.named(entry.cohort, user_id):
            if other.desired is Presence.ABSENT:
                ahead += [(other.student, sibling) for sibling in other.siblings]
        while ahead:
            student, sibling = ahead.pop()
            if sibling in seen:
                continue
            seen.add(sibling)
            if not self._view.owns(sibling):
                if user_id not in self._members.get(sibling, ()):
                    return True
                continue
            told = self._view.entry(sibling, student)
            if told is not None and told.desired is Presence.ABSENT:
                ahead += [(student, further) for further in told.siblings]
            elif told is None or not _surely_there(told):
                return True
        return False

    def _find(self, entry: LedgerEntry, status: EntryStatus, reason: str = "") -> None:
        self._findings.append(Finding(entry.cohort, entry.student, status, reason))


def _surely_there(entry: LedgerEntry) -> bool:
    """Whether Moodle shows the membership, and no removal of it may still arrive."""
    in_doubt = entry.status is EntryStatus.QUARANTINED and entry.reason == Reason.REMOVAL_UNKNOWN
    return entry.applied is Presence.PRESENT and not in_doubt
