"""The records of all topics, as values. Field by field the same as ``avro/*.avsc``, where each field is documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Presence(StrEnum):
    """Whether a membership exists. ``UNKNOWN`` also stands for a symbol of a later release."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    ABSENT = "absent"


class CohortState(StrEnum):
    """Whether the source still has rows of a cohort; a vanished one keeps its members."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    VANISHED = "vanished"


class EntryStatus(StrEnum):
    """Where a ledger entry stands between what is desired and what Moodle shows."""

    UNKNOWN = "unknown"
    SETTLED = "settled"
    PENDING = "pending"
    DUE = "due"
    PARKED = "parked"
    HELD = "held"
    QUARANTINED = "quarantined"


class AlertState(StrEnum):
    """Whether an alert stands."""

    UNKNOWN = "unknown"
    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class SupportingRow:
    """A row of a source that supports a membership, where the source's settings name a row key."""

    source: str
    row: str
    stamp: int | None = None


@dataclass(frozen=True, slots=True)
class MembershipChanged:
    """Whether a student belongs to a cohort, and why."""

    cohort: str
    student: str
    state: Presence
    sources: tuple[str, ...]
    cause: str
    revision: int
    source: str
    observed_at: datetime
    fingerprint: str
    position: str | None = None
    changed_at: datetime | None = None
    siblings: tuple[str, ...] = ()
    rows: tuple[SupportingRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CohortChanged:
    """A cohort as the source has it."""

    cohort: str
    name: str
    state: CohortState
    first_seen: datetime
    last_seen: datetime
    revision: int
    cause: str
    source: str
    fingerprint: str
    category: str | None = None
    colliding_with: str | None = None


@dataclass(frozen=True, slots=True)
class OpenRange:
    """A range behind the cursor that must be read again."""

    kind: str
    low: str
    opened_at: datetime
    high: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class HintCursor:
    """Position of one hint query."""

    hint: str
    cursor: str | None = None
    open_ranges: tuple[OpenRange, ...] = ()
    safety: str | None = None
    reason: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotProgress:
    """A running snapshot."""

    signal_id: str
    kind: str
    started_at: datetime
    rows: int
    differences: int
    missed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatabaseIdentity:
    """Which database was read."""

    name: str
    unique_name: str
    role: str
    incarnation: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one source has been read."""

    source: str
    loaded: bool
    hints: tuple[HintCursor, ...]
    fingerprint: str
    snapshot: SnapshotProgress | None = None
    last_snapshot_at: datetime | None = None
    last_signal: str | None = None
    database: DatabaseIdentity | None = None
    database_time: datetime | None = None
    signals_offset: int | None = None
    followed_revision: int = 0
    signals_topic: str | None = None
    last_snapshot: Mapping[str, int] = field(default_factory=dict)
    last_snapshot_settled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """One membership that a truth read missed."""

    cohort: str
    first_missed_at: datetime
    cause: str
    confirmed_at: datetime | None = None
    siblings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspects:
    """All missed memberships of one student that wait for a second look."""

    source: str
    student: str
    missing: tuple[Suspect, ...]


@dataclass(frozen=True, slots=True)
class StudentValues:
    """Under which values of the student column a source has a student, where these are not the key itself."""

    source: str
    student: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublisherState:
    """State of the one publisher."""

    next_revision: int
    partitions: int
    memberships: int
    cohorts: int
    signals_offset: int | None = None
    signals_topic: str | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A request to the connector to look again."""

    id: str
    kind: str
    author: str
    issued_at: datetime
    source: str | None = None
    students: tuple[str, ...] = ()
    cohorts: tuple[str, ...] = ()
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """What became of a signal."""

    signal_id: str
    source: str
    phase: str
    revision: int
    at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is desired of a membership and what Moodle was brought to."""

    cohort: str
    student: str
    desired: Presence
    desired_revision: int
    applied: Presence
    applied_revision: int
    owned: bool
    status: EntryStatus
    since: datetime
    user_id: int | None = None
    reason: str = ""
    due_at: datetime | None = None
    siblings: tuple[str, ...] = ()
    changed_at: datetime | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class CohortEntry:
    """A cohort as the consumer knows it."""

    cohort: str
    name: str
    state: CohortState
    revision: int
    status: EntryStatus
    since: datetime
    category: str | None = None
    colliding_with: str | None = None
    moodle_id: int | None = None
    reason: str = ""
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class SiteAccount:
    """An account by which a site is known again."""

    user_id: int
    username: str
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteIdentity:
    """Which Moodle a ledger speaks of."""

    url: str
    user_id: int | None = None
    username: str | None = None
    accounts: tuple[SiteAccount, ...] = ()
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PartitionMarker:
    """How far the consumer has worked in one partition; rules over the group's offset."""

    partition: int
    topic_id: str
    next_offset: int
    highest_revision: int
    commands_offset: int
    fingerprint: str
    at: datetime
    site: SiteIdentity | None = None
    clean: bool = False
    rewriting: str | None = None
    read_until: int = 0
    set_aside_below: int = 0


@dataclass(frozen=True, slots=True)
class Adoption:
    """Nothing is written to this Moodle while it stands."""

    why: str
    since: datetime
    cohorts: int = 0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing the consumer decided or did."""

    at: datetime
    kind: str
    run: str
    cohort: str
    student: str | None = None
    action: str | None = None
    cohort_id: int | None = None
    user_id: int | None = None
    revision: int = 0
    plan: str | None = None
    answer: str | None = None
    reason: str | None = None
    author: str | None = None
    trace_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """A request to the consumer; never a desired state."""

    id: str
    kind: str
    cohort: str
    author: str
    issued_at: datetime
    expires_at: datetime
    student: str | None = None
    revision: int | None = None
    hash: str | None = None
    foreign: str | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be applied, with its original bytes."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    stage: str
    reason: str
    at: datetime
    headers: Mapping[str, bytes] = field(default_factory=dict)
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertShare:
    """What one partition adds to the numbers of an alert that several consumers raise together."""

    partition: int
    counts: Mapping[str, int] = field(default_factory=dict)
    """By the placeholder of the message."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know or do."""

    key: str
    state: AlertState
    code: str
    role: str
    at: datetime
    parameters: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[AlertShare, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertTold:
    """What a recipient was last told of an alert."""

    recipient: str
    key: str
    state: AlertState
    code: str
    role: str
    since: datetime
    told_at: datetime
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchemaPublished:
    """A schema that records were written with."""

    fingerprint: str
    name: str
    definition: str


Record = (
    MembershipChanged
    | CohortChanged
    | Checkpoint
    | Suspects
    | StudentValues
    | PublisherState
    | Signal
    | Notification
    | LedgerEntry
    | CohortEntry
    | PartitionMarker
    | Adoption
    | JournalEntry
    | Command
    | DeadLetter
    | Alert
    | AlertTold
    | SchemaPublished
)
"""Any record of any topic."""
