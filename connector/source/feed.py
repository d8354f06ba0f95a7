"""What the steps of one source share: its reader, its place in the state, and how a finding is published."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector.runtime.clock import Clock
from connector.runtime.telemetry import Count, Metrics, Tracer
from connector.source.causes import Cause
from connector.source.difference import Difference
from connector.source.examining import Examined, Examiner, Subject
from connector.source.hint_settings import followed
from connector.source.identity import standing
from connector.source.mapping import RowMapping
from connector.source.publisher import MOST_RECORDS, Batch, Publisher
from connector.source.reading import Source
from connector.source.rowkeys import restamp
from connector.source.settings import SourceSettings
from connector.source.state import State
from connector.source.unscanned import Unscanned
from schemas.records import Alert, AlertState, Checkpoint, CohortChanged, HintCursor, Notification

ROLE = "connector"


_NAMES_AGAIN_S = 600.0
"""Rows that disagree on a cohort's name are not asked about it more often."""


@dataclass
class FollowUps:
    """Cohorts whose members should be read because of what a comparison saw."""

    names: deque[str] = field(default_factory=deque)
    returned: deque[str] = field(default_factory=deque)
    _asked: dict[str, float] = field(default_factory=dict)

    def add(self, outcome: Difference, now: float) -> None:
        """Take note; ``now`` is a monotonic clock."""
        self.returned.extend(sorted(outcome.returned))
        for cohort in sorted(outcome.renames):
            if now - self._asked.get(cohort, -_NAMES_AGAIN_S) >= _NAMES_AGAIN_S:
                self._asked[cohort] = now
                self.names.append(cohort)


@dataclass(frozen=True, slots=True)
class Live:
    """The poll that found changes; each of them then begins a trace."""

    since: datetime
    """Our clock."""
    told: Mapping[str, str]
    """By which hint, and why its watermark was safe."""


class ClockFellBack(Exception):
    """The database's clock is far behind: another copy, until a person says otherwise."""


class Feed:
    """One source at work. Lives as long as this process is the elected one."""

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        fingerprint: str,
        source: Source,
        state: State,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
        tracer: Tracer,
    ) -> None:
        self.name, self.settings, self.fingerprint = name, settings, fingerprint
        self.source, self.state, self.publisher = source, state, publisher
        self.clock, self.metrics, self.tracer = clock, metrics, tracer
        self.mapping = RowMapping.of(settings)
        self.examiner = Examiner(name, source, self.mapping, state, clock, metrics)
        self.unscanned = Unscanned(followed(settings.hints))
        stored = state.checkpoint(name)
        fresh = Checkpoint(name, loaded=False, hints=(), fingerprint=fingerprint)
        self.checkpoint = fresh if stored is None or not stored.fingerprint else standing(stored, settings)
        self.follow_ups = FollowUps()
        if self.checkpoint.loaded:
            self.follow_ups.returned.extend(self._owed())
        self.hinted_since_snapshot: set[str] | None = None
        self.hinted_cohorts: set[str] = set()
        """Cohorts that hints have named since the first load began: who has a row there, in the rows of the load, may have
        lost it since, and nothing but these rows tells who that is.
        """
        self._read_clock: tuple[datetime, float] | None = None
        self._committed_at = clock.monotonic()

    def _owed(self) -> list[str]:
        """Cohorts whose members an earlier process may not have read since they are back.

        A later record of the cohort, for its new name or by another source, hides why the one before was written; to
        read members once more does no harm. A new cohort's members were never left unread.
        """
        since = self.state.cohorts_since(self.checkpoint.followed_revision)
        return [record.cohort for record in since if record.cause != Cause.NEW_COHORT]

    # --- time -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The database's clock, asked now.

        Raises:
            ClockFellBack: it is far behind what the checkpoint says.
        """
        now = self.source.clock()
        last = self.checkpoint.database_time
        if last is not None and now < last - self.settings.clock_tolerance:
            raise ClockFellBack
        self._read_clock = (now, self.clock.monotonic())
        return now

    def guessed_now(self) -> datetime | None:
        """About what the database's clock says, without asking; None before it was asked. Decides nothing."""
        if self._read_clock is None:
            return None
        read, when = self._read_clock
        return read + timedelta(seconds=self.clock.monotonic() - when)

    # --- the checkpoint ---------------------------------------------------------------------------------------------

    def cursor(self, hint: str) -> HintCursor:
        """Where a hint stands."""
        return next((found for found in self.checkpoint.hints if found.hint == hint), HintCursor(hint))

    def moved(self, cursor: HintCursor, now: datetime) -> Checkpoint:
        """The checkpoint in which a hint has come further. It holds once it is published."""
        last = self.checkpoint.database_time
        moved = replace(self.placed(cursor), database_time=now if last is None else max(now, last))
        return self.unscanned.marked(moved)

    def placed(self, cursor: HintCursor) -> Checkpoint:
        """The checkpoint in which a hint stands there. It holds once it is published."""
        others = (found for found in self.checkpoint.hints if found.hint != cursor.hint)
        return replace(self.checkpoint, hints=tuple(sorted((*others, cursor), key=lambda found: found.hint)))

    def save(self, checkpoint: Checkpoint, interval: float = 0.0) -> None:
        """Take over a checkpoint from which nothing unpublished follows; write it, if none was written for
        ``interval`` seconds.
        """
        if self.clock.monotonic() - self._committed_at >= interval:
            self.publish(Batch(checkpoint=checkpoint))
        else:
            self.checkpoint = checkpoint

    # --- the state ----------------------------------------------------------------------------------------------------

    def members_of(self, cohort: str) -> Iterator[str]:
        """All members of a cohort that the source supports, in order of their keys; read page by page."""
        after = ""
        while page := self.state.members(self.name, cohort, after):
            yield from page
            after = page[-1]

    # --- publishing -------------------------------------------------------------------------------------------------

    def examine(
        self,
        subjects: Mapping[str, Subject],
        at: datetime,
        cause: Cause,
        *,
        names: Collection[str] = (),
        live: Live | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Examined:
        """Read the truth of one portion of students, publish what differs, and note what should be looked at next."""
        found = self.examiner.examine(
            subjects, at, self.fingerprint, cause, concludes=self.checkpoint.loaded, names=names
        )
        if self.hinted_since_snapshot is not None:
            self.hinted_since_snapshot.update(subjects)
        self.publish_examined(found, live=live, checkpoint=checkpoint)
        return found

    def publish_examined(
        self, found: Examined, *, live: Live | None = None, checkpoint: Checkpoint | None = None
    ) -> None:
        """Publish what a comparison found."""
        outcome = found.difference
        self.metrics.count(
            Count.SUSPECTS_DECIDED, outcome.counts.get("cleared", 0), source=self.name, outcome="returned"
        )
        live_since = live.since if live is not None else None
        batch = Batch(outcome.changes, outcome.suspects, found.values, checkpoint, live_since=live_since)
        self.publish(batch, live.told if live is not None else None, beside=self._witnesses(found))
        if found.restamped:
            with self.state.writing():
                restamp(self.state.store, found.restamped)
        self.follow_ups.add(outcome, self.clock.monotonic())

    def publish(self, batch: Batch, told: Mapping[str, str] | None = None, *, beside: Collection[str] = ()) -> None:
        """Publish; a checkpoint in the batch holds from then on. ``told`` goes into the trace of live changes;
        ``beside`` are students on whom it rests although nothing of their own changes.
        """
        if self.unscanned.wanted:
            batch = self._marked(batch, beside)
        if batch.live_since is None or not batch.changes:
            self.publisher.publish(batch)
        else:
            attributes: dict[str, str | int] = {"source": self.name, "changes": len(batch.changes), **(told or {})}
            with self.tracer.span("poll", root=True, attributes=attributes):
                self.publisher.publish(batch)
        if batch.checkpoint is not None:
            self.checkpoint = batch.checkpoint
            self._committed_at = self.clock.monotonic()

    def _marked(self, batch: Batch, beside: Collection[str]) -> Batch:
        """With what scans have to look at again in the checkpoint, at the latest when it is published."""
        before = self.state.suspicions.of([entry.student for entry in batch.suspects]) if batch.suspects else []
        own = [entry for entry in before if entry.source == self.name]
        self.unscanned.note(batch.changes, [*own, *batch.suspects], beside)
        standing = self.unscanned.marked(self.checkpoint)
        after = self.unscanned.marked(batch.checkpoint) if batch.checkpoint is not None else None
        if after is None and standing == self.checkpoint:
            return batch
        if len(batch.changes) + len(batch.suspects) + len(batch.values) <= MOST_RECORDS:
            return replace(batch, checkpoint=after or standing)
        # It takes several transactions, and its checkpoint goes with the last one.
        if standing != self.checkpoint:
            self.publish(Batch(checkpoint=standing))
        return replace(batch, checkpoint=after)

    def _witnesses(self, found: Examined) -> set[str]:
        """Students with rows in cohorts whose own record changes."""
        cohorts = {change.cohort for change in found.difference.changes if isinstance(change, CohortChanged)}
        if not cohorts or not self.unscanned.wanted:
            return set()
        return {student for student, wanted in found.desired.items() if not cohorts.isdisjoint(wanted.mentioned)}

    def notify(
        self, signal_id: str, phase: str, counts: Mapping[str, int] | None = None, reason: str | None = None
    ) -> Notification:
        """What became of a signal; the publisher fills in the revision."""
        return Notification(signal_id, self.name, phase, 0, self.clock.now(), dict(counts or {}), reason)

    def alert(
        self, key: str, code: str, parameters: Mapping[str, str], *, raised: bool, restate: bool = True
    ) -> Sequence[Alert]:
        """The alert to write so that it stands as said; none if it does already. Without ``restate`` other parameters
        are not worth another one.
        """
        full = f"{ROLE}/{self.name}/{key}"
        standing = self.state.alerts().get(full)
        if raised and not restate and standing is not None and standing[0] == code:
            return ()
        code = code or (standing[0] if standing is not None else "")
        if standing == ((code, dict(parameters)) if raised else None) or (standing is None and not raised):
            return ()
        state = AlertState.RAISED if raised else AlertState.CLEARED
        self.metrics.count(Count.ALERTS, code=code, state=state.value)
        return (Alert(full, state, code, ROLE, self.clock.now(), dict(parameters)),)
