"""Ledger entries as rows of the local store, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence

Row = tuple[Any, ...]
_PRESENCE = {member.value: member for member in Presence}
_STATUS = {member.value: member for member in EntryStatus}
_STATE = {member.value: member for member in CohortState}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def row_of(entry: LedgerEntry) -> Row:
    """In the order of the table's columns."""
    return (
        entry.cohort,
        entry.student,
        entry.desired,
        entry.desired_revision,
        entry.applied,
        entry.applied_revision,
        entry.owned,
        entry.status,
        to_ms(entry.since),
        entry.user_id,
        entry.reason,
        _maybe_ms(entry.due_at),
        json.dumps(entry.siblings) if entry.siblings else None,
        _maybe_ms(entry.changed_at),
        entry.cause,
    )


def row_of_cohort(entry: CohortEntry) -> Row:
    """In the order of the table's columns."""
    return (
        entry.cohort,
        entry.name,
        entry.state,
        entry.revision,
        entry.status,
        to_ms(entry.since),
        entry.category,
        entry.colliding_with,
        entry.moodle_id,
        entry.reason,
        entry.forgotten,
    )


def entry_of(row: Row) -> LedgerEntry:
    """What ``row_of`` was given."""
    cohort, student, desired, wanted, applied, done, owned, status, since, user, reason, due, siblings, changed, why = (
        row
    )
    return LedgerEntry(
        cohort=cohort,
        student=student,
        desired=_PRESENCE[desired],
        desired_revision=wanted,
        applied=_PRESENCE[applied],
        applied_revision=done,
        owned=bool(owned),
        status=_STATUS[status],
        since=_time(since),
        user_id=user,
        reason=reason,
        due_at=None if due is None else _time(due),
        siblings=tuple(json.loads(siblings)) if siblings else (),
        changed_at=None if changed is None else _time(changed),
        cause=why,
    )


def cohort_of(row: Row) -> CohortEntry:
    """What ``row_of_cohort`` was given."""
    cohort, name, state, revision, status, since, category, colliding, moodle_id, reason, forgotten = row
    return CohortEntry(
        cohort=cohort,
        name=name,
        state=_STATE[state],
        revision=revision,
        status=_STATUS[status],
        since=_time(since),
        category=category,
        colliding_with=colliding,
        moodle_id=moodle_id,
        reason=reason,
        forgotten=forgotten,
    )


def to_ms(moment: datetime) -> int:
    """Milliseconds of the epoch, as times stand in the store."""
    return (moment - _EPOCH) // _MILLISECOND


def _maybe_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
