"""How far a topic is worked off: never past a place that is still held."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.positions import Hold, Reading


def test_without_holds_everything_read_is_worked_off() -> None:
    """Live records stand in the ledger as soon as they were taken in."""
    reading = Reading(7)
    before = reading.settled
    reading.read_to(12)

    assert (before, reading.settled) == (7, 12)


def test_a_held_place_keeps_what_is_behind_it() -> None:
    """Until it is released; then the next held place decides, and at last what was read."""
    reading = Reading(0)
    reading.read_to(20)
    first, second = reading.hold(4), reading.hold(9)
    seen = [reading.settled]
    for hold in (first, second):
        hold.release()
        seen.append(reading.settled)

    assert seen == [4, 9, 20]


def test_of_two_places_that_ask_for_one_thing_the_lower_stays() -> None:
    """Whatever the order in which they are merged."""
    for turned in (False, True):
        reading = Reading(20)
        one, other = reading.hold(4), reading.hold(9)
        kept = other.merge(one) if turned else one.merge(other)
        held = reading.settled
        kept.release()

        assert (held, reading.settled) == (4, 20)


def test_a_hold_is_released_once() -> None:
    """A second time changes nothing, also after another place of the same offset was held."""
    reading = Reading(20)
    hold = reading.hold(4)
    hold.release()
    reading.hold(4)
    hold.release()

    assert reading.settled == 4


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_the_position_is_the_lowest_of_all_that_is_open(steps: list[tuple[bool, int]]) -> None:
    """Whatever is held and released in whatever order."""
    reading, held = Reading(100), list[Hold]()
    for hold, number in steps:
        if hold:
            held.append(reading.hold(number))
        elif held:
            held.pop(number % len(held)).release()

        assert reading.settled == min((one.offset for one in held), default=100)
