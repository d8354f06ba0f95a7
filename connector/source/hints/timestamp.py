"""Hints by a column that holds the time of the last change.

The bound. Let a *full* read at database time T cover every stamp from T' - overlap on, T' being the previous full read.
A row stamped s that commits at c, with c - s <= overlap, is then always found: if c > T', then s >= c - overlap >
T' - overlap, so the next full read covers it; if c <= T', the same holds one read earlier. So the cursor may become
T - overlap once everything that the read at T brought is published. It never passes the oldest open transaction's first
change either, where these can be seen; a transaction may then stay open for longer than the overlap.

A full read repeats the whole overlap, so between full ones *quick* reads look at the newest stamps only. They move no
cursor. What is stamped within the overlap and was looked at before need not be looked at each time: see ``memory``.

The bound is ``assumed``: it rests on the overlap being long enough, and on stamps given by the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.source.hints import Safety

QUICK_MARGIN = timedelta(seconds=5)
"""Short transactions are found by quick reads if they take no longer than this; the others by the next full one."""
_SLACK = timedelta(seconds=2)
"""Between an open transaction's recorded start and the stamp of its first statement: both have a grain of a second."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the next read depends on. All times are the database's, UTC."""

    now: datetime
    """The clock, read before the hint query."""
    cursor: datetime | None
    """From the checkpoint; None before the first read."""
    overlap: timedelta
    full: bool
    previous: datetime | None = None
    """The clock of the last read of either sort in this process."""
    oldest_change: datetime | None = None
    """Start of the oldest open transaction, read before the hint query; None if none is open, or none can be seen."""
    sees_transactions: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """What to read, and where the cursor may stand once it is published."""

    low: datetime
    """Read every stamp from here on, this one included."""
    cursor: datetime | None
    """The new cursor; None for a quick read, which moves none."""
    safety: Safety
    reason: str


def next_range(given: Inputs) -> Range:
    """The next range, and why it is safe."""
    held = given.now - given.overlap
    reason = f"overlap {given.overlap.total_seconds():g} s"
    if given.sees_transactions:
        reason += ", no older transaction open"
    if given.oldest_change is not None and given.oldest_change - _SLACK < held:
        held = given.oldest_change - _SLACK
        reason = f"overlap, held back by a transaction open since {given.oldest_change:%Y-%m-%dT%H:%M:%SZ}"
    # A clock that went back a little stamps what was read already: the lower of the two is read again.
    low = held if given.cursor is None else min(given.cursor, held)
    if given.full or given.previous is None:
        return Range(low, held, Safety.ASSUMED, reason)
    newest = min(given.previous, given.now) - QUICK_MARGIN
    return Range(max(low, newest), None, Safety.ASSUMED, "quick read, no cursor moved")


def parse(cursor: str | None) -> datetime | None:
    """The cursor of a checkpoint."""
    return None if cursor is None else datetime.fromisoformat(cursor)


def text(cursor: datetime) -> str:
    """The cursor for a checkpoint."""
    return cursor.isoformat(timespec="microseconds")
