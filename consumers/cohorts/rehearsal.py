"""What rechecks would come to, without doing anything: the same look and the same plan, over a copy of the ledger. Pure
but for the copy, which changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from consumers.cohorts.comparing import Rules, look
from consumers.cohorts.plan import Accounts, build_plan, siblings_elsewhere
from consumers.cohorts.store import Store
from schemas.records import CohortEntry, EntryStatus, LedgerEntry, Presence


class Op(StrEnum):
    """What would become of a membership."""

    ADD = "add"
    REMOVE = "remove"
    """After the settling time, as far as the guard lets it pass."""
    WAIT = "wait"
    """A removal that waits until Moodle shows the cohorts that the student moved to."""
    PARK = "park"
    NOTE = "note"
    """Only the ledger changes: Moodle shows already what is desired."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One membership that a recheck would change."""

    cohort: str
    student: str
    op: Op
    user_id: int | None = None
    reason: str = ""


class Copy:
    """A partition of the ledger as the plan reads it. Nothing is ours: siblings are looked up in Moodle."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def entry(self, cohort: str, student: str) -> LedgerEntry | None:
        return self.store.entry(cohort, student)

    def cohort(self, cohort: str) -> CohortEntry | None:
        return self.store.cohort(cohort)

    def owns(self, _cohort: str) -> bool:
        return False

    def named(self, cohort: str, user_id: int) -> Iterator[LedgerEntry]:
        return self.store.named(cohort, user_id)

    def unplaced(self, cohort: str) -> Iterator[LedgerEntry]:
        return self.store.unplaced(cohort)

    def wanted(self, cohort: str) -> list[str]:
        return self.store.wanted(cohort)


class _NobodyKnown:
    """A recheck asks the directory for nobody; what it would need an account for is on its way or parked anyway."""

    def account_of(self, _student: str) -> None:
        return None


def looked_at(
    copy: Copy, entries: Iterable[LedgerEntry], members: Mapping[str, AbstractSet[int]], rules: Rules
) -> list[LedgerEntry]:
    """The entries that a look changes, as they are then; the copy has them so. Of cohorts in ``members`` only."""
    changed = []
    for entry in entries:
        if entry.cohort not in members:
            continue
        told = look(entry, members[entry.cohort], _NobodyKnown(), rules, copy)
        if told != entry:
            copy.store.put(told)
            changed.append(told)
    return changed


def siblings_of(copy: Copy, changed: Iterable[LedgerEntry]) -> set[str]:
    """Cohorts whose members decide whether these may leave."""
    return siblings_elsewhere((entry for entry in changed if entry.status is EntryStatus.DUE), copy)


def students_of(copy: Copy, changed: Iterable[LedgerEntry]) -> set[str]:
    """Students whose accounts the plan for these needs."""
    found: set[str] = set()
    for entry in changed:
        if entry.desired is Presence.PRESENT:
            found.add(entry.student)
        else:
            found.update(other.student for other in copy.unplaced(entry.cohort))
            found.update({entry.student} if entry.user_id is None else ())
    return found


def leaving(
    changed: Iterable[LedgerEntry], members: Mapping[str, AbstractSet[int]], accounts: Accounts
) -> set[tuple[str, int]]:
    """Members who are to leave, with their cohorts: Moodle has to be asked which keys they carry by now."""
    found: set[tuple[str, int]] = set()
    for entry in changed:
        if entry.status is EntryStatus.DUE:
            account = accounts.account_of(entry.student) if entry.user_id is None else entry.user_id
            if isinstance(account, int) and account in members.get(entry.cohort, ()):
                found.add((entry.cohort, account))
    return found


def rehearse(
    copy: Copy,
    changed: Iterable[LedgerEntry],
    members: Mapping[str, AbstractSet[int]],
    accounts: Accounts,
    rules: Rules,
    sibling_wait: timedelta,
    meant: AbstractSet[tuple[str, int]],
) -> list[Change]:
    """What would become of these after their look, sorted. ``members`` has their cohorts and their siblings; ``meant``
    those of ``leaving`` whom the key of a wanted student means by now.
    """
    entries = list(changed)
    due = [replace(entry, due_at=rules.now) if entry.status is EntryStatus.DUE else entry for entry in entries]
    open_ = [entry for entry in due if entry.status in (EntryStatus.PENDING, EntryStatus.DUE)]
    plan = build_plan(open_, copy, accounts, members, now=rules.now, sibling_wait=sibling_wait, meant=meant)
    found = {
        (add.cohort, student): Change(add.cohort, student, Op.ADD, add.user_id)
        for add in plan.additions
        for student, _ in add.students
    }
    for remove in plan.removals:
        found[remove.cohort, remove.student] = Change(remove.cohort, remove.student, Op.REMOVE, remove.user_id)
    for cohort, student in plan.waiting:
        found[cohort, student] = Change(cohort, student, Op.WAIT)
    for finding in plan.findings:
        op = Op.PARK if finding.status is EntryStatus.PARKED else Op.NOTE
        found[finding.cohort, finding.student] = Change(finding.cohort, finding.student, op, None, finding.reason)
    for entry in entries:
        found.setdefault((entry.cohort, entry.student), Change(entry.cohort, entry.student, Op.NOTE, entry.user_id))
    return sorted(found.values())
