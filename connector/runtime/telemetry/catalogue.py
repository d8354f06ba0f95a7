"""Every metric: kind, unit, labels, and what it tells an operator.

A new metric is one entry here; then ``python -m connector.commands.reference`` renews its documentation. Label values
come from closed lists or from the settings (source, hint, function, cause …), never from people's data.
"""

from __future__ import annotations

from enum import Enum

SECONDS = "s"
COUNT = "1"
ROWS = "{row}"
UNIX_TIME = "s"

_FAST = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_FRESH = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Metric(Enum):
    """Base of the tables: ``NAME = name, unit, labels, meaning``."""

    def __init__(self, metric: str, unit: str, labels: str, meaning: str, boundaries: tuple[float, ...] = ()) -> None:
        self.metric = "cohortstream." + metric
        self.unit = unit
        self.labels = frozenset(labels.split())
        self.meaning = meaning
        self.boundaries = boundaries


class Count(Metric):
    """Counters: they only grow; look at their rate."""

    PUBLISHED = (
        "published",
        COUNT,
        "source op cause",
        "Memberships published, by what was said (present, absent) and why.",
    )
    POLLS = "polls", COUNT, "source hint outcome", "Hint queries run; outcome is ok, unavailable or refused."
    HINTS = "hints", COUNT, "source hint", "Students and cohorts that hints asked to look at."
    SOURCE_ROWS = "source.rows", ROWS, "source query", "Rows read, by kind of query (hint, truth, cohort, snapshot)."
    SOURCE_TIME = (
        "source.time",
        SECONDS,
        "source",
        "Time spent inside the database. Its rate is the share that polling takes of one session.",
    )
    UNMAPPABLE = (
        "unmappable",
        ROWS,
        "source",
        "Rows read from which no cohort or student key can be made; nothing is removed for their students.",
    )
    WATERMARKS = (
        "watermarks",
        COUNT,
        "source hint safety",
        "Polls by how safe their low-watermark was: proved or assumed.",
    )
    GIVEN_UP = (
        "hints.abandoned",
        COUNT,
        "source hint",
        "Ranges behind the cursor that are waited for no longer; what was in them is left to the next snapshot.",
    )
    SUSPECTS_DECIDED = (
        "suspects.decided",
        COUNT,
        "source outcome",
        "Suspected absences that a later statement decided: confirmed, returned or vanished.",
    )
    SNAPSHOT_DIFFERENCES = (
        "snapshot.differences",
        COUNT,
        "source cause",
        "Changes that polling had missed and a snapshot found: the measured miss rate.",
    )
    SNAPSHOT_RESTARTS = (
        "snapshot.restarts",
        COUNT,
        "source",
        "Passes of snapshots and first loads that failed; each begins anew after a pause.",
    )
    TRANSACTIONS = "kafka.transactions", COUNT, "role outcome", "Kafka transactions, committed or aborted."
    MOODLE_CALLS = (
        "moodle.calls",
        COUNT,
        "sink function outcome",
        "Web service calls, by their class of outcome (ok, retry, park, bisect, halt, unknown).",
    )
    APPLIED = "applied", ROWS, "sink op", "Memberships that Moodle acknowledged, added or removed."
    COHORTS_CREATED = "cohorts.created", COUNT, "sink", "Cohorts made in Moodle."
    RECHECKS = "rechecks", COUNT, "sink outcome", "Memberships compared with Moodle again: agreed or repaired."
    DEAD_LETTERS = "deadletters", COUNT, "sink stage", "Records set aside for good, by the stage that failed."
    PARKED_TOTAL = "parked.events", COUNT, "sink reason", "Memberships that began to wait, by what they wait for."
    RECONCILED = "reconciled", COUNT, "sink outcome", "Reconciliation runs: complete or failed."
    DISCREPANCIES_FOUND = (
        "discrepancies.found",
        COUNT,
        "sink kind",
        "Differences between the ends that a reconciliation found.",
    )
    ALERTS = "alerts", COUNT, "code state", "Alerts raised and cleared."
    ALERTS_SENT = (
        "alerts.sent",
        COUNT,
        "recipient outcome",
        "Messages about alerts to each recipient of the settings: sent or failed.",
    )


class Gauge(Metric):
    """Gauges: how it stands now."""

    LAG = "lag", COUNT, "sink partition", "Records of the topic that the consumer has not worked off."
    PARKED = "parked", COUNT, "sink reason", "Memberships that wait: for an account, a category, a colliding cohort."
    HELD = "held", COUNT, "sink", "Removals that wait for a person."
    DUE = "due", COUNT, "sink", "Removals that wait for their time."
    QUARANTINED = "quarantined", COUNT, "sink", "Memberships whose last call had an unknown outcome."
    UNSETTLED = "unsettled", COUNT, "sink", "Memberships that are not settled: pending, due, held, parked, quarantined."
    PARTITIONS = "partitions", COUNT, "sink", "Partitions that this consumer owns."
    DIRECTORY_USERS = "directory.users", COUNT, "sink", "Moodle accounts that the directory knows by their student key."
    DIRECTORY_REFRESHED = "directory.refreshed", UNIX_TIME, "sink", "When the directory was last read whole, Unix time."
    MEMBERSHIPS = "state.memberships", COUNT, "source", "Memberships that this source supports."
    SUSPECTS = "suspects", COUNT, "source", "Absences seen once that wait for the statement that decides."
    VANISHED = "cohorts.vanished", COUNT, "source", "Cohorts without rows in the source, whose members stay."
    COLLIDING = (
        "cohorts.colliding",
        COUNT,
        "source",
        "Cohorts whose idnumber Moodle's database may hold equal to an earlier one.",
    )
    WATERMARK_AGE = "watermark.age", SECONDS, "source hint", "How far the low-watermark is behind the database's clock."
    OPEN_RANGES = (
        "hints.ranges",
        COUNT,
        "source hint",
        "Ranges behind the cursor that are still to be read: open transactions, missing numbers of a sequence.",
    )
    LAST_POLL = (
        "poll.succeeded",
        UNIX_TIME,
        "source hint",
        "When a hint query last succeeded, Unix time; its age is time() minus this.",
    )
    SNAPSHOT_ROWS = "snapshot.rows", ROWS, "source", "Rows that the running snapshot has read; 0 when none runs."
    SNAPSHOT_FINISHED = "snapshot.finished", UNIX_TIME, "source", "When a snapshot last finished, Unix time."
    ACTIVE = "active", COUNT, "role", "1 in the process that works, 0 in one that stands by."
    READY = "ready", COUNT, "part", "1 while this part of the process is ready, 0 while it is not."
    DISCREPANCIES = "discrepancies", COUNT, "sink kind", "Differences that the last reconciliation left open."
    LAST_RECONCILED = "reconcile.finished", UNIX_TIME, "sink", "When a reconciliation last finished, Unix time."


class Histogram(Metric):
    """Distributions: look at their quantiles."""

    FRESHNESS = (
        "freshness",
        SECONDS,
        "sink op",
        "From the row's change, by the database's clock, to Moodle's acknowledgement. Live changes only.",
        _FRESH,
    )
    POLL_DURATION = (
        "poll.duration",
        SECONDS,
        "source hint",
        "One hint query and what follows from it, up to its transaction's commit.",
        _FAST,
    )
    TRUTH_DURATION = "truth.duration", SECONDS, "source", "One truth statement.", _FAST
    TRANSACTION_DURATION = (
        "kafka.transaction.duration",
        SECONDS,
        "role",
        "One Kafka transaction, begin to commit.",
        _FAST,
    )
    MOODLE_CALL_DURATION = (
        "moodle.call.duration",
        SECONDS,
        "sink function",
        "One web service call, with its retries.",
        _FAST,
    )
    MOODLE_CALL_ROWS = "moodle.call.rows", ROWS, "sink function", "Rows in one call that changes memberships.", _SIZES
