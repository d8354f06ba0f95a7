"""A batch of records folded to the last word per membership and per cohort.

The gate: a record with a revision greater than the ledger's is *news*, wherever it lies. Anything else (redelivered,
replayed, offsets reset by hand) changes no desired state; it asks for a *recheck* of its key, that is, the ledger's
desired state is compared with Moodle and repaired through plan and guard.

Below the marker's next offset only a record that was set aside can be news: every other one was taken in by the
transaction that moved the marker past it, so that the ledger's revision of its key is at least as great.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from schemas.records import CohortChanged, Command, MembershipChanged

Key = tuple[str, str]
"""A membership: cohort, student."""
Headers = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Received:
    """A decoded record of the memberships topic, with its place."""

    record: MembershipChanged | CohortChanged
    partition: int
    offset: int
    headers: Headers = field(default_factory=dict)


class Known(Protocol):
    """What the gate compares with."""

    def revision_of(self, cohort: str, student: str | None) -> int:
        """Revision of the last word taken in; 0 for none. ``student`` None means the cohort itself."""
        ...


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch says."""

    memberships: tuple[Received, ...] = ()
    """The last word per membership, in the order of the topic."""
    cohorts: tuple[Received, ...] = ()
    """The last word per cohort."""
    rechecks: Mapping[tuple[str, str | None], int] = field(default_factory=dict)
    """Keys to compare with Moodle, each with the offset of the first record that asks for it."""
    next_offsets: Mapping[int, int] = field(default_factory=dict)
    """Where to go on, by partition."""
    highest_revisions: Mapping[int, int] = field(default_factory=dict)
    """Highest revision seen, by partition."""
    superseded: int = 0
    """News that a later record of the same batch made old."""


def fold(batch: Iterable[Received], known: Known) -> Folded:
    """The last word per key, and the keys to recheck."""
    words: dict[tuple[str, str | None], Received] = {}
    rechecks: dict[tuple[str, str | None], int] = {}
    offsets: dict[int, int] = {}
    revisions: dict[int, int] = {}
    superseded = 0
    for received in batch:
        record, partition = received.record, received.partition
        key = (record.cohort, record.student if isinstance(record, MembershipChanged) else None)
        offsets[partition] = max(offsets.get(partition, 0), received.offset + 1)
        revisions[partition] = max(revisions.get(partition, 0), record.revision)
        earlier = words.get(key)
        revision = earlier.record.revision if earlier else known.revision_of(*key)
        if record.revision <= revision:
            rechecks.setdefault(key, received.offset)
            continue
        superseded += earlier is not None
        words[key] = received
    return Folded(
        memberships=tuple(word for (_, student), word in words.items() if student is not None),
        cohorts=tuple(word for (_, student), word in words.items() if student is None),
        rechecks={key: offset for key, offset in rechecks.items() if key not in words},
        next_offsets=offsets,
        highest_revisions=revisions,
        superseded=superseded,
    )


ADOPT = "adopt"
"""The kind of command that ends the shadow of a sink."""


ACCEPT_DIRECTORY = "accept_directory"
"""The kind of command whose hash is a number: of students that the directory may lose."""


BEGINS_ANEW = frozenset({"rebuild", "accept_site"})
"""Kinds of commands that begin a partition anew."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that is not followed, and why (a code for the journal)."""

    command: Command
    reason: str


def judge_command(command: Command, now: datetime) -> Refusal | None:
    """None when the command may be followed."""
    if command.expires_at <= now:
        return Refusal(command, "expired")
    if not command.author.strip():
        return Refusal(command, "without_author")
    if command.kind in ("recheck", "recreate"):
        return None
    if command.kind == ADOPT:
        return None if command.hash and command.foreign else Refusal(command, "incomplete")
    if command.kind == ACCEPT_DIRECTORY:
        return None if command.hash and command.hash.isdecimal() else Refusal(command, "incomplete")
    if command.kind in BEGINS_ANEW:
        return None if command.hash else Refusal(command, "incomplete")
    if command.kind in ("freeze", "approve", "discard"):
        whole = command.student is not None and command.revision is not None and command.hash
        return None if whole else Refusal(command, "incomplete")
    return Refusal(command, "unknown_kind")
