"""The second look at what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.source.mapping import Cohort, Desired, Support
from connector.source.suspects import (
    Case,
    Decision,
    Standing,
    decide,
    is_due,
    judge,
    limit_of,
    list_hash,
    released_by,
)
from schemas.records import Suspect

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)


def member(*cohorts: str) -> Desired:
    return Desired({c: Support(Cohort(c, c)) for c in cohorts})


def test_a_witness_makes_the_difference_between_ended_and_vanished() -> None:
    """Somebody else's row, active or not, or the cohort query, shows that the source still has the cohort."""
    cases = [Case("s", c) for c in ("A", "B", "C", "D")]
    students = {"s": member("X"), "t": member("A"), "u": Desired(inactive=frozenset(["B"]))}

    verdict = judge(cases, students, named={"C"})

    assert {Case("s", "A"), Case("s", "B"), Case("s", "C")} == verdict.absent
    assert {Case("s", "D")} == verdict.rowless


def test_who_is_back_or_unknown_is_not_judged() -> None:
    """The first needs no judgement, the second allows none."""
    students = {"s": member("A"), "t": Desired(unknown=frozenset(["x"])), "u": member("A", "B")}

    verdict = judge([Case("s", "A"), Case("t", "A")], students)

    assert (set(), {Case("t", "A")}) == (set(verdict.absent), set(verdict.undecided))


def test_a_suspect_ripens_by_the_database_s_clock() -> None:
    """Not a moment before."""
    suspect, settle = Suspect("A", NOW, "deleted"), timedelta(minutes=15)

    assert (False, True) == tuple(
        is_due(suspect, NOW + settle - early, settle) for early in (timedelta(milliseconds=1), timedelta())
    )


@pytest.mark.parametrize(("memberships", "limit"), [(0, 20), (4000, 20), (10_000, 50), (1_500_000, 7500)])
def test_the_limit_grows_with_the_source(memberships: int, limit: int) -> None:
    """Half a per cent, and at least twenty."""
    assert limit == limit_of(memberships)


@pytest.mark.parametrize(
    ("waiting", "fresh", "confirmed", "passes"),
    [(0, 0, 0, True), (15, 0, 0, True), (16, 0, 0, False), (0, 16, 0, False), (0, 0, 16, False), (5, 5, 6, False)],
)
def test_everything_that_is_missing_shares_one_limit(waiting: int, fresh: int, confirmed: int, *, passes: bool) -> None:
    """Five more are confirmed only if all of it together is within twenty; otherwise none is."""
    cases = frozenset(Case(f"s{n}", "A") for n in range(5))

    found = decide(cases, Standing(100, waiting, fresh, confirmed))

    assert (Decision(cases, frozenset()) if passes else Decision(frozenset(), cases)) == found


def test_released_cases_pass_and_take_none_with_them() -> None:
    """Neither do they use up the limit for the others."""
    cases = frozenset(Case(f"s{n}", "A") for n in range(30))
    released = frozenset(sorted(cases)[:12])

    assert released == decide(cases, Standing(100, 20, 0, 0), released).confirmed
    assert cases == decide(cases, Standing(100, 2, 0, 0), released).confirmed


times = st.integers(0, 50).map(lambda n: NOW + timedelta(milliseconds=n))
lists = st.dictionaries(st.builds(Case, st.text(max_size=3), st.sampled_from(["A", "B"])), times, min_size=1)


@given(lists, st.data())
def test_a_hash_releases_its_list_and_nothing_else(waiting: dict[Case, datetime], data: st.DataObject) -> None:
    """Later cases do not join it; a list that has lost a case is another one."""
    mark = list_hash(waiting.items())
    joined = dict(waiting) | {Case("new", "C"): NOW + timedelta(seconds=1)}
    lost = dict(waiting)
    del lost[data.draw(st.sampled_from(sorted(waiting)))]

    assert frozenset(waiting) == released_by(mark, list(joined.items()))
    assert released_by(mark, list(lost.items())) is None
    assert released_by("0-nonsense", list(joined.items())) is None
