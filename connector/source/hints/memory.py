"""Which rows of the overlap were looked at already, so that a steady state costs little.

Nothing may rest on this memory: two changes of one row within the column's grain look alike, and a late commit may
hide behind a stamp that was seen. So each stamp is looked at when it is first seen, again at growing ages, and in any
case by the last full read that covers it: whatever commits within the overlap is looked at after its commit. Losing the
memory costs reads, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.source.hints import HintRow

_GROWTH = 8
_FIRST_AGAIN = timedelta(seconds=2)
"""Longer than the coarsest grain (DATE, a second): what shares a stamp with a row seen earlier is stamped by then."""

Entry = tuple[int, timedelta]


@dataclass(frozen=True, slots=True)
class Note:
    """What the rows of an answer are remembered by, in the column's terms."""

    shown: datetime
    """The clock of the read."""
    leaving: datetime | None
    """The bound of the next full read; None after a quick one."""


class Memory:
    """Remembers stamps with how many rows bore them and how old they were when the truth was read."""

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._seen: dict[tuple[str | tuple[object, ...], datetime, bool], Entry] = {}

    def unseen(self, rows: Iterable[HintRow], now: datetime, leaving: datetime | None) -> list[HintRow]:
        """The rows that need a look. ``now`` is the clock in the column's terms; ``leaving`` the bound of the next full
        read (None for a quick one): rows before it are covered for the last time.
        """
        return [row for row in rows if self._needs(row, now, leaving)]

    def looked_at(self, rows: Iterable[HintRow], now: datetime) -> None:
        """The truth of these was read after ``now``, the clock of the read that brought them, and published."""
        for row in rows:
            key = (row.subject, _time(row), row.deleted)
            self._seen.pop(key, None)  # to the end: the oldest leave first
            self._seen[key] = (row.count, now - _time(row))
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
        self._seen = {key: entry for key, entry in self._seen.items() if key[1] >= bound}

    def __len__(self) -> int:
        return len(self._seen)

    def _needs(self, row: HintRow, now: datetime, leaving: datetime | None) -> bool:
        stamp = _time(row)
        if leaving is not None and stamp < leaving:
            return True
        entry = self._seen.get((row.subject, stamp, row.deleted))
        if entry is None or entry[0] != row.count:
            return True
        return now - stamp >= entry[1] * _GROWTH + _FIRST_AGAIN


def _time(row: HintRow) -> datetime:
    assert isinstance(row.stamp, datetime)
    return row.stamp
