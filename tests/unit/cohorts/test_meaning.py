"""Whom the keys of wanted students mean by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.runtime.messages import MoodleMessage
from consumers.cohorts.comparing import kept_for_a_moved_key
from consumers.cohorts.meaning import find_meant, read_for_removal, read_keys
from consumers.cohorts.reasons import Reason
from consumers.cohorts.transitions import keep_no_longer
from consumers.moodle.errors import Fault, MoodleError, Unavailable
from consumers.moodle.values import Cohort, CohortMatches, Members
from schemas.records import EntryStatus, LedgerEntry
from tests.unit.cohorts.values import ABSENT, MINUTE, NOW, PRESENT, Book, leaver, member


def normalise(key: str) -> str | None:
    return key.strip().lower() or None


@dataclass
class Accounts:
    """Accounts with one key each, as Moodle has them; what was read before is another matter."""

    carried: dict[int, str]
    fault: MoodleError | None = None
    known: dict[int, str] = field(default_factory=dict)
    asked: list[list[int]] = field(default_factory=list)

    def normalise(self, key: str) -> str | None:
        return normalise(key)

    def verify(self, user_ids: Collection[int]) -> None:
        self.asked.append(sorted(user_ids))
        if self.fault is not None:
            raise self.fault
        self.known |= {user_id: self.carried[user_id] for user_id in user_ids}

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, frozenset[str]]:
        return {user_id: frozenset({self.known[user_id]}) for user_id in user_ids}


class Reader:
    """One cohort, with members 1 and 5."""

    def all_cohorts(self) -> list[Cohort]:
        return []

    def find_cohort(self, idnumber: str) -> CohortMatches:
        return CohortMatches((), ())

    def members(self, cohort_ids: Collection[int]) -> Members:
        return Members({10: frozenset({1, 5})}, frozenset(), frozenset())


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["s5"], {("A", 1)}),
        (["  S5 "], {("A", 1)}),
        (["s1"], set()),
        (["  ", "s9"], set()),
        ([], set()),
    ],
)
def test_an_account_is_meant_by_the_key_that_it_carries(wanted: list[str], found: set[tuple[str, int]]) -> None:
    """In the form in which the directory compares keys; a text that can be no key means nobody."""
    assert find_meant({("A", 1): {"s5"}, ("A", 2): set()}, lambda _: wanted, normalise) == found


def test_only_the_cohort_in_which_the_student_is_wanted_counts() -> None:
    """Elsewhere the account may leave."""
    wanted = {"A": ["s5"], "B": ["s7"]}

    assert find_meant({("A", 1): {"s5"}, ("B", 1): {"s5"}}, wanted.__getitem__, normalise) == {("A", 1)}


PLACES = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.integers(1, 4)), st.frozensets(st.sampled_from(["s1", "s2"])), max_size=8
)


@given(PLACES, st.dictionaries(st.sampled_from("AB"), st.lists(st.sampled_from(["s1", " S2 ", "s3"]))))
def test_whole_cohorts_are_asked_for_once(
    keys: dict[tuple[str, int], frozenset[str]], students: dict[str, list[str]]
) -> None:
    """And the answer is the same as for each account by itself."""
    asked: Counter[str] = Counter()

    def wanted(cohort: str) -> list[str]:
        asked[cohort] += 1
        return students.get(cohort, [])

    found = find_meant(keys, wanted, normalise)

    assert set(asked.values()) <= {1}
    assert found == {
        place for place, carried in keys.items() if carried & {normalise(s) for s in students.get(place[0], [])}
    }


def test_keys_are_read_from_moodle_and_not_remembered() -> None:
    """What was known of an account may be hours old; nobody is asked for nobody's sake."""
    accounts = Accounts({1: "s5"}, known={1: "s1"})

    assert read_keys(accounts, {1}) == {1: frozenset({"s5"})}
    assert (read_keys(accounts, set()), accounts.asked) == ({}, [[1]])


def test_only_those_who_leave_and_are_there_are_looked_at() -> None:
    """In one question for all cohorts."""
    accounts = Accounts({1: "s1", 5: "s5"})
    shown = read_for_removal(Reader(), accounts, {"A": 10}, (), {("A", 1), ("A", 7), ("B", 5)})

    assert (accounts.asked, shown.keys) == ([[1]], {1: frozenset({"s1"})})
    assert shown.members == {"A": frozenset({1, 5})}


def test_keys_that_cannot_be_read_are_a_failed_read() -> None:
    """Nobody is shown as a member, so nobody is removed."""
    fault = Unavailable(Fault("core_user_get_users_by_field", "http-503", MoodleMessage.UNREACHABLE))
    shown = read_for_removal(Reader(), Accounts({}, fault), {"A": 10}, (), {("A", 1)})

    assert (shown.failure, shown.members) == (fault, {})


KEPT: dict[str, Any] = {"applied": ABSENT, "status": EntryStatus.SETTLED, "due_at": None, "reason": Reason.OTHER_KEY}


@pytest.mark.parametrize(
    ("entries", "moved"),
    [
        ([leaver(**KEPT)], True),
        ([leaver(**KEPT), member(student="s5", user_id=5)], True),
        ([leaver(**KEPT), member(student="s1b")], False),  # another key of the account is wanted
        ([leaver(**KEPT), leaver(student="s1b", status=EntryStatus.HELD)], False),  # a person decides about the other
        ([leaver(**KEPT | {"reason": Reason.DISCARDED})], False),
        ([member(reason=Reason.OTHER_KEY)], False),
    ],
)
def test_what_stayed_for_a_key_that_moved_is_told_from_what_the_ledger_knows(
    entries: list[LedgerEntry],
    moved: bool,  # noqa: FBT001
) -> None:
    """Only the first may change without a word of the source, so only that is looked at again."""
    assert kept_for_a_moved_key(entries[0], Book.of(*entries)) is moved


def test_what_is_kept_no_longer_goes_the_way_of_every_removal() -> None:
    """After the settling time, and counted among the members of whom only so many may leave."""
    told = keep_no_longer(leaver(**KEPT), NOW, MINUTE)

    assert (told.status, told.due_at, told.applied, told.reason) == (
        EntryStatus.DUE,
        NOW + MINUTE,
        PRESENT,
        Reason.SETTLING,
    )
