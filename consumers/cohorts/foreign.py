"""The policy for members whom no record names, carried out where a whole cohort was read. See ``strangers``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime

from consumers.cohorts.desk import Desk
from consumers.cohorts.strangers import CAUSE, find_strangers, let_stay, stranger
from schemas.records import CohortState, EntryStatus, JournalEntry

_ASKED_AHEAD = 2000
"""Students to be asked for beyond whom no further cohort's are named."""


def look_for_strangers(desk: Desk, cohort: str, members: AbstractSet[int]) -> bool:
    """Write down who has to go, if the policy is that they go and the source has the cohort. False: accounts have to be
    asked for first; they will be, so look again.
    """
    settings, known = desk.settings, desk.ledger.cohort(cohort)
    if settings.foreign == "keep" or known is None or known.state is not CohortState.PRESENT:
        return True
    if settings.mode == "shadow":
        return True  # nobody asks for accounts, and nobody could go
    now = desk.clock.now()
    found = find_strangers(desk.ledger.entries_of(cohort), members, desk.roll)
    if found.unasked:
        if len(desk.unhurried) < _ASKED_AHEAD:
            # One cohort after the other, so that the answers about one are still known when its last one comes.
            desk.unhurried |= dict.fromkeys(sorted(found.unasked))
        return False
    if not found.certain:
        if found.users:
            _report(desk, cohort, len(found.users), found.unplaced, now)
        return True
    for user_id in sorted(found.users):
        entry = stranger(cohort, user_id, now, settings.removal_settle)
        desk.ledger.put(entry)
        desk.note(entry, "foreign", now, action="remove")
    return True


def let_strangers_stay(desk: Desk, partition: int, now: datetime) -> None:
    """The policy may have been another one before: nobody goes for it who has not gone yet."""
    if desk.settings.foreign == "remove":
        return
    store = desk.ledger.store(partition)
    for status in (EntryStatus.DUE, EntryStatus.HELD):
        for entry in store.of_cause(status, CAUSE):
            desk.ledger.put(let_stay(entry, now))


def _report(desk: Desk, cohort: str, users: int, unplaced: int, now: datetime) -> None:
    desk.ledger.note(
        JournalEntry(
            at=now,
            kind="foreign",
            run=desk.run,
            cohort=cohort,
            answer="kept",
            details={"members": str(users), "students_without_account": str(unplaced)},
        )
    )
