"""Reading everything: the first load, and the snapshot that measures what polling missed.

One pass in one read-only transaction, student by student, compared with the state in bounded memory while polling goes
on between the chunks. The rows are older than the live state, so a snapshot's differences are only hints: a truth read
made afterwards decides each. The first load alone publishes additions from its own rows, for students who were not
hinted since it began. A pass that is cut off starts again; what it had published is there already, and costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from connector.runtime.errors import Halted
from connector.runtime.messages import OracleMessage, message
from connector.runtime.telemetry import Count, Gauge
from connector.source.causes import Cause
from connector.source.difference import Observation
from connector.source.examining import Subject, subjects_of
from connector.source.feed import Feed
from connector.source.mapping import Row, value_of
from connector.source.marks import SnapshotMarks
from connector.source.publisher import Batch
from schemas.records import HintCursor, SnapshotProgress

FIRST_LOAD = "first_load"
SNAPSHOT = "snapshot"
_CHUNK_ROWS = 2000
_TELL_EVERY_S = 5.0


@dataclass
class _Pass:
    """A pass under way."""

    steps: Generator[None, None, None]
    progress: SnapshotProgress
    told: float
    counts: Counter[str] = field(default_factory=Counter)


class Snapshots:
    """The snapshots of one feed, one at a time."""

    def __init__(self, feed: Feed, marks: SnapshotMarks, starts: Callable[[], Sequence[HintCursor]]) -> None:
        """``starts`` tells where each hint has to start if all rows are read from then on."""
        self._feed, self._marks, self._starts = feed, marks, starts
        self._pass: _Pass | None = None

    @property
    def running(self) -> bool:
        return self._pass is not None

    def begin(self, kind: str, signal_id: str) -> None:
        """Begin a pass, or begin it anew. Its first step reads."""
        feed = self._feed
        # Polling starts behind the load's beginning: what was stamped before and commits later is found so.
        starts = self._starts() if kind == FIRST_LOAD else ()
        now = feed.now()
        progress = SnapshotProgress(signal_id, kind, now, 0, 0)
        checkpoint = replace(feed.checkpoint, snapshot=progress, database_time=now)
        if kind == FIRST_LOAD:
            checkpoint = replace(checkpoint, hints=tuple(starts), loaded=False)
        self._marks.begin()
        feed.hinted_since_snapshot = set() if kind == FIRST_LOAD else None
        feed.publish(Batch(checkpoint=checkpoint, notifications=[feed.notify(signal_id, "started")]))
        steps = self._first_load() if kind == FIRST_LOAD else self._compare()
        self._pass = _Pass(steps, progress, feed.clock.monotonic())

    def step(self) -> None:
        """Work off one chunk. If it raises, the pass is over; ``resume`` begins it anew."""
        current = self._pass
        assert current is not None
        kind = current.progress.kind
        try:
            with self._feed.tracer.span(f"{kind} chunk", root=True, attributes={"source": self._feed.name}):
                next(current.steps)
            self._tell(current)
        except StopIteration:
            self._finish(current)
        except BaseException:
            self.drop()
            raise

    def _tell(self, current: _Pass) -> None:
        """Say how far it has come, every few seconds."""
        feed, now = self._feed, self._feed.clock.monotonic()
        if now - current.told >= _TELL_EVERY_S:
            current.told = now
            rows, differences = current.counts["rows"], current.counts["differences"]
            progress = replace(current.progress, rows=rows, differences=differences)
            said = feed.notify(progress.signal_id, "progress", dict(current.counts))
            feed.publish(Batch(checkpoint=replace(feed.checkpoint, snapshot=progress), notifications=[said]))

    def drop(self) -> None:
        """Give the pass up; the checkpoint still says that it is wanted."""
        current, self._pass = self._pass, None
        if current is not None:
            current.steps.close()
        self._feed.hinted_since_snapshot = None

    def resume(self) -> bool:
        """Begin anew what the checkpoint says is unfinished, or the first load; whether there was anything."""
        wanted = self._feed.checkpoint.snapshot
        if not self._feed.checkpoint.loaded:
            self.begin(FIRST_LOAD, wanted.signal_id if wanted is not None else FIRST_LOAD)
        elif wanted is not None:
            self.begin(wanted.kind, wanted.signal_id)
        else:
            return False
        return True

    def _finish(self, current: _Pass) -> None:
        feed, started = self._feed, current.progress.started_at
        self._pass = None
        feed.hinted_since_snapshot = None
        counts = {name: int(count) for name, count in current.counts.items()}
        feed.publish(
            Batch(
                checkpoint=replace(feed.checkpoint, snapshot=None, last_snapshot_at=started),
                notifications=[feed.notify(current.progress.signal_id, "finished", counts)],
            )
        )
        feed.metrics.gauge(Gauge.SNAPSHOT_ROWS, 0, source=feed.name)
        feed.metrics.gauge(Gauge.SNAPSHOT_FINISHED, feed.clock.now().timestamp(), source=feed.name)

    def _first_load(self) -> Generator[None, None, None]:
        """Publish additions from the rows read; then conclude the rest by truth reads."""
        feed = self._feed
        later: set[str] = set()
        for chunk, at in self._chunks():
            hinted = feed.hinted_since_snapshot or set()
            later |= self._add_from(chunk, at, hinted)
            yield
        later |= feed.hinted_since_snapshot or set()
        # From here on absences count: what an earlier, cut-off load had published and this one did not bring, too.
        loaded = replace(feed.checkpoint, loaded=True)
        feed.publish(Batch(checkpoint=loaded))
        for subjects in feed.examiner.portions(subjects_of(sorted(later))):
            self._examine(subjects, Cause.FIRST_LOAD)
            yield
        yield from self._unseen(Cause.FIRST_LOAD)

    def _add_from(self, rows: list[Row], at: datetime, hinted: set[str]) -> set[str]:
        """Publish what a chunk adds; students whose absences have to be looked at once the load is complete."""
        feed, current = self._feed, self._pass
        assert current is not None
        mapped = feed.mapping.map(rows)
        self._marks.mark_seen(mapped.students)
        fresh = {student: wanted for student, wanted in mapped.students.items() if student not in hinted}
        seen = Observation(feed.name, at, feed.fingerprint, Cause.FIRST_LOAD, concludes=False)
        found = feed.examiner.compare(fresh, mapped, seen)
        feed.publish_examined(found)
        current.counts["published"] += len(found.difference.changes)
        current.counts["unmappable"] += sum(mapped.unmappable.values())
        # A student who was hinted while nothing could be concluded is among these as well.
        return set(found.difference.missing) | (mapped.students.keys() & hinted)

    def _compare(self) -> Generator[None, None, None]:
        """Look for students whose rows differ from the state, and let a truth read decide each."""
        feed, current = self._feed, self._pass
        for chunk, at in self._chunks():
            current = self._pass
            assert current is not None
            mapped = feed.mapping.map(chunk)
            self._marks.mark_seen(mapped.students)
            seen = Observation(feed.name, at, feed.fingerprint, Cause.SNAPSHOT)
            differing: dict[str, Subject] = {}
            for student in feed.examiner.differing(mapped, seen):
                differing[student] = Subject(values=mapped.values.get(student, frozenset()))
            for subjects in feed.examiner.portions(differing):
                self._examine(subjects, Cause.SNAPSHOT)
            yield
        yield from self._unseen(Cause.SNAPSHOT)

    def _unseen(self, cause: Cause) -> Generator[None, None, None]:
        """Students of the state of whom no row came."""
        feed, after = self._feed, ""
        while page := self._marks.unseen(after, 500):
            for subjects in feed.examiner.portions(subjects_of(page)):
                self._examine(subjects, cause)
            after = page[-1]
            yield

    def _examine(self, subjects: dict[str, Subject], cause: Cause) -> None:
        feed, current = self._feed, self._pass
        assert current is not None
        found = feed.examine(subjects, feed.now(), cause)
        current.counts["differences"] += len(found.difference.changes) + found.difference.counts.get("suspected", 0)
        current.counts["published"] += len(found.difference.changes)
        if cause is Cause.SNAPSHOT:
            for change in found.difference.changes:
                feed.metrics.count(Count.SNAPSHOT_DIFFERENCES, source=feed.name, cause=change.cause)

    def _chunks(self) -> Iterator[tuple[list[Row], datetime]]:
        """All rows, whole students at a time, with the database's time of the pass.

        Raises:
            Halted: the rows are not in the order of the student column's bytes.
        """
        feed, current = self._feed, self._pass
        assert current is not None
        column, started = feed.mapping.student_column, current.progress.started_at
        chunk: list[Row] = []
        last: object = None
        for batch in feed.source.snapshot():
            for row in batch:
                raw = row[column]
                if raw != last:
                    if len(chunk) >= _CHUNK_ROWS:
                        yield chunk, started
                        chunk = []
                    if raw is not None and last is not None and not _rises(last, raw):
                        fault = message(OracleMessage.SNAPSHOT_DISORDER, source=feed.name, row=current.counts["rows"])
                        raise Halted(fault)
                    last = raw if raw is not None else last
                chunk.append(row)
                current.counts["rows"] += 1
            feed.metrics.count(Count.SOURCE_ROWS, len(batch), source=feed.name, query="snapshot")
            feed.metrics.gauge(Gauge.SNAPSHOT_ROWS, current.counts["rows"], source=feed.name)
        if chunk:
            yield chunk, started


def _rises(before: object, after: object) -> bool:
    """Whether the student column's values come in the order that was asked for, each value once."""
    if isinstance(before, int | float | Decimal) and isinstance(after, int | float | Decimal):
        return before < after
    return value_of(before).encode() < value_of(after).encode()
