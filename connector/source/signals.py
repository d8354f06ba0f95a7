"""What the connector does when it is asked: look, snapshot, release, accept, retire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from connector.runtime.messages import Message, OracleMessage, message
from connector.source.causes import Cause
from connector.source.confirming import SecondLook
from connector.source.difference import Observation, withdrawal
from connector.source.examining import subjects_of
from connector.source.feed import Feed
from connector.source.identity import Found
from connector.source.publisher import Batch, Publisher
from connector.source.snapshotting import SNAPSHOT, Snapshots
from connector.source.state import State
from connector.source.suspects import released_by
from schemas.records import Checkpoint, Signal, SnapshotProgress, Suspects

_GOOD_FOR = timedelta(hours=24)
_PERISHABLE = frozenset({"accept", "release", "retire"})
"""Kinds that let memberships end, on what a person knew when they asked."""


class Asked(Protocol):
    """A source at work, as far as signals concern it."""

    feed: Feed
    snapshots: Snapshots
    second_look: SecondLook
    problem: Message | None
    strange: Found | None

    def accept(self, signal_id: str) -> None:
        """Go on with what the source is now, and have a snapshot taken."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say about a signal; ``phase`` None leaves the saying to the snapshot that it began."""

    phase: str | None
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None


def stale(signal: Signal, now: datetime) -> Message | None:
    """Why a signal is too old to be obeyed; None if it is not. To look once more is right at any age."""
    if signal.kind not in _PERISHABLE or now - signal.issued_at <= _GOOD_FOR:
        return None
    hours = int(_GOOD_FOR.total_seconds() // 3600)
    return message(OracleMessage.SIGNAL_STALE, kind=signal.kind, issued=signal.issued_at.isoformat(), hours=hours)


def answer(signal: Signal, worker: Asked) -> Answer:
    """Carry out a signal for one source. May raise what its reads raise; then it is tried again."""
    if old := stale(signal, worker.feed.clock.now()):
        return _refused(old)
    if worker.strange is not None and signal.kind != "accept":
        return _refused(worker.problem)
    match signal.kind:
        case "look":
            return _look(signal, worker)
        case "snapshot":
            return _snapshot(signal, worker)
        case "release":
            return _release(signal, worker)
        case "accept":
            return _accept(signal, worker)
        case kind:
            return Answer("refused", reason=f"this release does not know signals of kind {kind}")


def retire(source: str, state: State, publisher: Publisher, at: datetime) -> int:
    """Take away a source's support of everything, student by student; how many memberships it supported."""
    seen = Observation(source, at, fingerprint="")
    count, after = 0, ""
    while page := state.supporters(source, after):
        known = state.known(page)
        changes = [
            withdrawal(held, student, cohort, Cause.RETIRED, seen)
            for student in page
            for cohort, held in sorted(known.memberships[student].items())
            if source in held.sources
        ]
        publisher.publish(Batch(changes))
        count += len(changes)
        after = page[-1]
    settled = [Suspects(source, student, ()) for student in state.suspicions.students(source)]
    # Without a fingerprint: should the settings name it again one day, it begins with a first load.
    retired = Checkpoint(source, loaded=False, hints=(), fingerprint="")
    publisher.publish(Batch(suspects=settled, checkpoint=retired))
    return count


def _look(signal: Signal, worker: Asked) -> Answer:
    feed = worker.feed
    students = set(signal.students)
    for cohort in signal.cohorts:
        students.update(feed.members_of(cohort))
    counts: Counter[str] = Counter(students=len(students))
    for portion in feed.examiner.portions(subjects_of(sorted(students))):
        found = feed.examine(portion, feed.now(), Cause.LOOK)
        counts["published"] += len(found.difference.changes)
        counts["suspected"] += found.difference.counts.get("suspected", 0)
    return Answer("finished", dict(counts))


def _snapshot(signal: Signal, worker: Asked) -> Answer:
    """Begin one. One that is under way has read rows that are older than the signal, so it begins anew for this one's
    sake; what it finds is what it was for: after an acceptance, nothing that polling has missed.
    """
    before = worker.feed.checkpoint.snapshot
    worker.snapshots.drop()
    _displaced(before, signal, worker)  # first, or a crash in between would leave those who wait without a word
    worker.snapshots.begin(SNAPSHOT if before is None else before.kind, signal.id)
    return Answer(None)


def _displaced(before: SnapshotProgress | None, signal: Signal, worker: Asked) -> None:
    """Tell who waits for an earlier snapshot that another one is taken in its place."""
    if before is not None and before.signal_id != signal.id:
        said = worker.feed.notify(before.signal_id, "refused", reason=f"signal {signal.id} begins it anew, as its own")
        worker.feed.publish(Batch(notifications=[replace(said, instead=signal.id)]))


def _release(signal: Signal, worker: Asked) -> Answer:
    """Read each case of the list once more, and confirm what is still missing."""
    feed = worker.feed
    cases = released_by(signal.hash or "", feed.state.suspicions.waiting(feed.name))
    if cases is None:
        return _refused(message(OracleMessage.RELEASE_REFUSED, source=feed.name, hash=signal.hash))
    confirmed = 0
    rest = sorted(cases)
    while rest:
        piece, rest = rest[:100], rest[100:]
        confirmed += len(worker.second_look.look_at(piece, feed.now(), released=piece).confirmed)
    return Answer("finished", {"released": len(cases), "published": confirmed})


def _accept(signal: Signal, worker: Asked) -> Answer:
    wanted = worker.feed.checkpoint.snapshot
    if worker.strange is None and wanted is not None and wanted.signal_id == signal.id:
        return Answer(None)  # an earlier process accepted it, and ended before it could note the signal as answered
    if worker.strange is None or signal.hash != worker.strange.mark:
        return _refused(message(OracleMessage.ACCEPT_REFUSED, source=worker.feed.name, hash=signal.hash))
    worker.accept(signal.id)
    _displaced(wanted, signal, worker)
    return Answer(None)


def _refused(why: Message | None) -> Answer:
    return Answer("refused", reason=None if why is None else str(why))
