"""Finding the rows because of which a call is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.runtime.messages import MoodleMessage
from consumers.moodle.errors import Fault, OutcomeUnknown, Refused, Unavailable
from tests.isolating import Isolation, isolate

FAULT = Fault("f", "invaliduser", MoodleMessage.NOT_FOUND)


class AllOrNothing:
    """Applies a call unless it holds a culprit, as Moodle does."""

    def __init__(self, culprits: set[int]) -> None:
        self.culprits = culprits
        self.applied: list[int] = []
        self.calls = 0

    def __call__(self, rows: Sequence[int]) -> None:
        self.calls += 1
        assert rows
        if self.culprits & set(rows):
            raise Refused(FAULT)
        self.applied += rows


@settings(deadline=None)  # a loaded machine is no fault
@given(n=st.integers(1, 600), data=st.data())
def test_one_culprit_is_found_in_few_calls(n: int, data: st.DataObject) -> None:
    """At most 2·⌈log₂ n⌉ + 1, the first included, and everything else is applied exactly once."""
    culprit = data.draw(st.integers(0, n - 1))
    moodle = AllOrNothing({culprit})
    done = isolate(range(n), moodle)

    assert moodle.calls <= 2 * math.ceil(math.log2(n)) + 1
    assert sorted(moodle.applied) == sorted(done.accepted) == [row for row in range(n) if row != culprit]
    assert [row for row, _ in done.refused] == [culprit]


@settings(deadline=None)  # a loaded machine is no fault
@given(n=st.integers(0, 80), data=st.data())
def test_any_number_of_culprits_is_found(n: int, data: st.DataObject) -> None:
    """Each row ends accepted or refused, and never both."""
    culprits = data.draw(st.sets(st.integers(0, max(0, n - 1)))) & set(range(n))
    moodle = AllOrNothing(culprits)
    done = isolate(range(n), moodle)

    assert sorted(moodle.applied) == sorted(set(range(n)) - culprits)
    assert {row for row, _ in done.refused} == culprits
    assert (done.failure, done.interrupted, done.unsent) == (None, [], [])


def test_without_a_culprit_there_is_one_call() -> None:
    """The ordinary case costs nothing."""
    moodle = AllOrNothing(set())
    isolate(range(500), moodle)

    assert moodle.calls == 1


@pytest.mark.parametrize("kind", [Unavailable, OutcomeUnknown])
def test_another_failure_ends_the_work_and_says_where(kind: type[Unavailable | OutcomeUnknown]) -> None:
    """What was applied stays known; the rows of the failed call are told apart from those never sent again."""
    sizes: list[int] = []

    def send(rows: Sequence[int]) -> None:
        sizes.append(len(rows))
        if len(sizes) == 1:
            raise Refused(FAULT)
        if len(sizes) == 3:
            raise kind(FAULT)

    done: Isolation[int] = isolate(range(8), send)

    assert sizes == [8, 4, 2]
    assert done.accepted == [0, 1, 2, 3]
    assert done.interrupted == [4, 5]
    assert done.unsent == [6, 7]
    assert isinstance(done.failure, kind)


def test_a_refusal_that_passes_when_halved_leaves_no_culprit() -> None:
    """Too large a call, or two writers that met: nothing is wrong with any row."""

    def send(rows: Sequence[int]) -> None:
        if len(rows) > 3:
            raise Refused(FAULT)

    done = isolate(range(20), send)

    assert sorted(done.accepted) == list(range(20))
    assert done.refused == []
