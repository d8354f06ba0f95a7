"""Words of the page that a reconciliation writes: CS9xxx. They have codes since every text that is translated has one.

A word without a placeholder that is also a name in the records (a kind of difference, a status, a cause) is written as
that name is, with blanks for underscores: so it is found by the name.
"""

from __future__ import annotations

from connector.runtime.messages.catalogue import Entry


class ReportWord(Entry):
    """Words of the page about a reconciliation; no messages."""

    TITLE = "CS9001", "Reconciliation of {sink}, {at}", ""
    COUNTED = "CS9002", "{count} {name}", ""
    CLEAN = "CS9003", "clean", ""
    REPAIRED = "CS9004", "repaired", ""
    NEEDS_ATTENTION = "CS9005", "needs attention", ""

    COVERED = "CS9010", "Covered", ""
    EVERYTHING = "CS9011", "everything", ""
    ONE_SOURCE = "CS9012", "source {name}", ""
    ONE_COHORT = "CS9013", "cohort {name}", ""
    SOME_STUDENTS = "CS9014", "{count} students", ""
    TOOK = "CS9015", "Took", ""
    SOURCE = "CS9016", "Source", ""
    NOT_ASKED = "CS9017", "not asked", ""
    COMPARED = "CS9018", "Compared", ""
    AGREED = "CS9019", "{cohorts} cohorts, of these {vanished} vanished and kept; {agreed} memberships agree", ""
    WAITING = "CS9020", "Waiting", ""
    NOTHING = "CS9021", "nothing", ""
    ASKED_FOR = "CS9022", "Asked for", ""
    RECHECKS = "CS9023", "{count} rechecks", ""
    ONLY_COMPARED = "CS9024", "nothing: it was a comparison only", ""
    NOT_IN_LEDGER = "CS9025", "Not in the ledger", ""

    DIFFERENCES = "CS9030", "Differences", ""
    NONE = "CS9031", "None.", ""
    KINDS = "CS9032", "docs/how-to/reconcile.md tells what to do about each kind.", ""
    KIND = "CS9033", "kind", ""
    FOUND = "CS9034", "found", ""
    LEFT = "CS9035", "left", ""

    LAST_RUNS = "CS9040", "Over the last runs", ""
    LEGEND = "CS9041", "The outline is what a run found, the filled part what it left.", ""
    NO_RUN = "CS9042", "The journal tells of no run of everything yet.", ""
    CHART = "CS9043", "Differences over the last runs", ""
    CHART_TOLD = "CS9044", "{runs} runs; at most {most} differences. The table below has the same numbers.", ""
    BAR = "CS9045", "{at}: {found} found, {left} left, {verdict}", ""
    LATEST_FIRST = "CS9046", "The latest first.", ""
    FINISHED = "CS9047", "finished", ""
    VERDICT = "CS9048", "verdict", ""
    BY_KIND = "CS9049", "by kind", ""
    MISSED_BY_POLLING = "CS9050", "missed by polling", ""

    COHORTS = "CS9060", "Cohorts with differences", ""
    AS_LEFT = "CS9061", "As they were left.", ""
    COHORT = "CS9062", "cohort", ""
    OF_COHORT = "CS9063", "differences", ""
    MORE = "CS9064", "And {count} more; the answer in JSON has all of them.", ""

    # Kinds of differences
    MISSING = "CS9100", "missing", ""
    EXTRA = "CS9101", "extra", ""
    FOREIGN = "CS9102", "foreign", ""
    COHORT_DELETED = "CS9103", "cohort deleted", ""
    COHORT_DOUBLED = "CS9104", "cohort doubled", ""
    COHORT_RENAMED = "CS9105", "cohort renamed", ""
    COHORT_MOVED = "CS9106", "cohort moved", ""
    COHORT_FORBIDDEN = "CS9107", "cohort forbidden", ""
    USER_DELETED = "CS9108", "user deleted", ""
    USER_MERGED = "CS9109", "user merged", ""
    ACCOUNT_CHANGED = "CS9110", "account changed", ""
    ACCOUNT_FOUND = "CS9111", "account found", ""

    # What waits
    UNKNOWN = "CS9120", "unknown", ""
    SETTLED = "CS9121", "settled", ""
    PENDING = "CS9122", "pending", ""
    DUE = "CS9123", "due", ""
    PARKED = "CS9124", "parked", ""
    HELD = "CS9125", "held", ""
    QUARANTINED = "CS9126", "quarantined", ""
    MOVING = "CS9127", "moving", ""
    UNREAD = "CS9128", "unread", ""
    REMOVAL_DISCARDED = "CS9129", "removal discarded", ""
    IN_VANISHED_COHORTS = "CS9130", "in vanished cohorts", ""

    # What the connector counts; its differences are named as those of a cohort
    ROWS = "CS9140", "rows", ""
    PUBLISHED = "CS9141", "published", ""
    SUSPECTED = "CS9142", "suspected", ""
    UNMAPPABLE = "CS9143", "unmappable", ""
    STUDENTS = "CS9144", "students", ""
    RELEASED = "CS9145", "released", ""
    MISSED = "CS9146", "missed ({cause})", ""

    # How polling missed it
    SNAPSHOT = "CS9160", "snapshot", ""
    LATE_COMMIT = "CS9161", "late commit", ""
    NULL_CURSOR = "CS9162", "null cursor", ""
    CURSOR_BACKWARDS = "CS9163", "cursor backwards", ""
    UNTOUCHED_CURSOR = "CS9164", "untouched cursor", ""
    UNWATCHED = "CS9165", "unwatched", ""
    ROW_INACTIVE = "CS9166", "row inactive", ""
    ROW_MOVED = "CS9167", "row moved", ""
    DELETED = "CS9168", "deleted", ""
    JOURNAL_DELETE = "CS9169", "journal delete", ""
    LEFT_VIEW = "CS9170", "left view", ""
    KEY_CHANGED = "CS9171", "key changed", ""
