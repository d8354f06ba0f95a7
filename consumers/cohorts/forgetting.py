"""The release of a cohort that vanished long ago: the connector's tombstones, and what the ledger makes of them.

A tombstone counts only for a cohort that the ledger has as vanished. Then everything about it is forgotten at once, within
the transaction that moves the marker past it, and Moodle is not asked, let alone changed. What stays is one small entry: up
to which revision records of the cohort are no news, so that reading the topic once more brings nothing back.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from consumers.cohorts import transitions
from consumers.cohorts.desk import Desk
from schemas.records import CohortEntry, CohortState, JournalEntry, LedgerEntry, Presence


class Tombstone(Enum):
    """What one is about."""

    RELEASE = auto()
    """Something that has vanished: forget it."""
    NOTHING = auto()
    """Something that the ledger does not know."""
    UNUSABLE = auto()
    """Something that is still there. Nobody of ours writes that."""


def judge(cohort: CohortEntry | None, entry: LedgerEntry | None) -> Tombstone:
    """``entry``: the membership, where the tombstone is about one and the ledger knows it."""
    if cohort is not None and cohort.state is CohortState.VANISHED:
        return Tombstone.RELEASE
    untold = cohort is None or not cohort.revision  # the latter in a partition that is begun anew
    known = entry is not None and entry.desired_revision > 0
    return Tombstone.NOTHING if untold and not known else Tombstone.UNUSABLE


class Forgetting:
    """Follows tombstones."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take(self, cohort: str, student: str | None, now: datetime) -> bool:
        """Follow one; false: it is unusable. What came before it in its partition must have been taken in."""
        ledger = self._desk.ledger
        place = ledger.cohort(cohort)
        entry = None if student is None else ledger.entry(cohort, student)
        verdict = judge(place, entry)
        if verdict is Tombstone.RELEASE and place is not None:
            if student is None:
                self._release(place, now)
            elif entry is not None:
                ledger.remove(entry)
        return verdict is not Tombstone.UNUSABLE

    def _release(self, cohort: CohortEntry, now: datetime) -> None:
        ledger = self._desk.ledger
        shown = forgotten = 0
        for entry in list(ledger.entries_of(cohort.cohort)):
            forgotten += 1
            shown += entry.applied is Presence.PRESENT
            ledger.remove(entry)
        told = max(cohort.revision, ledger.marker(ledger.partition_of(cohort.cohort)).highest_revision)
        ledger.put_cohort(transitions.release_cohort(cohort, told, now))
        self._note(cohort, "forgotten", now, members=str(shown), entries=str(forgotten))

    def _note(self, cohort: CohortEntry, kind: str, now: datetime, **details: str) -> None:
        self._desk.ledger.note(
            JournalEntry(
                at=now,
                kind=kind,
                run=self._desk.run,
                cohort=cohort.cohort,
                cohort_id=cohort.moodle_id,
                revision=cohort.revision,
                details=details,
            )
        )
