"""What the ledger says against what Moodle has: drift, by kind. Pure.

Only what is settled is compared. What is parked, held, due, pending or quarantined is on its way or waits for somebody;
it is counted by that word, not called drift. The exception is a student who waits for an account that is there by now. So is
what differs in a cohort that has vanished: Moodle keeps it, and it is for people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from consumers.reconciler.drift import Comparison, Difference, Drift
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence

DISCARDED = "removal_discarded"
"""The ledger's reason for a member who stays, although the source does not have them, since a person decided so."""
COHORT_GONE = "cohort_gone"
"""The ledger's reason for a cohort that a person deleted."""
COHORT_DOUBLED = "cohort_doubled"
"""The ledger's reason for a cohort of which Moodle has several, none of them used so far."""
WITHOUT_ACCOUNT = frozenset({"student_without_account", "student_ambiguous"})
"""The ledger's reasons for memberships that wait for an account."""
VANISHED = "in_vanished_cohorts"
"""The word for what differs in a cohort that has vanished."""
FOREIGN = "foreign"
"""The cause of entries about members whom no record names."""


@dataclass(frozen=True, slots=True)
class MoodleView:
    """What was read from Moodle about the managed cohorts."""

    names: Mapping[int, str]
    """Name of each cohort that exists, by id."""
    ids: Mapping[str, Collection[int]]
    """Ids by idnumber."""
    members: Mapping[int, Collection[int]]
    """User ids of each cohort that could be read."""
    in_system: Collection[int] | None = None
    """Ids of the cohorts that are in the system context; None if that could not be read."""
    accounts: Mapping[str, int | None] = field(default_factory=dict)
    """Account that a student's key leads to now, None for nobody; a key that leads to several, or was not asked for, is
    left out."""
    deleted: Collection[int] = ()
    """Of the accounts that were looked for, those that are deleted or were never there."""
    in_categories: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Ids of the cohorts that are in exactly this category, by its idnumber; of categories that could be listed."""


def compare(cohorts: Iterable[CohortEntry], entries: Iterable[LedgerEntry], moodle: MoodleView) -> Comparison:
    """Compare one partition's ledger with Moodle; differences are sorted, so that two runs say the same."""
    by_cohort: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        by_cohort[entry.cohort].append(entry)
    found = Comparison()
    for cohort in sorted(cohorts, key=lambda entry: entry.cohort):
        if is_released(cohort):
            continue  # what Moodle has of it is nobody's here
        one = Comparison(cohorts=1, vanished=int(cohort.state is CohortState.VANISHED))
        _compare_cohort(cohort, by_cohort.pop(cohort.cohort, []), moodle, one)
        if cohort.state is CohortState.VANISHED:
            _leave_alone(one)
        found.add(one)
        if one.differences:
            found.parts[cohort.cohort] = one
    for cohort_name in sorted(by_cohort):  # memberships whose cohort has no record yet
        for entry in by_cohort[cohort_name]:
            found.waiting[EntryStatus.PENDING.value if entry.status is EntryStatus.SETTLED else entry.status.value] += 1
    return found


def is_released(cohort: CohortEntry) -> bool:
    """Whether this is what is left of a cohort that was released."""
    return cohort.forgotten == cohort.revision > 0


def _leave_alone(found: Comparison) -> None:
    """What people do with a vanished cohort in Moodle is theirs: to empty, move or delete it asks for nobody's attention, and
    nothing of it is put back.
    """
    found.waiting[VANISHED] += len(found.differences)
    found.differences.clear()


def missing_accounts(found: Comparison) -> set[int]:
    """Accounts that are worth a look: nobody is missing from a cohort who does not exist."""
    return {
        difference.user_id
        for difference in found.differences
        if difference.kind is Drift.MISSING and difference.user_id is not None
    }


def _compare_cohort(cohort: CohortEntry, entries: list[LedgerEntry], moodle: MoodleView, found: Comparison) -> None:
    number, ids = cohort.moodle_id, moodle.ids.get(cohort.cohort, ())
    if len(ids) > 1 and (number in ids or cohort.reason == COHORT_DOUBLED):
        found.differences.append(Difference(Drift.COHORT_DOUBLED, cohort.cohort))
    if number is None or number not in moodle.names:
        if number is not None or cohort.reason == COHORT_GONE:
            known = cohort.reason == COHORT_GONE
            found.differences.append(Difference(Drift.COHORT_DELETED, cohort.cohort, known=known))
        for entry in entries:
            found.waiting[entry.status.value] += 1
        return
    if moodle.names[number] != cohort.name:
        found.differences.append(Difference(Drift.COHORT_RENAMED, cohort.cohort))
    if _is_elsewhere(number, cohort.category, moodle):
        found.differences.append(Difference(Drift.COHORT_MOVED, cohort.cohort))
    members = moodle.members.get(number)
    if members is None:
        found.differences.append(Difference(Drift.COHORT_FORBIDDEN, cohort.cohort))
        for entry in entries:
            found.waiting["unread" if entry.status is EntryStatus.SETTLED else entry.status.value] += 1
        return
    _compare_members(cohort.cohort, entries, frozenset(members), moodle, found)


def _is_elsewhere(number: int, category: str | None, moodle: MoodleView) -> bool:
    """Whether a cohort is known not to be where it should be."""
    listed = moodle.in_categories
    if category is not None and category in listed:
        return number not in listed[category]
    if any(number in ids for ids in listed.values()):
        return True
    return moodle.in_system is not None and (number in moodle.in_system) is not (category is None)


def _compare_members(
    cohort: str, entries: list[LedgerEntry], members: frozenset[int], moodle: MoodleView, found: Comparison
) -> None:
    # A user stays while any student key that resolves to them is wanted; one that waits may be on either side.
    wanted: set[int] = set()
    named: set[int] = set()
    for entry in entries:
        account = moodle.accounts.get(entry.student)
        if entry.desired is Presence.PRESENT:
            wanted |= {user for user in (entry.user_id, account) if user is not None}
        elif entry.desired is Presence.ABSENT and entry.user_id is not None:
            named.add(entry.user_id)  # somebody who never was a member by a record's word is foreign, if they are one
    named |= wanted
    for entry in sorted(entries, key=lambda entry: entry.student):
        kind = _drift(entry, members, wanted, moodle)
        if kind is not None:
            user = moodle.accounts.get(entry.student) if kind is Drift.ACCOUNT_FOUND else entry.user_id
            found.differences.append(Difference(kind, cohort, entry.student, user))
        elif entry.status is not EntryStatus.SETTLED:
            found.waiting[entry.status.value] += 1
        elif entry.reason == DISCARDED and entry.user_id in members:
            found.waiting[DISCARDED] += 1  # a person decided that the member stays
        else:
            found.agreed += 1
    found.differences += [Difference(Drift.FOREIGN, cohort, None, user) for user in sorted(members - named)]


def _drift(entry: LedgerEntry, members: frozenset[int], wanted: set[int], moodle: MoodleView) -> Drift | None:
    account = moodle.accounts.get(entry.student)
    if entry.status is not EntryStatus.SETTLED:
        waits = entry.status is EntryStatus.PARKED and entry.reason in WITHOUT_ACCOUNT
        return Drift.ACCOUNT_FOUND if waits and account is not None else None
    if entry.user_id is None or entry.desired is Presence.UNKNOWN:
        return None  # wanted by nobody and never applied, or left alone
    if entry.desired is Presence.ABSENT:
        extra = entry.user_id in members and entry.user_id not in wanted and entry.reason != DISCARDED
        return Drift.EXTRA if extra else None
    other = account is not None and account != entry.user_id
    if entry.user_id in members:
        return Drift.ACCOUNT_CHANGED if other else None
    if other:
        return Drift.USER_MERGED
    return Drift.USER_DELETED if entry.user_id in moodle.deleted else Drift.MISSING
