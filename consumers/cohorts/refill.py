"""What stood in the ledger before it was looked at: brought into the backlog a page at a time.

A partition that is taken over, or a sink that leaves its shadow, may have a million memberships that wait. The backlog
holds what is worked off next; the rest stays in the stores until there is room.
"""

from __future__ import annotations

from collections.abc import Collection

from consumers.cohorts.backlog import Backlog
from consumers.cohorts.ledger import Ledger
from schemas.records import EntryStatus

_PAGE = 1000
"""Entries read in one turn: some milliseconds."""


class Refill:
    """Goes through the pending entries of each partition once. What is written meanwhile is noted where it is written."""

    def __init__(self, ledger: Ledger, backlog: Backlog, most: int) -> None:
        """``most``: entries that may wait in the backlog before the topic is held back; the refill stays below half."""
        self._ledger, self._backlog, self._room = ledger, backlog, most // 2
        self._cursors: dict[int, tuple[str, str]] = {}

    @property
    def waiting(self) -> bool:
        """Whether something may be left."""
        return bool(self._cursors)

    def begin(self, partition: int) -> None:
        """The partition's entries are to be worked off from now on."""
        for entry in self._ledger.store(partition).with_status(EntryStatus.QUARANTINED):
            self._backlog.note(entry)  # they are no more than calls could carry
        self._cursors[partition] = ("", "")

    def forget(self, partitions: Collection[int]) -> None:
        """Partitions are about to be ours no longer."""
        for partition in partitions:
            self._cursors.pop(partition, None)

    def turn(self) -> None:
        """Fill up, if there is room; the partitions take turns."""
        room = self._room - len(self._backlog)
        if room <= 0 or not self._cursors:
            return
        partition = next(iter(self._cursors))
        after = self._cursors.pop(partition)
        page = self._ledger.store(partition).pending(after, min(room, _PAGE))
        for entry in page:
            self._backlog.note(entry)
        if page:
            self._cursors[partition] = (page[-1].cohort, page[-1].student)
