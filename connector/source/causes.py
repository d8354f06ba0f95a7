"""Why a record was written, or a hint was taken: one closed list for records, metrics and documentation."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """The cause of a record; ``docs/reference/causes.md`` explains each to operators."""

    FIRST_LOAD = "first_load"
    ENROLLED = "enrolled"
    LOOK = "look"
    SNAPSHOT = "snapshot"
    LATE_COMMIT = "late_commit"
    NULL_CURSOR = "null_cursor"
    CURSOR_BACKWARDS = "cursor_backwards"
    UNTOUCHED_CURSOR = "untouched_cursor"
    UNWATCHED = "unwatched"
    ROWS = "rows"
    ROW_INACTIVE = "row_inactive"
    ROW_MOVED = "row_moved"
    DELETED = "deleted"
    JOURNAL_DELETE = "journal_delete"
    LEFT_VIEW = "left_view"
    KEY_CHANGED = "key_changed"
    RELEASED = "released"
    RETIRED = "retired"
    NEW_COHORT = "new_cohort"
    RENAMED = "renamed"
    VANISHED = "vanished"
    RETURNED = "returned"


ABSENCES = frozenset({Cause.DELETED, Cause.JOURNAL_DELETE, Cause.LEFT_VIEW, Cause.KEY_CHANGED})
"""Causes of removals that rest on absence and count against the source's limit. A released removal does not: a person
has seen it."""

MISSES = frozenset(
    {Cause.LATE_COMMIT, Cause.NULL_CURSOR, Cause.CURSOR_BACKWARDS, Cause.UNTOUCHED_CURSOR, Cause.UNWATCHED}
)
"""In which way polling missed what a snapshot found in rows that are there."""
