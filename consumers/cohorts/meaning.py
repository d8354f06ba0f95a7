"""Whom the keys of wanted students mean today, whatever account was recorded when they were added.

A profile field or an idnumber may move: the key of a student who is wanted in a cohort may by now be carried by an account
that was added there under another key. Before such an account is removed Moodle is asked which keys it carries; what is
wanted is the ledger's word of the moment, so that the answer holds for students who were taken in after it too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from consumers.cohorts.calls import Reader, Shown, read_members
from consumers.moodle.errors import MoodleError

Place = tuple[str, int]
"""A cohort and an account in it."""


class KeySource(Protocol):
    """What is needed of ``Directory``; all but ``normalise`` may call Moodle."""

    def normalise(self, key: str) -> str | None:
        """The form in which keys are compared; None if it can be no student's."""
        ...

    def verify(self, user_ids: Collection[int]) -> None:
        """Look again at these accounts."""
        ...

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, AbstractSet[str]]:
        """The normalised keys that lead to each of these accounts."""
        ...


def read_keys(accounts: KeySource, user_ids: Collection[int]) -> Mapping[int, AbstractSet[str]]:
    """The normalised keys that these accounts carry now: Moodle is asked, in bulk, for what was known may be hours old.

    Raises:
        MoodleError: it could not be read.
    """
    if not user_ids:
        return {}
    accounts.verify(user_ids)
    return accounts.keys_of(user_ids)


def read_for_removal(
    reader: Reader,
    accounts: KeySource,
    known: Mapping[str, int],
    named: Collection[str],
    leaving: Collection[Place],
) -> Shown:
    """``read_members``, and the keys of those who are to leave and are there."""
    shown = read_members(reader, known, named)
    there = {user_id for cohort, user_id in leaving if user_id in shown.members.get(cohort, ())}
    try:
        return replace(shown, keys=read_keys(accounts, sorted(there)))
    except MoodleError as error:
        return Shown({}, failure=error)


def find_meant(
    keys: Mapping[Place, AbstractSet[str]],
    wanted: Callable[[str], Iterable[str]],
    normalise: Callable[[str], str | None],
) -> frozenset[Place]:
    """Those of the places whose account carries the key of a student who is wanted in the cohort. ``wanted`` gives a
    cohort's students, and is asked once for each.
    """
    accounts: dict[str, dict[int, AbstractSet[str]]] = {}
    for (cohort, user_id), carried in keys.items():
        if carried:
            accounts.setdefault(cohort, {})[user_id] = carried
    found: set[Place] = set()
    for cohort, carriers in accounts.items():
        here = {normalise(student) for student in wanted(cohort)}
        found.update((cohort, user_id) for user_id, carried in carriers.items() if not here.isdisjoint(carried))
    return frozenset(found)
