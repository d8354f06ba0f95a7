"""What the source says, drawn by a seed: memberships that come, go and move, and what must be true at the end."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.records import CohortChanged, CohortState, MembershipChanged, Presence

START = datetime(2026, 9, 1, tzinfo=UTC)
Key = tuple[str, str]
Told = MembershipChanged | CohortChanged

WIDE, TIGHT = "W", "T"
"""First letters of cohorts: those that an allowance lets change, and those that the breaker's own budgets guard."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a script is."""

    students: int = 150
    strangers: int = 5
    """Students without an account, who stay without."""
    wide: int = 30
    tight: int = 4
    new_every: int = 60
    """After so many changes a further cohort appears."""


class Script:
    """Says records one after the other, each with the next revision. ``wanted`` is what was said last of each key."""

    def __init__(self, seed: int, shape: Shape = Shape()) -> None:
        self._chance = random.Random(f"script {seed}")
        self._shape = shape
        self._revision = 0
        self._said = 0
        self.students = [f"P{number:07d}" for number in range(1, shape.students + 1)]
        self.strangers = [f"P9{number:06d}" for number in range(1, shape.strangers + 1)]
        self.wide = [f"{WIDE}{number:03d}" for number in range(shape.wide)]
        self.tight = [f"{TIGHT}{number}" for number in range(shape.tight)]
        self.vanished: list[str] = []
        self.wanted: dict[Key, MembershipChanged] = {}
        self.said: list[MembershipChanged] = []
        """Every word of a membership, in order."""

    @property
    def cohorts(self) -> list[str]:
        """All that were ever announced."""
        return [*self.wide, *self.tight, *self.vanished]

    def first(self) -> Sequence[Told]:
        """What a first load says."""
        told: list[Told] = [self._cohort(cohort) for cohort in self.cohorts]
        for student in [*self.students, *self.strangers]:
            told += self._load(student, self._chance.sample(self.wide, 2))
        for cohort in self.tight:
            for student in self._chance.sample(self.students, min(40, len(self.students))):
                told += self._load(student, [cohort])
        return told

    def changes(self, count: int) -> Iterator[Sequence[Told]]:
        """So many changes; a change may be several records, which belong together."""
        for _ in range(count):
            self._said += 1
            if self._said % self._shape.new_every == 0:
                self.wide.append(f"{WIDE}{len(self.wide) + len(self.vanished):03d}")
                yield [self._cohort(self.wide[-1])]
            elif self._said == self._shape.new_every * 2 + 1:
                yield [self._vanish()]
            else:
                yield self._change()

    def _change(self) -> Sequence[Told]:
        lot = self._chance.random()
        student = self._chance.choice(self.students if lot < 0.98 else self.strangers)
        there = [cohort for cohort in self.wide if self._present(cohort, student)]
        away = [cohort for cohort in self.wide if not self._present(cohort, student)]
        if lot < 0.35 or not there:
            return [self._word(self._chance.choice(away), student, Presence.PRESENT)]
        one = self._chance.choice(there)
        if lot < 0.55:
            return [self._word(one, student, Presence.ABSENT)]
        if lot < 0.80:
            other = self._chance.choice(away)
            came = self._word(other, student, Presence.PRESENT)
            return [came, self._word(one, student, Presence.ABSENT, siblings=(other,))]
        if lot < 0.88:
            return [self._word(one, student, state) for state in (Presence.ABSENT, Presence.PRESENT)]
        if lot < 0.91:
            return [self._word(one, student, Presence.PRESENT, cause="snapshot")]  # nothing new but the revision
        if lot < 0.94:
            return [self._chance.choice(self.said[-200:])]  # told twice, or again long after
        return [self._leave_tight(student)]

    def _load(self, student: str, cohorts: Sequence[str]) -> list[Told]:
        return [self._word(cohort, student, Presence.PRESENT, cause="first_load") for cohort in cohorts]

    def _leave_tight(self, student: str) -> MembershipChanged:
        cohort = self._chance.choice(self.tight)
        state = Presence.ABSENT if self._present(cohort, student) else Presence.PRESENT
        return self._word(cohort, student, state)

    def _vanish(self) -> CohortChanged:
        cohort = self.wide.pop(0)
        self.vanished.append(cohort)
        return self._cohort(cohort, CohortState.VANISHED)

    def _present(self, cohort: str, student: str) -> bool:
        word = self.wanted.get((cohort, student))
        return word is not None and word.state is Presence.PRESENT

    def _word(
        self, cohort: str, student: str, state: Presence, *, cause: str = "enrolled", siblings: tuple[str, ...] = ()
    ) -> MembershipChanged:
        self._revision += 1
        word = MembershipChanged(
            cohort=cohort,
            student=student,
            state=state,
            sources=("test",) if state is Presence.PRESENT else (),
            cause=cause,
            revision=self._revision,
            source="test",
            observed_at=datetime.now(UTC),
            fingerprint="f",
            siblings=siblings,
        )
        self.wanted[cohort, student] = word
        self.said.append(word)
        return word

    def _cohort(self, cohort: str, state: CohortState = CohortState.PRESENT) -> CohortChanged:
        self._revision += 1
        return CohortChanged(cohort, f"Cohort {cohort}", state, START, START, self._revision, "first_load", "test", "f")
