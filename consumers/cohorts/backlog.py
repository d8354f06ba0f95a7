"""What waits to be added, in the order in which cohorts began to wait. In memory; the ledger is what lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, LedgerEntry, Presence


class Backlog:
    """Memberships that a call should add, by cohort. A cohort that waits longer comes first."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, None]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def note(self, entry: LedgerEntry) -> None:
        """An entry was written: it waits now, or no longer."""
        if is_addable(entry):
            students = self._waiting.setdefault(entry.cohort, {})
            self._size += entry.student not in students
            students[entry.student] = None
            return
        students = self._waiting.get(entry.cohort, {})
        if entry.student in students:
            del students[entry.student]
            self._size -= 1
            if not students:
                del self._waiting[entry.cohort]

    def forget(self, lost: Callable[[str], bool]) -> None:
        """Drop the cohorts that are no longer ours."""
        for cohort in [cohort for cohort in self._waiting if lost(cohort)]:
            self._size -= len(self._waiting.pop(cohort))

    def cohorts(self) -> Iterator[str]:
        """Cohorts in the order of waiting; a snapshot."""
        return iter(list(self._waiting))

    def students(self, cohort: str) -> list[str]:
        """Who waits for this cohort, in the order of waiting."""
        return list(self._waiting.get(cohort, ()))


def is_addable(entry: LedgerEntry) -> bool:
    """Whether an addition may be sent: it is wanted and not there; or one was sent and not answered, and may be repeated."""
    if entry.desired is not Presence.PRESENT or entry.applied is Presence.PRESENT:
        return False
    if entry.status is EntryStatus.QUARANTINED:
        return entry.reason == Reason.ADD_UNKNOWN
    return entry.status is EntryStatus.PENDING
