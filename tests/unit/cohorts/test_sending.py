"""The calls that one refused call becomes: few, and each row ends in exactly one place."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.runtime.clock import SystemClock
from connector.runtime.messages import MoodleMessage
from consumers.cohorts.calls import send
from consumers.moodle.errors import Fault, OutcomeUnknown, Refused

CLOCK = SystemClock()
FAULT = Fault("f", "invaliduser", MoodleMessage.NOT_FOUND)


class Moodle:
    """Applies a call unless it holds a culprit; the answer to the call of this number is lost."""

    def __init__(self, culprits: set[int], loses: int = 0) -> None:
        self.culprits, self.loses = culprits, loses
        self.calls: list[Sequence[int]] = []
        self.applied: list[int] = []

    def __call__(self, rows: Sequence[int]) -> dict[int, None]:
        self.calls.append(rows)
        if len(self.calls) == self.loses:
            raise OutcomeUnknown(FAULT)
        if self.culprits & set(rows):
            raise Refused(FAULT)
        self.applied += rows
        return dict.fromkeys(rows)


@settings(deadline=None)  # a loaded machine is no fault
@given(n=st.integers(1, 600), data=st.data())
def test_one_culprit_costs_few_calls(n: int, data: st.DataObject) -> None:
    """At most 2·⌈log₂ n⌉ + 1 with the first; all others are applied once, in rising order within each call."""
    culprit = data.draw(st.integers(0, n - 1))
    moodle = Moodle({culprit})
    sent = send(range(n), moodle, lambda: True, CLOCK)

    assert sent.calls == len(moodle.calls) <= 2 * math.ceil(math.log2(n)) + 1
    assert sorted(moodle.applied) == [row for row in range(n) if row != culprit]
    assert sent.refused.keys() == {culprit}
    assert all(list(rows) == sorted(rows) for rows in moodle.calls)


@settings(deadline=None)  # a loaded machine is no fault
@given(n=st.integers(1, 60), loses=st.integers(1, 12), data=st.data())
def test_a_lost_answer_in_the_middle_leaves_only_the_rows_of_its_call_in_doubt(
    n: int, loses: int, data: st.DataObject
) -> None:
    """What was applied before it stays known, what was not sent again is known not to be applied."""
    culprits = data.draw(st.sets(st.integers(0, n - 1)))
    moodle = Moodle(culprits, loses)
    sent = send(range(n), moodle, lambda: True, CLOCK)

    assert sorted([*sent.done, *sent.refused, *sent.unknown, *sent.unsent]) == list(range(n))
    assert sorted(sent.done) == sorted(moodle.applied)
    assert sent.unknown == (list(moodle.calls[loses - 1]) if len(moodle.calls) == loses else [])
