"""Hints: what may have changed. Pure: what to read next, why that is safe, and which hints need a look.

Every kind of hint query is a file here that offers the same three things: ``next_range`` (what to read, as a function
of the database's clock, the cursor and the settings), the position that is safe once that has been published, and a
test whether a row of the answer needs a truth read. Correctness rests on the first two alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Safety(StrEnum):
    """What the low-watermark rests on."""

    PROVED = "proved"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class HintRow:
    """One row of a hint query's answer: this many rows of one student or cohort bear this cursor value."""

    subject: str | tuple[object, ...]
    """A value of the student column; or the values of the columns of the cohort's idnumber."""
    stamp: datetime
    """The cursor's value, in the column's own terms: wall clock of the configured zone, or UTC. Naive."""
    count: int = 1
