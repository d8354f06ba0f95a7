"""The kinds of drift, what is done about each, and what a comparison found. Pure.

Three things can be done about a difference. It is *repaired*: the consumer is asked to look again, and puts it right with
its own plan and guard. It is *reported*: it is counted, and nobody need act. Or it needs a *decision*: a person has to act,
and until then every reconciliation says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum


class Drift(StrEnum):
    """A difference between the ends."""

    MISSING = "missing"
    """Settled as present, but Moodle does not have it."""
    EXTRA = "extra"
    """Settled as absent, and Moodle has it: ours, since a record named it."""
    FOREIGN = "foreign"
    """A member whom no record ever named."""
    COHORT_DELETED = "cohort_deleted"
    """A person deleted the cohort in Moodle."""
    COHORT_DOUBLED = "cohort_doubled"
    """Several cohorts carry this idnumber."""
    COHORT_RENAMED = "cohort_renamed"
    """Its name in Moodle is not the desired one."""
    COHORT_MOVED = "cohort_moved"
    """It is in the system and should be in a category, or the other way round; or in another category than it should be,
    where the settings tell their ids."""
    COHORT_FORBIDDEN = "cohort_forbidden"
    """The service user may not look into it."""
    USER_DELETED = "user_deleted"
    """Missing, and the account was deleted."""
    USER_MERGED = "user_merged"
    """Missing, and the student's key leads to another account: two were merged, or the number was moved."""
    ACCOUNT_CHANGED = "account_changed"
    """A member by an account to which the student's key does not lead any more."""
    ACCOUNT_FOUND = "account_found"
    """A membership waits for an account that is there."""


class Treatment(StrEnum):
    """What is done about a difference."""

    REPAIRED = "repaired"
    REPORTED = "reported"
    DECISION = "needs_decision"


REPAIRED = (
    Drift.MISSING,
    Drift.EXTRA,
    Drift.FOREIGN,
    Drift.USER_DELETED,
    Drift.USER_MERGED,
)
"""What is repaired unless the settings say otherwise."""
REPORTED = (Drift.ACCOUNT_FOUND,)
"""What is only counted unless the settings say otherwise: the consumer comes upon it by itself."""
REPAIRABLE = frozenset(REPAIRED) | {Drift.COHORT_DELETED}
"""For the others there is no call that would put them right without guessing what a person meant."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about which kind."""

    repair: Collection[Drift] = REPAIRED
    report: Collection[Drift] = REPORTED
    foreign_go: bool = False
    """Whether the sink's policy is that members whom no record names are removed; else ``repair`` does not concern
    them."""

    def treatment(self, kind: Drift) -> Treatment:
        if kind in self.repair and (kind is not Drift.FOREIGN or self.foreign_go):
            return Treatment.REPAIRED
        return Treatment.REPORTED if kind in self.report else Treatment.DECISION


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``student`` is None for a cohort's own; ``user_id`` None where no account is concerned."""

    kind: Drift
    cohort: str
    student: str | None = None
    user_id: int | None = None
    known: bool = False
    """Whether the consumer has noticed that the cohort was deleted."""

    @property
    def key(self) -> tuple[str, ...]:
        """By which a difference is the same one as at another look."""
        return self.kind, self.cohort, str(self.student), str(self.user_id)


@dataclass(slots=True)
class Comparison:
    """What a comparison found."""

    differences: list[Difference] = field(default_factory=list)
    waiting: Counter[str] = field(default_factory=Counter)
    """Memberships that are not settled, by status; and members whose removal a person discarded."""
    agreed: int = 0
    cohorts: int = 0
    vanished: int = 0
    policy: Policy = field(default_factory=Policy)
    met: set[tuple[str, str]] = field(default_factory=set)
    """Of the names in a narrowed scope, those that the ledger has: each with "cohort" or "student"."""
    parts: dict[str, Comparison] = field(default_factory=dict)
    """What was found in each cohort that differs."""

    def add(self, other: Comparison) -> None:
        """Take in another partition's findings."""
        self.differences += other.differences
        self.waiting += other.waiting
        self.agreed += other.agreed
        self.cohorts += other.cohorts
        self.vanished += other.vanished
        self.met |= other.met
        self.parts |= other.parts

    def of(self, counts: Callable[[Difference], bool]) -> Comparison:
        """Without the differences that do not count."""
        for one in (self, *self.parts.values()):
            one.differences = [difference for difference in one.differences if counts(difference)]
        self.parts = {cohort: part for cohort, part in self.parts.items() if part.differences}
        return self

    def confirmed_by(self, again: Comparison) -> Comparison:
        """This one with only those differences that ``again`` has found, too. The others are on the move."""
        seen = {one.key for one in self.differences}
        moving = sum(one.key not in seen for one in again.differences)
        found = self.looked_again(again.of(lambda one: one.key in seen))
        found.waiting += Counter(moving=moving)
        return found

    def looked_again(self, again: Comparison) -> Comparison:
        """This one with the findings of ``again`` in place of its own in all cohorts that differed."""
        found = Comparison(
            differences=[one for one in self.differences if one.cohort not in self.parts],
            waiting=self.waiting.copy(),
            agreed=self.agreed,
            cohorts=self.cohorts,
            vanished=self.vanished,
            policy=self.policy,
            met=self.met.copy(),
        )
        for part in self.parts.values():
            found.waiting -= part.waiting
            found.agreed -= part.agreed
            found.cohorts -= part.cohorts
            found.vanished -= part.vanished
        found.add(again)
        return found

    @property
    def by_kind(self) -> Counter[str]:
        return Counter(difference.kind.value for difference in self.differences)

    @property
    def treatments(self) -> dict[str, str]:
        """What is done about each kind that was found."""
        return {kind: self.policy.treatment(Drift(kind)).value for kind in sorted(self.by_kind)}

    @property
    def repairable(self) -> list[Difference]:
        return self._treated(Treatment.REPAIRED)

    @property
    def pressing(self) -> list[Difference]:
        """Those that do not stay as they are without somebody's attention."""
        return [one for one in self.differences if self.policy.treatment(one.kind) is not Treatment.REPORTED]

    def _treated(self, how: Treatment) -> list[Difference]:
        return [one for one in self.differences if self.policy.treatment(one.kind) is how]
