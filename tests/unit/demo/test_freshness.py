"""Freshness, measured from outside."""

from __future__ import annotations

import math

from tests.demo.freshness import Freshness, measure
from tests.demo.moodle_site import MembershipEvent


def test_measure() -> None:
    """The first addition after the commit counts; removals and strangers do not; what never came is counted."""
    events = [
        MembershipEvent(1, 9.0, added=False, cohort=1, user=1),
        MembershipEvent(2, 10.5, added=True, cohort=1, user=1),
        MembershipEvent(3, 12.0, added=True, cohort=1, user=1),
        MembershipEvent(4, 11.0, added=True, cohort=2, user=1),
        MembershipEvent(5, 11.5, added=True, cohort=9, user=9),
    ]

    assert measure({(1, 1): 10.0, (2, 1): 10.0, (3, 3): 10.0}, events) == Freshness((0.5, 1.0), missing=1)


def test_percentiles() -> None:
    """A percentile is the smallest time that this share did not exceed."""
    freshness = Freshness(tuple(float(n) for n in range(1, 101)))

    assert [freshness.percentile(p) for p in (0, 1, 50, 99, 100)] == [1.0, 1.0, 50.0, 99.0, 100.0]
    assert math.isnan(Freshness(()).percentile(50))
