"""Why a record was written, or a hint was taken: one closed list for records, metrics and documentation."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """The cause of a record; ``docs/reference/causes.md`` explains each to operators."""

    FIRST_LOAD = "first_load"
    ENROLLED = "enrolled"
    LOOK = "look"
    SNAPSHOT = "snapshot"
    ROWS = "rows"
    ROW_INACTIVE = "row_inactive"
    ROW_MOVED = "row_moved"
    DELETED = "deleted"
    RELEASED = "released"
    RETIRED = "retired"
    NEW_COHORT = "new_cohort"
    RENAMED = "renamed"
    VANISHED = "vanished"
    RETURNED = "returned"


ABSENCES = frozenset({Cause.DELETED})
"""Causes of removals that rest on absence and count against the source's limit. A released removal does not: a person
has seen it."""
