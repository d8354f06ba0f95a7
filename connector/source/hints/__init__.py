"""Hints: what may have changed. Pure: what to read next, why that is safe, and which hints need a look.

Every kind of hint query is a file here with a ``Follower`` (see ``following``). Correctness rests on two things alone:
what a follower reads, and where its cursor may stand once that is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Position = datetime | int
"""A cursor column's value in its own terms: a naive time (wall clock of the configured zone, or UTC), or a number."""


class Safety(StrEnum):
    """What the low-watermark rests on."""

    PROVED = "proved"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class HintRow:
    """One row of a hint query's answer: this many rows of one student or cohort bear this cursor value."""

    subject: str | tuple[object, ...]
    """A value of the student column; or the values of the columns of the cohort's idnumber."""
    stamp: Position | None = None
    """The cursor's value; None for a scan, which has none."""
    count: int = 1
    deleted: bool = False
    """A journal's row that tells of a delete."""


@dataclass(frozen=True, slots=True)
class Group:
    """What a scan says of one student or cohort."""

    subject: str | tuple[object, ...]
    count: int
    """Rows."""
    hash: int
    """Of all of them together, whatever their order."""


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has begun to change something and has not ended."""

    id: str
    """No other transaction of this database bears it while this one is open, nor soon after."""
    started: datetime
    """When it changed something first, UTC, cut to the second."""


@dataclass(frozen=True, slots=True)
class OpenTransactions:
    """What can be seen of other sessions' transactions."""

    visible: bool
    open: tuple[OpenTransaction, ...] = ()
    everywhere: bool = False
    """Whether those of every instance of the database are seen, not only of ours."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of the database just before a hint query is run. All times are the database's, UTC."""

    now: datetime
    """The clock, read before the open transactions were looked at, and these before the hint query is run."""
    transactions: OpenTransactions | None = None
    """What was open; None if it was not asked, which makes the read a quick one."""
    against: tuple[str, ...] = ()
    """What speaks against a proof, in words; empty if nothing does."""
    skew_s: float = 0.0
    """How far stamps were seen ahead of this clock, in seconds: how far other clocks that stamp may be off."""
    elapsed_s: float | None = None
    """Seconds since the clock of the last read that moved the cursor, by our own clock; None for the first of this
    process.
    """
