"""Why an entry of the ledger stands where it stands. The values are part of the ledger's contract: never renamed."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Reasons by status; an entry that is settled or plainly pending has none."""

    # parked: a membership
    NO_ACCOUNT = "student_without_account"
    AMBIGUOUS = "student_ambiguous"
    ROW_REFUSED = "row_refused"
    # parked: a cohort, and with it its memberships
    COHORT_UNANNOUNCED = "cohort_unannounced"
    COLLIDING = "cohort_colliding"
    CATEGORY_MISSING = "category_missing"
    COHORT_REFUSED = "cohort_refused"
    COHORT_FORBIDDEN = "cohort_forbidden"
    COHORT_DOUBLED = "cohort_doubled"
    COHORT_GONE = "cohort_gone"
    COHORT_VANISHED = "cohort_vanished"
    # due
    SETTLING = "removal_settling"
    RELEASED = "removal_released"
    # held
    REMOVAL_LIMIT = "removal_limit"
    SIBLINGS = "siblings_not_shown"
    # quarantined: a call's outcome is not known, or its intent stands open
    ADD_UNKNOWN = "addition_unknown"
    REMOVAL_UNKNOWN = "removal_unknown"
    CREATION_UNKNOWN = "creation_unknown"
    UNREAD = "moodle_unread"
    # settled, with something to say
    OTHER_KEY = "kept_for_another_key"
    DISCARDED = "removal_discarded"


COHORT_REASONS = frozenset(
    {
        Reason.COHORT_UNANNOUNCED,
        Reason.COLLIDING,
        Reason.CATEGORY_MISSING,
        Reason.COHORT_REFUSED,
        Reason.COHORT_FORBIDDEN,
        Reason.COHORT_DOUBLED,
        Reason.COHORT_GONE,
        Reason.COHORT_VANISHED,
    }
)
"""Reasons that a membership takes from its cohort, and is released from with it."""

RETRIED = frozenset(
    {
        Reason.CATEGORY_MISSING,
        Reason.COHORT_REFUSED,
        Reason.COHORT_FORBIDDEN,
        Reason.COHORT_DOUBLED,
        Reason.COHORT_GONE,
    }
)
"""Reasons to park a cohort that a person mends in Moodle, so that it is tried again from time to time."""
