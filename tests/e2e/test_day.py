"""The steps of the demo's day, on a small university: each raises if it does not see what it expects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo.day import STEPS
from tests.demo.evening import compare_ends
from tests.demo.steps import faults, loading
from tests.demo.world import World

pytestmark = pytest.mark.timeout(300)

# The first load makes the world of all tests; resetting offsets is tried in another module.
_ELSEWHERE = (loading.first_load, faults.replay, faults.repair)


@pytest.mark.parametrize("step", [step for step in STEPS if step not in _ELSEWHERE], ids=lambda step: step.__name__)
def test_step(world: World, step: Callable[[World], None]) -> None:
    """The product does what this step of the day expects of it."""
    step(world)
    world.children.check()


def test_both_ends_agree_in_the_evening(world: World) -> None:
    """After the day every difference is one of those that must be."""
    strange = [d for d in compare_ends(world).differences if d.why == "unexplained" and not d.cohort.startswith("ANX-")]

    assert strange == []
