"""How many rows a call carries."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.moodle.batches import (
    ADD_FIELDS,
    CONTROL_FIELDS,
    REMOVE_FIELDS,
    CallCost,
    CallLimits,
    Row,
    calls,
    next_call,
)

rows_of = st.lists(st.builds(Row, st.integers(1, 6), st.integers(1, 60)), max_size=200)
costs = st.builds(
    CallCost,
    per_row=st.floats(0.0005, 0.01),
    known=st.dictionaries(st.integers(1, 6), st.floats(0.0001, 0.5), max_size=6),
)
limits_of = st.builds(
    CallLimits,
    seconds=st.floats(0.05, 2.0),
    fields=st.integers(16, 5000),
    fields_per_row=st.sampled_from([ADD_FIELDS, REMOVE_FIELDS]),
    rows=st.integers(1, 500),
)


@settings(deadline=None)  # a loaded machine is no fault
@given(rows=rows_of, cost=costs, limits=limits_of)
def test_calls_carry_each_row_once_in_order_and_within_the_limits(
    rows: list[Row], cost: CallCost, limits: CallLimits
) -> None:
    """Whatever the rows, costs and limits."""
    made = [list(call) for call in calls(rows, cost, limits)]

    assert [row for call in made for row in call] == sorted(set(rows))
    for call in made:
        assert CONTROL_FIELDS + limits.fields_per_row * len(call) <= max(
            limits.fields, CONTROL_FIELDS + limits.fields_per_row
        )
        assert len(call) <= limits.rows
        expected = cost.per_call + sum(cost.of(row.cohort_id) for row in call)
        assert len(call) == 1 or expected <= limits.seconds * (1 + 1e-9)


@settings(deadline=None)  # a loaded machine is no fault
@given(rows=rows_of, cost=costs, limits=limits_of)
def test_a_dear_cohort_never_shares_a_call(rows: list[Row], cost: CallCost, limits: CallLimits) -> None:
    """Else the cheap rows would wait for the dear ones, and one cohort's trouble would be another's."""
    for call in calls(rows, cost, limits):
        cohorts = {row.cohort_id for row in call}
        assert len(cohorts) == 1 or not any(cost.is_dear(cohort) for cohort in cohorts)


@pytest.mark.parametrize(
    ("fields", "per_row", "most"),
    [(1000, ADD_FIELDS, 249), (1000, REMOVE_FIELDS, 498), (5000, ADD_FIELDS, 1249), (5000, REMOVE_FIELDS, 2498)],
)
def test_the_safe_numbers_of_rows_are_those_that_were_measured(fields: int, per_row: int, most: int) -> None:
    """Measured on Moodle 4.5.6 with PHP's stock limit and with the one that Moodle asks for."""
    assert CallLimits(seconds=99, fields=fields, fields_per_row=per_row, rows=9999).most_rows() == most


def test_a_call_ends_between_cohorts_rather_than_in_one() -> None:
    """Two calls for one cohort could not be made side by side."""
    rows = [Row(cohort, user) for cohort in (1, 2, 3) for user in range(100)]
    limits = CallLimits(seconds=99, fields=5000, fields_per_row=4, rows=250)

    assert [len(call) for call in calls(rows, CallCost(), limits)] == [200, 100]


def test_a_large_cohort_fills_its_calls() -> None:
    """Where no cohort ends in the second half of a call, it is filled."""
    rows = [Row(1, user) for user in range(1000)]
    limits = CallLimits(seconds=99, fields=5000, fields_per_row=4, rows=300)

    assert [len(call) for call in calls(rows, CallCost(), limits)] == [300, 300, 300, 100]


def test_nothing_left_is_no_call() -> None:
    """And there is always progress otherwise, even for a row that is dearer than a call may be."""
    limits = CallLimits(seconds=0.1, fields=1000, fields_per_row=4)

    assert next_call([], CallCost(), limits) == 0
    assert next_call([Row(1, 1), Row(1, 2)], CallCost(known={1: 30.0}), limits) == 1


def test_a_cohort_that_feeds_courses_becomes_dear_by_its_first_call() -> None:
    """500 rows with five courses took 17 s: believed at once."""
    cost = CallCost().learn({7: 100}, idle=0, seconds=2.2)

    assert cost.of(7) == pytest.approx(0.0219, abs=0.001)
    assert cost.is_dear(7)
    assert cost.per_row == CallCost().per_row


def test_a_dear_cohort_in_company_is_found() -> None:
    """All of the call are suspected; alone, the innocent ones show that they are cheap."""
    cost = CallCost().learn({1: 50, 2: 50}, idle=0, seconds=3.0)
    assert cost.is_dear(1)
    assert cost.is_dear(2)

    for _ in range(12):
        cost = cost.learn({1: 50}, idle=0, seconds=0.1).learn({2: 50}, idle=0, seconds=3.0)
    assert not cost.is_dear(1)
    assert cost.is_dear(2)


def test_rows_that_changed_nothing_do_not_make_a_cohort_look_cheap() -> None:
    """Members already there cost a quarter, and say nothing about courses."""
    dear = CallCost().learn({7: 100}, idle=0, seconds=2.2)

    assert dear.learn({}, idle=400, seconds=0.2) == dear
    assert dear.learn({7: 0}, idle=400, seconds=0.2) == dear


def test_a_slow_server_is_learnt_from_cheap_cohorts() -> None:
    """What is ordinary differs from site to site."""
    cost = CallCost()
    for cohort in range(60):
        cost = cost.learn({cohort: 200}, idle=0, seconds=0.013 + 200 * 0.006)

    assert cost.per_row == pytest.approx(0.006, rel=0.1)
    assert not cost.is_dear(59)


@settings(deadline=None)  # a loaded machine is no fault
@given(rows=rows_of.filter(bool), cost=costs, seconds=st.floats(0, 100), idle=st.integers(0, 100))
def test_learning_keeps_costs_sane(rows: list[Row], cost: CallCost, seconds: float, idle: int) -> None:
    """No measurement, however odd, makes a cost negative or endless."""
    changed = {cohort: len(list(some)) for cohort, some in groupby(sorted(rows), key=lambda row: row.cohort_id)}
    learnt = cost.learn(changed, idle, seconds)

    assert learnt.per_row >= 0
    assert all(0 <= value < 1e6 for value in learnt.known.values())


def test_rows_sort_by_cohort_then_user() -> None:
    """The order in which writers that meet wait for each other instead of locking each other out."""
    ordered = sorted([Row(2, 1), Row(1, 9), Row(1, 2)])

    assert all(a < b for a, b in pairwise(ordered))
    assert ordered == [Row(1, 2), Row(1, 9), Row(2, 1)]


def test_a_moodle_that_has_become_slower_is_not_a_site_of_dear_cohorts() -> None:
    """When all rows cost more than before, that is what a row costs now, and cohorts share calls again."""
    cost = CallCost()
    for seconds in (0.0003, 0.0015):
        for _ in range(3):
            for cohort in range(300):
                cost = cost.learn({cohort: 100}, 0, cost.per_call + 100 * seconds)

    assert [cohort for cohort in range(300) if cost.is_dear(cohort)] == []
    assert 0.001 < cost.per_row < 0.002


def test_one_dear_cohort_stays_dear() -> None:
    """It does not drag along what the others are held to cost."""
    cost = CallCost()
    for _ in range(20):
        for cohort in range(40):
            cost = cost.learn({cohort: 10}, 0, cost.per_call + 10 * (0.1 if cohort == 7 else 0.0015))

    assert [cohort for cohort in range(40) if cost.is_dear(cohort)] == [7]
