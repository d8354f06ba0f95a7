"""Which removals are looked at now: those whose time has come, in cohorts that are free, page by page.

Those that cannot go for their siblings or their cohort are looked at ever less often, and do not stand before the others.
None goes while the topic may have something newer to say of it: when the consumer comes back after a while, or holds the
topic back since too much waits, the word that takes a removal back may lie there unread.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from consumers.cohorts.desk import Desk
from schemas.records import LedgerEntry

Key = tuple[str, str]
_AT_ONCE = 500
"""Removals of a partition looked at in one go."""
_EVERY = timedelta(milliseconds=500)
"""How often due removals are looked for."""
_PATIENCE = (timedelta(seconds=2), timedelta(seconds=60))
"""How soon a removal that cannot go, for its siblings or its cohort, is looked at again: at first, and at most."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """Of a removal that was looked at and could not go."""

    until: datetime
    """When it is looked at again."""
    pause: timedelta
    """How long after the last look that is."""
    looked_at: datetime
    in_vain: timedelta = timedelta()
    """How long Moodle was looked at for its siblings."""


class DueRemovals:
    """Chooses them from the stores of our partitions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.blocked_until: dict[int, datetime] = {}
        """Partitions in which nobody is removed yet, since a call of their former consumer may still arrive."""
        self._later: dict[Key, _Wait] = {}
        self._next_look: datetime | None = None
        self._behind: dict[int, LedgerEntry] = {}
        """By partition: up to which entry of those that are due none can go, so that the next ones have their turn."""

    def forget(self, partitions: AbstractSet[int]) -> None:
        """Partitions are about to be ours no longer."""
        for partition in partitions:
            self.blocked_until.pop(partition, None)
            self._behind.pop(partition, None)
        of = self._desk.ledger.partition_of
        self._later = {key: wait for key, wait in self._later.items() if of(key[0]) not in partitions}

    def choose(self, now: datetime) -> list[LedgerEntry]:
        """Removals whose time has come, in cohorts that are free; not all at once."""
        if self._next_look is not None and now < self._next_look:
            return []
        found: list[LedgerEntry] = []
        for partition in sorted(self._desk.ledger.owned & self._desk.at_end):
            found += self._page(partition, now)
        if not found and not self._behind:
            self._next_look = now + _EVERY
        cohorts = dict.fromkeys(entry.cohort for entry in found)
        chosen = set(islice(cohorts, self._desk.settings.recheck_cohorts))
        return [entry for entry in found if entry.cohort in chosen]

    def put_off(self, key: Key, now: datetime, *, for_siblings: bool = False) -> None:
        """This one cannot go now: look at it again after a while, which doubles each time."""
        last = self._later.get(key)
        pause = _PATIENCE[0] if last is None else min(last.pause * 2, _PATIENCE[1])
        in_vain = timedelta() if last is None else last.in_vain + (last.pause if for_siblings else timedelta())
        self._later[key] = _Wait(now + pause, pause, now, in_vain)

    def since_asked(self, entry: LedgerEntry, now: datetime) -> LedgerEntry:
        """The entry, due since its siblings are looked for. Time in which nobody could look does not count: while Moodle
        is away, is only read, or no consumer runs, they cannot come.
        """
        wait = self._later.get((entry.cohort, entry.student))
        if wait is None:
            return replace(entry, due_at=now)
        return replace(entry, due_at=now - wait.in_vain - min(wait.pause, now - wait.looked_at))

    def decided(self, keys: Iterable[Key]) -> None:
        """These wait no longer, so the next wait begins anew."""
        for key in keys:
            self._later.pop(key, None)

    def _page(self, partition: int, now: datetime) -> list[LedgerEntry]:
        """Those of the partition's next page that may go. The page stays until there is none."""
        page = list(self._desk.ledger.store(partition).due(now, _AT_ONCE, self._behind.get(partition)))
        found = [entry for entry in page if self._may(entry, now)]
        if not found:
            self._behind.pop(partition, None)
            if len(page) == _AT_ONCE:
                self._behind[partition] = page[-1]
        return found

    def _may(self, entry: LedgerEntry, now: datetime) -> bool:
        blocked = self.blocked_until.get(self._desk.ledger.partition_of(entry.cohort))
        if self._desk.busy(entry.cohort) or (blocked is not None and now < blocked):
            return False
        later = self._later.get((entry.cohort, entry.student))
        return later is None or now >= later.until
