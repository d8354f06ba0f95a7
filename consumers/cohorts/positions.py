"""How far a topic was read, and how far of it is worked off. Pure.

What is read is remembered by the ledger at once. But a record or a command that only asks to *look* (a recheck) leaves
nothing in the ledger until it was looked at: its place is held, and nothing at or behind it is committed as worked off.
So whoever takes over after a crash reads it again.
"""

from __future__ import annotations


class Reading:
    """One partition of one topic."""

    def __init__(self, start: int) -> None:
        self._next = start
        self._holds: set[Hold] = set()
        self._lowest: int | None = None
        """Of the holds; None when there is none."""

    @property
    def next(self) -> int:
        """Where reading goes on."""
        return self._next

    @property
    def settled(self) -> int:
        """Everything below is worked off."""
        return self._next if self._lowest is None else min(self._next, self._lowest)

    def read_to(self, offset: int) -> None:
        """The next record to come has this offset, or a higher one."""
        self._next = offset

    def hold(self, offset: int) -> Hold:
        """The record at this offset asks for work; it is worked off when the hold is released."""
        hold = Hold(self, offset)
        self._holds.add(hold)
        self._lowest = offset if self._lowest is None else min(self._lowest, offset)
        return hold

    def _released(self, hold: Hold) -> None:
        self._holds.discard(hold)
        if hold.offset == self._lowest:
            self._lowest = min((other.offset for other in self._holds), default=None)


class Hold:
    """A place that is not worked off yet."""

    def __init__(self, reading: Reading, offset: int) -> None:
        self.reading, self.offset = reading, offset

    def release(self) -> None:
        """It is worked off; what that changed is in the ledger by now, to be committed with the position."""
        self.reading._released(self)  # noqa: SLF001 - two halves of one thing

    def merge(self, other: Hold) -> Hold:
        """One hold for the work that both ask for, if they are of one topic: the lower one; the other is released."""
        kept, spare = (self, other) if self.offset <= other.offset else (other, self)
        spare.release()
        return kept
