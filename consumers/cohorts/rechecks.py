"""Comparing Moodle with the ledger: for replayed records, commands, and at the end of a quarantine.

Requests are collected for a moment, so that a replay of a whole partition costs one read per hundred cohorts and, where
Moodle is right, no write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial
from itertools import islice

from consumers.cohorts import transitions
from consumers.cohorts.calls import Reader, Shown, read_members
from consumers.cohorts.comparing import Rules, compare
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, LedgerEntry


class Rechecks:
    """Collects what is to be compared, reads, and repairs through plan and guard."""

    def __init__(self, desk: Desk, reader: Reader) -> None:
        self._desk, self._reader = desk, reader
        self._asked: dict[str, tuple[datetime, set[str] | None]] = {}

    @property
    def waiting(self) -> int:
        """Cohorts to be read."""
        return len(self._asked)

    def ask(self, cohort: str, student: str | None, now: datetime) -> None:
        """Compare one membership, or the whole cohort."""
        since, students = self._asked.get(cohort, (now, set()))
        if student is None:
            students = None
        elif students is not None:
            students.add(student)
        self._asked[cohort] = (since, students)

    def forget(self, lost: Callable[[str], bool]) -> None:
        """Drop the cohorts that are no longer ours."""
        self._asked = {cohort: asked for cohort, asked in self._asked.items() if not lost(cohort)}

    def offer(self, now: datetime) -> bool:
        """Prepare one read; whether it did."""
        until = now - self._desk.settings.recheck_window
        ripe = (cohort for cohort, (since, _) in self._asked.items() if since <= until and not self._desk.busy(cohort))
        known: dict[str, int] = {}
        asked: dict[str, set[str] | None] = {}
        for cohort in list(islice(ripe, self._desk.settings.recheck_cohorts)):
            _, asked[cohort] = self._asked.pop(cohort)
            entry = self._desk.ledger.cohort(cohort)
            if entry is not None and entry.moodle_id is not None:
                known[cohort] = entry.moodle_id
        if not known:
            return False
        self._desk.prepare(
            Prepared(
                "rechecks",
                partial(read_members, self._reader, known),
                partial(self._done, asked),
                cancel=partial(self._again, asked),
                cohorts=frozenset(known),
                needs_commit=False,
            )
        )
        return True

    def _again(self, asked: Mapping[str, set[str] | None]) -> None:
        now = self._desk.clock.now()
        for cohort, students in asked.items():
            for student in [None] if students is None else students:
                self.ask(cohort, student, now)

    def _done(self, asked: Mapping[str, set[str] | None], shown: Shown | BaseException) -> None:
        if isinstance(shown, BaseException):
            raise shown
        self._desk.heard(shown.failure)
        if shown.failure is not None:
            self._again(asked)
            return
        self._desk.gone |= shown.gone
        agreed = repaired = 0
        for cohort, members in shown.members.items():
            for entry in self._entries(cohort, asked[cohort]):
                changed = self._compare(entry, members)
                repaired += changed
                agreed += not changed
        self._desk.witness.rechecked(agreed, repaired)

    def _entries(self, cohort: str, students: set[str] | None) -> Sequence[LedgerEntry]:
        if students is None:
            return list(self._desk.ledger.entries_of(cohort))
        return list(self._desk.entries((cohort, student) for student in sorted(students)))

    def _compare(self, entry: LedgerEntry, members: AbstractSet[int]) -> bool:
        desk, settings = self._desk, self._desk.settings
        now = desk.clock.now()
        if entry.status is EntryStatus.PARKED and entry.reason == Reason.ROW_REFUSED:
            entry = transitions.unpark(entry, now, settings.removal_settle)
            desk.ledger.put(entry)
        told = compare(entry, members, desk.roll, Rules(now, settings.removal_settle, settings.moodle_settle))
        if told == entry:
            return False
        desk.ledger.put(told)
        desk.note(told, "recheck", now, answer=told.applied.value, reason=told.reason or None)
        return True
