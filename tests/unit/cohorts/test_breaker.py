"""How many may leave within a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.breaker import Allowance, Intent, Limits, mark_of, share_of
from tests.unit.cohorts.budgets import WIDE, budget_for, leaving, passed
from tests.unit.cohorts.values import NOW

WEEK = timedelta(days=7)


def allowance(name: str = "autumn", cohorts: str = "*", share: float = 0.5, most: int | None = None) -> Allowance:
    return Allowance(name, cohorts, NOW - WEEK, NOW + WEEK, share, most)


def intents(count: int, cohort: str = "A", under: str | None = None) -> list[Intent]:
    """So many that left earlier in the day and are gone."""
    return [Intent(cohort, f"gone{n}", 1, under) for n in range(count)]


@pytest.mark.parametrize(
    ("members", "most"),
    [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3), (9, 5), (10, 5), (11, 5), (49, 5), (50, 5), (51, 5), (60, 6), (1000, 100)],
)
def test_a_cohort_loses_five_or_a_tenth_but_never_more_than_half(members: int, most: int) -> None:
    """Half is rounded up, so that the only member of a cohort may leave; a tenth is rounded down."""
    assert most == passed(budget_for({"A": members}), leaving(members + 1))[0]


@pytest.mark.parametrize(("members", "most"), [(1, 2), (50, 2), (299, 2), (300, 3), (10_000, 100)])
def test_a_partition_loses_two_or_a_hundredth(members: int, most: int) -> None:
    """However many cohorts they are from."""
    cohorts = {f"C{n}": members for n in range(8)}
    budget = budget_for(cohorts, limits=Limits(), total=members)
    removals = [removal for cohort in cohorts for removal in leaving(20, cohort)]

    assert most == passed(budget, removals)[0]


def test_the_base_does_not_shrink_while_members_leave() -> None:
    """A hundred members, of whom ten have left today: all ten of the day are spent, and not nine; nor does a further one."""
    assert passed(budget_for({"A": 90}, intents(10)), leaving(5))[0] == 0
    assert passed(budget_for({"A": 91}, intents(9)), leaving(5))[0] == 1


def test_a_removal_counts_once_however_often_it_is_tried() -> None:
    """Its place is its own for a day; another revision of the same membership needs another."""
    tried = [Intent("A", "s1", 2, shown=True)]
    budget = budget_for({"A": 3}, tried)

    assert passed(budget, leaving(1)) == (1, budget)
    assert passed(budget, leaving(3)) == (2, budget.charge(leaving(1, first=2)[0]))
    assert passed(budget_for({"A": 2}, [Intent("A", "s1", 1, shown=True)]), leaving(1))[0] == 0


def test_what_a_person_released_counts_nowhere() -> None:
    """It passes with nothing left, and takes nothing."""
    budget = budget_for({"A": 10})
    spent = passed(budget, leaving(5))[1]

    assert passed(spent, leaving(4, first=6, released=True)) == (4, spent)
    assert passed(budget, leaving(9, released=True)) == (9, budget)


def test_what_is_approved_keeps_its_place_until_it_is_withdrawn() -> None:
    """Removals that wait for their call count; when they are withdrawn before their intent, others may go."""
    waiting = {mark_of(removal): None for removal in leaving(5)}

    assert passed(budget_for({"A": 10}, approved=waiting), leaving(9, first=6))[0] == 0
    assert passed(budget_for({"A": 10}), leaving(9, first=6))[0] == 5


def test_an_allowance_lets_more_pass_and_spares_the_budget() -> None:
    """Its share of the cohort, and then what the budget has; that one keeps the half."""
    budget = budget_for({"A": 100}, allowances=[allowance(share=0.3)])
    count, left = passed(budget, leaving(100))

    assert count == 40
    assert ["autumn"] * 30 + [None] * 10 == [left.allowance_of(removal) for removal in leaving(40)]
    assert passed(budget_for({"A": 70}, intents(30, under="autumn")), leaving(70))[0] == 10


def test_an_allowance_may_pass_the_half_but_nothing_comes_on_top() -> None:
    """What a person allowed in so many words holds; the budget of every day ends at half of the cohort."""
    assert passed(budget_for({"A": 10}, allowances=[allowance(share=0.8)]), leaving(10))[0] == 8
    assert passed(budget_for({"A": 10}, allowances=[allowance(share=0.4)]), leaving(10))[0] == 5


def test_an_allowance_has_a_bound_in_each_partition() -> None:
    """Counted over all of its cohorts there."""
    budget = budget_for({"A": 10, "B": 10}, limits=Limits(0, 0, 0, 0), allowances=[allowance(most=7)])

    assert passed(budget, [*leaving(10, "A"), *leaving(10, "B")])[0] == 7


@pytest.mark.parametrize(
    ("other", "count"),
    [
        (allowance(cohorts="2026-*"), 5),
        (Allowance("past", "*", NOW - WEEK, NOW, 1), 5),
        (Allowance("future", "*", NOW + WEEK, NOW + 2 * WEEK, 1), 5),
        (Allowance("now", "A", NOW, NOW + WEEK, 1), 50),
    ],
)
def test_an_allowance_holds_for_its_time_and_its_cohorts(other: Allowance, count: int) -> None:
    """From its first moment to the one before its last."""
    assert count == passed(budget_for({"A": 50}, allowances=[other]), leaving(50))[0]


def test_the_first_allowance_with_room_counts() -> None:
    """In the order of the settings."""
    both = [allowance("one", share=0.1), allowance("two", share=0.2)]
    _, left = passed(budget_for({"A": 10}, limits=Limits(0, 0, 0, 0), allowances=both), leaving(10))

    assert ["one", "two", "two", None] == [left.allowance_of(removal) for removal in leaving(4)]


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_a_share_is_exact(members: int, hundredths: int) -> None:
    """As it was written: 0.29 of 100 is 29, although the nearest binary number is less."""
    assert members * hundredths // 100 == share_of(hundredths / 100, members)


@given(
    st.integers(0, 120),
    st.floats(0, 1),
    st.integers(0, 200),
    st.lists(st.integers(0, 130), max_size=200),
)
def test_half_is_never_exceeded(members: int, share: float, least: int, tried: list[int]) -> None:
    """Whatever the settings say, and in whatever order removals are tried."""
    budget = budget_for({"A": members}, limits=Limits(share, least, 1, WIDE.partition_least))
    marks = set()
    for number in tried:
        removal = leaving(1, first=number)[0]
        if (charged := budget.charge(removal)) is not None:
            budget = charged
            marks.add(mark_of(removal))

    assert len(marks) <= (members + 1) // 2
