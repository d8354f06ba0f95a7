"""Which rows of the overlap were looked at already, so that a steady state costs little.

Nothing may rest on this memory: two changes of one row within the column's grain look alike, and a late commit may
hide behind a stamp that was seen. So each stamp is looked at when it is first seen, again at growing ages, and in any
case by the last full read that covers it: whatever commits within the overlap is looked at after its commit. Losing the
memory costs reads, and nothing else. So it may be small: a row is remembered by a hash of what it says and by two times in
one number, some 150 bytes in all. Of two rows that share a hash, one is looked at by the last read alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.source.hints import HintRow

_GROWTH = 8
_FIRST_AGAIN = timedelta(seconds=2)
"""Longer than the coarsest grain (DATE, a second): what shares a stamp with a row seen earlier is stamped by then."""
_AHEAD_AGAIN = timedelta(minutes=1)
"""For stamps ahead of the clock, which other clocks may give to more rows. A year ahead is a mistake in the data, and must
not cost a look each time."""

_TIME_BITS = 64
_LATER = (1 << _TIME_BITS) - 1
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Note:
    """What the rows of an answer are remembered by, in the column's terms."""

    shown: datetime
    """The clock of the read."""
    leaving: datetime | None
    """The bound of the next full read; None after a quick one."""


class Memory:
    """Remembers rows with their stamps, and when they need a look again."""

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._seen: dict[int, int] = {}
        """By a row's hash, its stamp and, in the lowest bits, when it needs a look again: both in microseconds."""

    def unseen(self, rows: Iterable[HintRow], now: datetime, leaving: datetime | None) -> list[HintRow]:
        """The rows that need a look. ``now`` is the clock in the column's terms; ``leaving`` the bound of the next full
        read (None for a quick one): rows before it are covered for the last time.
        """
        clock = _number(now)
        return [row for row in rows if self._needs(row, clock, leaving)]

    def looked_at(self, rows: Iterable[HintRow], now: datetime) -> None:
        """The truth of these was read after ``now``, the clock of the read that brought them, and published."""
        for row in rows:
            key, stamp = hash(row), _time(row)
            self._seen.pop(key, None)  # to the end: the oldest leave first
            if stamp <= now:
                again = _number(stamp) + ((now - stamp) * _GROWTH + _FIRST_AGAIN) // _MICROSECOND
            else:
                again = _number(now) + min(stamp - now, _AHEAD_AGAIN) // _MICROSECOND
            self._seen[key] = _number(stamp) << _TIME_BITS | again
        while len(self._seen) > self._limit:
            del self._seen[next(iter(self._seen))]

    def settled(self, rows: Iterable[HintRow], note: object) -> None:
        """An answer with this note was published."""
        assert isinstance(note, Note)
        self.looked_at(rows, note.shown)
        if note.leaving is not None:
            self.forget_before(note.leaving)

    def forget_before(self, bound: datetime) -> None:
        """No read will bring these again."""
        lowest = _number(bound) << _TIME_BITS
        self._seen = {key: times for key, times in self._seen.items() if times >= lowest}

    def __len__(self) -> int:
        return len(self._seen)

    def _needs(self, row: HintRow, clock: int, leaving: datetime | None) -> bool:
        stamp = _time(row)
        if leaving is not None and stamp < leaving:
            return True
        times = self._seen.get(hash(row))  # of its count, too: one row more is another hash
        return times is None or clock >= times & _LATER


def _time(row: HintRow) -> datetime:
    assert isinstance(row.stamp, datetime)
    return row.stamp


def _number(at: datetime) -> int:
    """Microseconds; 0 at the beginning of time."""
    return (at - datetime.min) // _MICROSECOND  # noqa: DTZ901 - stamps are naive
