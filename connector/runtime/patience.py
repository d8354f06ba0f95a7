"""How long something that fails again and again is left alone. Pure."""

from __future__ import annotations

_MOST_DOUBLINGS = 30
"""More would be more than any pause, and a number with some thousand bits has no place among seconds."""


def growing_pause(first: float, longest: float, failures: int) -> float:
    """Seconds after a failure that followed so many ``failures`` in a row: ``first``, doubled with each of these, and never
    more than ``longest``, however many there are.
    """
    return min(longest, first * 2.0 ** min(failures, _MOST_DOUBLINGS))
