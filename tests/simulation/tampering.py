"""What people do behind everybody's back: to the source, so that no hint tells of it, and to Moodle."""

from __future__ import annotations

import random
from collections.abc import Callable

from schemas.records import Presence
from tests.simulation.cohorts import COHORTS, STUDENTS, TWIN
from tests.simulation.reconciling import World

STRANGER = 950
MERGED = 700
"""From here on the accounts that others were merged into."""


class Tampering:
    """Does things in an order that a seed decides, and remembers what it did."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self.done: list[str] = []
        self._spared = set(COHORTS)
        """Cohorts to which nothing was done as a whole."""
        self._former: dict[int, str] = {}
        """Accounts to which a key led once."""
        self._check = world.day.moodle.on_removal
        world.day.moodle.on_removal = self._check_removal

    @property
    def deeds(self) -> tuple[Callable[[], str], ...]:
        return (
            self.enrol,
            self.enrol,
            self.withdraw,
            self.withdraw,
            self.empty_cohort,
            self.take_out,
            self.take_out,
            self.put_in_again,
            self.put_in_stranger,
            self.delete_cohort,
            self.double_cohort,
            self.close_cohort,
            self.delete_account,
            self.merge_account,
            self.move_key,
        )

    def act(self, times: int) -> None:
        """Some of all that could be done."""
        for _ in range(times):
            self.done.append(self._rng.choice(self.deeds)())

    # The source.

    def enrol(self) -> str:
        place = self._rng.choice(sorted(self._spared)), self._rng.choice(STUDENTS)
        self._world.rows.add(place)
        return f"a row for {place} that no hint told of"

    def withdraw(self) -> str:
        place = self._rng.choice(sorted(self._world.rows))
        self._world.rows.discard(place)
        return f"the row of {place} was deleted"

    def empty_cohort(self) -> str:
        cohort = self._pick()
        self._world.rows = {place for place in self._world.rows if place[0] != cohort}
        return f"all rows of {cohort} were deleted"

    # Moodle.

    def take_out(self) -> str:
        cohort = self._rng.choice(COHORTS)
        members = self._members(cohort)
        user = self._rng.choice(sorted(members)) if members else 0
        members.discard(user)
        return f"{user} was taken out of {cohort}"

    def put_in_again(self) -> str:
        day = self._world.day
        left = [place for place, word in sorted(day.wanted.items()) if word.state is Presence.ABSENT]
        left = [place for place in left if place[1] in day.moodle.accounts and day.moodle.number(place[0]) is not None]
        if not left:
            return "nobody had left"
        cohort, student = self._rng.choice(left)
        self._members(cohort).add(day.moodle.accounts[student])
        return f"{student} was put into {cohort} again"

    def put_in_stranger(self) -> str:
        cohort = self._rng.choice(COHORTS)
        user = STRANGER + self._rng.randrange(9)
        self._members(cohort).add(user)
        return f"{user} was put into {cohort}"

    def delete_cohort(self) -> str:
        cohort = self._pick()
        self._world.day.moodle.delete(cohort)
        return f"{cohort} was deleted"

    def double_cohort(self) -> str:
        cohort = self._pick()
        self._world.day.moodle.make(cohort)
        return f"{cohort} was made a second time"

    def close_cohort(self) -> str:
        cohort = self._pick()
        number = self._world.day.moodle.number(cohort)
        assert number is not None
        self._world.day.moodle.closed.add(number)
        return f"{cohort} was closed"

    def delete_account(self) -> str:
        student = self._student()
        self._leave(self._world.day.moodle.accounts[student])
        return f"the account of {student} was deleted"

    def merge_account(self) -> str:
        """As Moodle's plug-ins for it do: the old one is deleted, its memberships are the new one's."""
        moodle = self._world.day.moodle
        student = self._student()
        old, new = moodle.accounts[student], self._newcomer()
        for members in moodle.members.values():
            if old in members:
                members.add(new)
        self._leave(old)
        moodle.accounts[student], self._former[old] = new, student
        return f"the account {old} of {student} was merged into {new}"

    def move_key(self) -> str:
        """The student's number is another account's now, and the old one is still there."""
        student, moodle = self._student(), self._world.day.moodle
        new = self._newcomer()
        self._former[moodle.accounts[student]], moodle.accounts[student] = student, new
        return f"{student} has another account"

    def _check_removal(self, cohort: str, user: int) -> None:
        """A removal goes by the account that was recorded: by the key that led there."""
        if user not in self._former:
            self._check(cohort, user)
            return
        word = self._world.day.wanted.get((cohort, self._former[user]))
        assert word is not None, f"a member of {cohort} whom no record named was removed"
        assert word.state is Presence.ABSENT, f"{user} is wanted in {cohort} and was removed"

    def _newcomer(self) -> int:
        return max([MERGED, *self._world.day.moodle.accounts.values()]) + 1

    def _leave(self, user: int) -> None:
        moodle = self._world.day.moodle
        moodle.deleted.add(user)
        for members in moodle.members.values():
            members.discard(user)

    def _student(self) -> str:
        """One with an account of their own."""
        moodle = self._world.day.moodle
        alone = {s for s, user in moodle.accounts.items() if user not in moodle.deleted} - {STUDENTS[0], TWIN}
        return self._rng.choice(sorted(alone))

    def _pick(self) -> str:
        cohort = self._rng.choice(sorted(self._spared - {COHORTS[0]}))
        self._spared.discard(cohort)
        return cohort

    def _members(self, cohort: str) -> set[int]:
        """Of the one that the consumer knows; nobody's if it was deleted."""
        moodle = self._world.day.moodle
        number = moodle.number(cohort)
        return set() if number is None else moodle.members[number]
