"""Which accounts are known here and now: the loop's own copy of a few answers of the directory.

The directory may have to ask Moodle, so it is only ever called from a job. What it answered is kept here for a while, so
that the plan, which must not wait, can use it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from connector.runtime.clock import Clock
from consumers.cohorts.plan import Doubt
from consumers.moodle.resolution import Ambiguous, Found, Resolution

_KEPT = 120.0
"""Seconds for which an answer is used. An account that moves to another key is rare, and the next addition is right."""
_MOST = 100_000


class AccountSource(Protocol):
    """What is needed of ``Directory``; may call Moodle."""

    def resolve(self, keys: Collection[str]) -> Mapping[str, Resolution]: ...

    def look_for(self, keys: Collection[str]) -> Mapping[str, Resolution]: ...

    def normalise(self, key: str) -> str | None:
        """The form in which keys are compared; None if it can be no student's. Asks nobody."""
        ...

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, AbstractSet[str]]:
        """The normalised keys that lead to each of these accounts, as far as is known; asks for accounts not met yet."""
        ...

    def verify(self, user_ids: Collection[int]) -> None:
        """Look again at these accounts, so that they are known as they are now."""
        ...

    def belong(self, accepted_at: float) -> None:
        """Forget all accounts if they were read before a person accepted another site, at this time."""
        ...

    def refused(self) -> tuple[int, int] | None:
        """How many students the last reading of all accounts would have lost, and of how many, if that was too many."""
        ...

    def accept_loss(self, most: int) -> None:
        """Take the next such reading over, if it loses no more than a person has seen."""
        ...

    def keep_fresh(self) -> object:
        """Read all accounts again when that is due."""
        ...


class Roll:
    """Students whose account was asked for lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int | Doubt, float]] = {}

    def account_of(self, student: str) -> int | Doubt | None:
        known = self._known.get(student)
        if known is None or self._clock.monotonic() > known[1]:
            return None
        return known[0]

    def learn(self, answers: Mapping[str, Resolution]) -> None:
        """Remember what the directory said."""
        if len(self._known) > _MOST:
            self._known.clear()
        until = self._clock.monotonic() + _KEPT
        for student, resolution in answers.items():
            self._known[student] = (account_in(resolution), until)

    def clear(self) -> None:
        """Ask again for everybody."""
        self._known.clear()

    def forget(self, students: Iterable[str]) -> None:
        """Ask again when they are needed next."""
        for student in students:
            self._known.pop(student, None)


def account_in(resolution: Resolution) -> int | Doubt:
    """The account, or why there is none."""
    match resolution:
        case Found(user_id=user_id):
            return user_id
        case Ambiguous():
            return Doubt.AMBIGUOUS
        case _:
            return Doubt.MISSING
