"""Members whom no record names, where the policy says that they go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts import transitions
from consumers.cohorts.comparing import Rules, compare
from consumers.cohorts.foreign import look_for_strangers
from consumers.cohorts.plan import Doubt, build_plan
from consumers.cohorts.reasons import Reason
from consumers.cohorts.strangers import Strangers, find_strangers, is_stranger, let_stay, stranger
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry
from tests.unit.cohorts.values import ABSENT, MINUTE, NOW, PRESENT, UNKNOWN, Book, entry, leaver, member

HOUR = timedelta(hours=1)
GOES, STAYS = Rules(NOW, MINUTE, HOUR, strangers_stay=False), Rules(NOW, MINUTE, HOUR)


@pytest.mark.parametrize(
    ("entries", "accounts", "found"),
    [
        # Nobody has been named at all.
        ([], {}, Strangers(frozenset({1, 9}))),
        # Who is meant by an entry, wanted or not, is none; nobody is asked for their sake.
        ([member("A", "s1", 1), member("A", "s9", 9)], {}, Strangers()),
        ([member("A", "s1", 1), leaver("A", "s9", 9)], {}, Strangers()),
        # Who is to be added is known by the account only.
        ([entry("A", "s1"), entry("A", "s9")], {"s1": 1, "s9": 9}, Strangers()),
        ([entry("A", "s1")], {"s1": 1}, Strangers(frozenset({9}))),
        # The account of a wanted student has changed since it was added.
        ([member("A", "s1", 1)], {"s1": 9}, Strangers()),
        # One of them may be a stranger only by name.
        ([entry("A", "s1"), entry("A", "s2")], {"s1": 1}, Strangers(frozenset({9}), frozenset({"s2"}))),
        ([entry("A", "s1")], {"s1": Doubt.MISSING}, Strangers(frozenset({1, 9}), unplaced=1)),
        ([entry("A", "s1")], {"s1": Doubt.AMBIGUOUS}, Strangers(frozenset({1, 9}), unplaced=1)),
        # One who was let stay under another policy is one again.
        ([let_stay(stranger("A", 9, NOW, MINUTE), NOW)], {}, Strangers(frozenset({1, 9}))),
        ([stranger("A", 9, NOW, MINUTE)], {}, Strangers(frozenset({1}))),
    ],
)
def test_who_is_a_stranger(entries: list[LedgerEntry], accounts: dict[str, int | Doubt], found: Strangers) -> None:
    """Members 1 and 9 are looked at."""
    assert found == find_strangers(entries, {1, 9}, Book.of(accounts=accounts))


@given(
    wanted=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9) | st.sampled_from(Doubt) | st.none()),
    members=st.frozensets(st.integers(1, 9)),
)
def test_no_stranger_is_wanted(wanted: dict[str, int | Doubt | None], members: frozenset[int]) -> None:
    """And while a wanted student's account is in doubt it is not certain that anybody is one."""
    accounts = {student: account for student, account in wanted.items() if account is not None}
    found = find_strangers([entry("A", student) for student in wanted], members, Book.of(accounts=accounts))

    assert found.users <= members
    assert found.users.isdisjoint({account for account in wanted.values() if isinstance(account, int)})
    assert not members or found.certain is all(isinstance(account, int) for account in wanted.values())


def test_a_stranger_goes_the_way_of_every_removal() -> None:
    """Due after the settling time, by the account that was seen, and counted by the guard as any other."""
    one = stranger("A", 9, NOW, MINUTE)
    book = Book.of(one, member("A", "s1", 1))
    plan = build_plan([one], book, book, {"A": {1, 9}}, now=NOW + MINUTE, sibling_wait=HOUR)
    (removal,) = plan.removals

    assert (one.status, one.due_at, removal.user_id, removal.released) == (EntryStatus.DUE, NOW + MINUTE, 9, False)


def test_a_stranger_whom_a_record_names_before_the_removal_stays() -> None:
    """The plan of the moment asks whose account it is."""
    one = stranger("A", 9, NOW, MINUTE)
    book = Book.of(one, entry("A", "s9"), accounts={"s9": 9})
    plan = build_plan([one], book, book, {"A": {9}}, now=NOW + MINUTE, sibling_wait=HOUR)

    assert (plan.removals, [finding.reason for finding in plan.findings]) == ((), [Reason.OTHER_KEY])


def test_one_who_came_back_goes_again() -> None:
    """As long as that is the policy."""
    gone = transitions.shown(stranger("A", 9, NOW, MINUTE), ABSENT, 9, NOW, MINUTE)
    again = compare(gone, {9}, Book.of(), GOES)
    stays = compare(gone, {9}, Book.of(), STAYS)

    assert (gone.status, again.status) == (EntryStatus.SETTLED, EntryStatus.DUE)
    assert (stays.status, stays.desired, is_stranger(stays)) == (EntryStatus.SETTLED, UNKNOWN, True)
    assert compare(stays, {9}, Book.of(), STAYS) == stays


def test_a_call_under_way_is_waited_for_whatever_the_policy_is_by_now() -> None:
    """Afterwards they stay."""
    calling = transitions.quarantine(stranger("A", 9, NOW, MINUTE), Reason.REMOVAL_UNKNOWN, 9, NOW)
    assert let_stay(calling, NOW) == calling == compare(calling, {9}, Book.of(), STAYS)

    over = compare(calling, {9}, Book.of(), replace(STAYS, now=NOW + HOUR))

    assert (over.status, over.applied, over.desired) == (EntryStatus.SETTLED, PRESENT, UNKNOWN)


def test_the_policy_does_not_touch_those_whom_records_name() -> None:
    """A removal that a record asked for stays one."""
    assert compare(member(desired=ABSENT, applied=ABSENT), {1}, Book.of(), STAYS).status is EntryStatus.DUE


def test_who_is_asked_for_on_account_of_strangers_is_bounded() -> None:
    """And never stands among those whom an addition waits for; a whole cohort is asked for together."""
    cohorts = {
        name: CohortEntry(name, name, CohortState.PRESENT, 1, EntryStatus.SETTLED, NOW, moodle_id=number)
        for number, name in enumerate("ABCDE")
    }
    wanted = {name: [entry(name, f"{name}{number:04d}") for number in range(900)] for name in cohorts}
    desk: Any = SimpleNamespace(
        settings=SimpleNamespace(foreign="remove", mode="apply"),
        ledger=SimpleNamespace(cohort=cohorts.get, entries_of=wanted.get),
        roll=Book.of(accounts={}),
        clock=SimpleNamespace(now=lambda: NOW),
        unasked=set(),
        unhurried={},
    )
    for name in cohorts:
        assert not look_for_strangers(desk, name, {1, 9})

    assert desk.unasked == set()
    assert list(desk.unhurried) == [one.student for name in "ABC" for one in wanted[name]]
