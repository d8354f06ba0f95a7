"""What the ledger says against what Moodle has: drift, by kind. Pure.

Only what is settled is compared. What is parked, held, due, pending or quarantined is on its way or waits for somebody;
it is counted by that word, not called drift.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence

DISCARDED = "removal_discarded"
"""The ledger's reason for a member who stays, although the source does not have them, since a person decided so."""


class Drift(StrEnum):
    """A difference between the ends."""

    MISSING = "missing"
    """Settled as present, but Moodle does not have it. Repaired."""
    EXTRA = "extra"
    """Settled as absent, ours, and Moodle has it. Repaired, through the guard."""
    FOREIGN = "foreign"
    """A member whom no record ever named. Reported."""
    COHORT_DELETED = "cohort_deleted"
    """A person deleted the cohort in Moodle. Reported: it is made anew on command only."""
    COHORT_DOUBLED = "cohort_doubled"
    """Several cohorts carry this idnumber. Reported."""
    COHORT_RENAMED = "cohort_renamed"
    """Its name in Moodle is not the desired one. Reported."""
    COHORT_FORBIDDEN = "cohort_forbidden"
    """The service user may not look into it. Reported."""


REPAIRED = frozenset({Drift.MISSING, Drift.EXTRA})
"""Kinds for which the consumer is asked to recheck; the others need a person."""


FOREIGN = "foreign"
"""The cause of entries about members whom no record names."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``student`` is None for a cohort's own; ``user_id`` None where no account is concerned."""

    kind: Drift
    cohort: str
    student: str | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class MoodleView:
    """What was read from Moodle about the managed cohorts."""

    names: Mapping[int, str]
    """Name of each cohort that exists, by id."""
    ids: Mapping[str, Collection[int]]
    """Ids by idnumber."""
    members: Mapping[int, Collection[int]]
    """User ids of each cohort that could be read."""


@dataclass(slots=True)
class Comparison:
    """What a comparison found."""

    differences: list[Difference] = field(default_factory=list)
    waiting: Counter[str] = field(default_factory=Counter)
    """Memberships that are not settled, by status; and members whose removal a person discarded."""
    agreed: int = 0
    cohorts: int = 0
    vanished: int = 0
    foreign_go: bool = False
    """Whether members whom no record names are to be removed; then a recheck of their cohort repairs them too."""

    def add(self, other: Comparison) -> None:
        """Take in another partition's findings."""
        self.differences += other.differences
        self.waiting += other.waiting
        self.agreed += other.agreed
        self.cohorts += other.cohorts
        self.vanished += other.vanished

    @property
    def by_kind(self) -> Counter[str]:
        return Counter(difference.kind.value for difference in self.differences)

    @property
    def repairable(self) -> list[Difference]:
        kinds = REPAIRED | {Drift.FOREIGN} if self.foreign_go else REPAIRED
        return [difference for difference in self.differences if difference.kind in kinds]


def compare(cohorts: Iterable[CohortEntry], entries: Iterable[LedgerEntry], moodle: MoodleView) -> Comparison:
    """Compare one partition's ledger with Moodle; differences are sorted, so that two runs say the same."""
    by_cohort: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        by_cohort[entry.cohort].append(entry)
    found = Comparison()
    for cohort in sorted(cohorts, key=lambda entry: entry.cohort):
        found.cohorts += 1
        found.vanished += cohort.state is CohortState.VANISHED
        _compare_cohort(cohort, by_cohort.pop(cohort.cohort, []), moodle, found)
    for cohort_name in sorted(by_cohort):  # memberships whose cohort has no record yet
        for entry in by_cohort[cohort_name]:
            found.waiting[EntryStatus.PENDING.value if entry.status is EntryStatus.SETTLED else entry.status.value] += 1
    return found


def _compare_cohort(cohort: CohortEntry, entries: list[LedgerEntry], moodle: MoodleView, found: Comparison) -> None:
    number = cohort.moodle_id
    if number is None:
        for entry in entries:
            found.waiting[entry.status.value] += 1
        return
    if number not in moodle.names:
        found.differences.append(Difference(Drift.COHORT_DELETED, cohort.cohort))
        return
    if len(moodle.ids.get(cohort.cohort, ())) > 1:
        found.differences.append(Difference(Drift.COHORT_DOUBLED, cohort.cohort))
    if moodle.names[number] != cohort.name:
        found.differences.append(Difference(Drift.COHORT_RENAMED, cohort.cohort))
    members = moodle.members.get(number)
    if members is None:
        found.differences.append(Difference(Drift.COHORT_FORBIDDEN, cohort.cohort))
        return
    _compare_members(cohort.cohort, entries, frozenset(members), found)


def _compare_members(cohort: str, entries: list[LedgerEntry], members: frozenset[int], found: Comparison) -> None:
    # A user stays while any student key that resolves to them is wanted; one that waits may be on either side.
    wanted = {entry.user_id for entry in entries if entry.desired is Presence.PRESENT}
    named = {entry.user_id for entry in entries if entry.desired is not Presence.UNKNOWN}
    for entry in sorted(entries, key=lambda entry: entry.student):
        if entry.status is not EntryStatus.SETTLED:
            found.waiting[entry.status.value] += 1
        elif entry.user_id is None:
            found.agreed += 1  # wanted by nobody and never applied
        elif entry.reason == DISCARDED and entry.user_id in members:
            found.waiting[DISCARDED] += 1  # a person decided that the member stays
        elif entry.desired is Presence.PRESENT and entry.user_id not in members:
            found.differences.append(Difference(Drift.MISSING, cohort, entry.student, entry.user_id))
        elif (
            entry.desired is Presence.ABSENT
            and (entry.owned or entry.cause == FOREIGN)
            and entry.user_id in members
            and entry.user_id not in wanted
        ):
            found.differences.append(Difference(Drift.EXTRA, cohort, entry.student, entry.user_id))
        else:
            found.agreed += 1
    found.differences += [Difference(Drift.FOREIGN, cohort, None, user) for user in sorted(members - named)]
