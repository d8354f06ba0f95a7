"""Memberships that the topic wants and of which nobody knows whether Moodle has them: looked at, before anything is sent.

They come from a partition that was begun anew. Their accounts are asked for, their cohorts are read, and each is then found
there or waits to be added as any other. They stand in the ledger, so no crash forgets them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

from consumers.cohorts import transitions
from consumers.cohorts.calls import Reader, Shown, read_members
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.plan import Doubt
from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, LedgerEntry, Presence

Key = tuple[str, str]
_PAGE = 1000
"""Entries looked at in one go."""
_ASKED_AHEAD = 2000
"""Students to be asked for beyond whom no more are named: what comes in live has to be asked for as well, without delay."""
_REST = 0.5
"""Seconds between two walks through those that wait, if the last one brought nothing."""


class Unread:
    """Goes round the entries that nobody has read."""

    def __init__(self, desk: Desk, reader: Reader) -> None:
        self._desk, self._reader = desk, reader
        self._cursors: dict[int, Key] = {}
        self._not_before = 0.0

    @property
    def waiting(self) -> bool:
        """Whether something is left."""
        return any(store.unread(("", ""), 1) for store in self._desk.ledger.stores())

    def offer(self, now: datetime) -> bool:
        """Prepare one read; whether it did."""
        desk = self._desk
        if desk.clock.monotonic() < self._not_before:
            return False
        for number in sorted(desk.ledger.owned):
            if len(desk.unasked) >= _ASKED_AHEAD:
                return False
            store = desk.ledger.store(number)
            after = self._cursors.get(number, ("", ""))
            page = store.unread(after, _PAGE)
            if page:
                self._cursors[number] = (page[-1].cohort, page[-1].student)
            else:
                self._cursors.pop(number, None)
            if ready := self._ready(page, now):
                self._read(ready)
                return True
        if not self._cursors:
            self._not_before = desk.clock.monotonic() + _REST
        return False

    def _ready(self, page: Collection[LedgerEntry], now: datetime) -> dict[str, dict[str, int]]:
        """Those whose cohort can be read and whose account is known: the accounts, by cohort and student.

        Those that have no cohort or no single account wait for it as any other that is to be added.
        """
        desk, ready = self._desk, dict[str, dict[str, int]]()
        for entry in page:
            cohort = desk.ledger.cohort(entry.cohort)
            if cohort is None or cohort.status is EntryStatus.PARKED or _is_nowhere(cohort.status, cohort.moodle_id):
                self._go_on(entry, now)
                continue
            if cohort.moodle_id is None or desk.busy(entry.cohort):
                continue
            account = desk.roll.account_of(entry.student)
            if account is None:
                desk.unasked.add(entry.student)
            elif isinstance(account, Doubt):
                self._go_on(entry, now)
            else:
                ready.setdefault(entry.cohort, {})[entry.student] = account
        return ready

    def _go_on(self, entry: LedgerEntry, now: datetime) -> None:
        self._desk.ledger.put(transitions.unpark(entry, now, self._desk.settings.removal_settle))

    def _read(self, ready: Mapping[str, Mapping[str, int]]) -> None:
        desk = self._desk
        known = {}
        for cohort in ready:
            entry = desk.ledger.cohort(cohort)
            assert entry is not None
            assert entry.moodle_id is not None
            known[cohort] = entry.moodle_id
        desk.prepare(
            Prepared(
                "unread",
                partial(read_members, self._reader, known),
                partial(self._done, ready),
                cancel=lambda: None,
                cohorts=frozenset(known),
                needs_commit=False,
            )
        )

    def _done(self, ready: Mapping[str, Mapping[str, int]], shown: Shown | BaseException) -> None:
        if isinstance(shown, BaseException):
            raise shown
        desk, now = self._desk, self._desk.clock.now()
        desk.heard(shown.failure)
        desk.gone |= shown.gone
        agreed = repaired = 0
        for cohort in ready.keys() - shown.members.keys() - shown.gone if shown.failure is None else ():
            for entry in desk.entries((cohort, student) for student in ready[cohort]):
                self._go_on(entry, now)  # the service user may not look into it: adding will say so
        for cohort, members in shown.members.items():
            for entry in desk.entries((cohort, student) for student in ready[cohort]):
                if entry.reason != Reason.UNREAD:
                    continue
                account = ready[cohort][entry.student]
                seen = Presence.PRESENT if account in members else Presence.ABSENT
                told = transitions.shown(entry, seen, account, now, desk.settings.removal_settle)
                desk.ledger.put(told)
                desk.note(told, "recheck", now, answer=seen.value)
                agreed += told.status is EntryStatus.SETTLED
                repaired += told.status is not EntryStatus.SETTLED
        desk.witness.rechecked(agreed, repaired)


def _is_nowhere(status: EntryStatus, moodle_id: int | None) -> bool:
    """Whether Moodle does not have the cohort, and nobody is going to make it."""
    return status is EntryStatus.SETTLED and moodle_id is None
