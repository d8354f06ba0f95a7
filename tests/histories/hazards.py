"""What can go wrong in a source, by name: each history has some of it, and the summary counts how many had which."""

from __future__ import annotations

from enum import StrEnum

from connector.source.causes import Cause


class Hazard(StrEnum):
    """One way in which a row, a clock or a process does what a poller does not expect."""

    LATE_COMMIT = "late commit"
    HOURS_OPEN = "open for hours"
    LONG_STATEMENT = "stamped at the slack's bound"
    OVER_SLACK = "stamped before the slack"
    LOCK = "waited for a lock"
    LONG_LOCK = "waited for a lock for longer than the slack"
    ROLLBACK = "rollback"
    SAME_STAMP = "two changes in one grain"
    NULL_CURSOR = "null cursor"
    BACKWARDS = "cursor backwards"
    UNTOUCHED = "untouched cursor"
    DELETE = "delete"
    LEFT_VIEW = "left the view"
    KEY_CHANGE = "key change"
    UNMAPPABLE = "unmappable row"
    RELOAD = "reload"
    COHORT_GONE = "cohort without rows"
    RELEASED = "released cohort"
    BACK_BETWEEN = "back between two releases"
    BACK_AFTER = "back after its release"
    HALF_HIDDEN = "half the table hidden"
    IDLE_CACHE = "number from an idle cache"
    UNLIKE_SCAN = "read otherwise than scanned"
    DUE = "date passed"
    SKEW = "skewed instance"
    SET_BACK = "clock set back"
    SET_FORWARD = "clock set forward"
    AUTUMN = "autumn hour"
    SPRING = "spring gap"
    APPLICATION = "application's clock"
    RESTART = "restart"
    CRASH = "crash within a poll"
    FAILURE = "failed poll"


REASONS = {
    Hazard.LATE_COMMIT: Cause.LATE_COMMIT,
    Hazard.NULL_CURSOR: Cause.NULL_CURSOR,
    Hazard.BACKWARDS: Cause.CURSOR_BACKWARDS,
    Hazard.UNTOUCHED: Cause.UNTOUCHED_CURSOR,
    Hazard.DELETE: Cause.DELETED,
    Hazard.LEFT_VIEW: Cause.LEFT_VIEW,
    Hazard.KEY_CHANGE: Cause.KEY_CHANGED,
}
"""Under which cause a snapshot has to publish what polling missed because of a hazard."""
