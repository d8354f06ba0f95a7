"""Reading everything: the first load, and the snapshot that measures what polling missed.

One pass in one read-only transaction, student by student, compared with the state in bounded memory while polling goes
on between the chunks. The rows are older than the live state, so a snapshot's differences are only hints: a truth read
made afterwards decides each. The first load alone publishes additions from its own rows, for students who were not
hinted since it began. A pass that is cut off starts again; what it had published is there already, and costs nothing.
Nothing is concluded from what a pass did not bring before it has come to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connector.runtime.errors import Halted
from connector.runtime.messages import OracleMessage, message
from connector.runtime.telemetry import Count, Gauge
from connector.source.absences import Absences, stamps_of
from connector.source.agreement import Agreement
from connector.source.causes import ABSENCES, Cause
from connector.source.chunking import Disorder, chunks
from connector.source.difference import Observation
from connector.source.examining import Examined, Subject, subjects_of
from connector.source.feed import Feed
from connector.source.mapping import Row
from connector.source.marks import SnapshotMarks
from connector.source.missed import Polled, polled, settled_since
from connector.source.publisher import Batch
from connector.source.releasing import release_vanished
from connector.source.schedule import is_due
from connector.source.snapshot_alerts import missing_alert, proof_alert
from connector.source.snapshot_pass import Pass
from schemas.records import HintCursor, SnapshotProgress

FIRST_LOAD = "first_load"
SNAPSHOT = "snapshot"
ACCEPTED = "accepted"
"""After a person has accepted another database or other settings, or for new hints: what it finds, nobody has missed."""
NEW_HINTS = "new hints"
SCHEDULE = "schedule"
"""These two in place of a signal's id: a snapshot for hints that are new; one that was due by its time of the day."""
_TELL_EVERY_S = 5.0
_MOST_PUT_OFF = 5000
"""Students whose changes wait until their exact cause is known; those beyond do without."""
_LOOK_UP_AFTER_S = 30.0
"""To look through the state takes two seconds for a million rows, so it is done for many at once."""
_LOOK_SOON_S, _LOOK_EVERY_S = 0.001, 0.02
"""While the database has not brought the next rows yet: soon at first, since they mostly follow within milliseconds."""


class Snapshots:
    """The snapshots of one feed, one at a time."""

    def __init__(self, feed: Feed, marks: SnapshotMarks, starts: Callable[[], Sequence[HintCursor]]) -> None:
        """``starts`` tells where each hint has to start if all rows are read from then on."""
        self._feed, self._marks, self._starts = feed, marks, starts
        self._pass: Pass | None = None
        self._next_look = 0.0

    @property
    def running(self) -> bool:
        return self._pass is not None

    def wait(self) -> float:
        """Seconds until the next step of the running pass has something to do."""
        return max(0.0, self._next_look - self._feed.clock.monotonic())

    def scheduled(self, now: datetime) -> bool:
        """Whether a snapshot should begin because of the time of the day. ``now`` is the database's clock."""
        checkpoint, settings = self._feed.checkpoint, self._feed.settings
        if self.running or not checkpoint.loaded or checkpoint.snapshot is not None:
            return False
        return is_due(settings.snapshot_at, ZoneInfo(settings.timezone), checkpoint.last_snapshot_at, now)

    def begin(self, kind: str, signal_id: str, before: SnapshotProgress | None = None) -> None:
        """Begin a pass, or begin it anew: then ``before`` is how far it had come. Its first step reads."""
        feed = self._feed
        # Polling starts behind the load's beginning: what was stamped before and commits later is found so.
        starts = self._starts() if kind == FIRST_LOAD else ()
        now = feed.now()
        slack = max((hint.slack for hint in feed.mapping.stamped.values()), default=timedelta())
        settled = settled_since(now, feed.source.open_transactions(), slack)
        missed = before.missed if before is not None else {}
        progress = SnapshotProgress(signal_id, kind, now, 0, 0, missed)
        checkpoint = replace(feed.checkpoint, snapshot=progress, database_time=now)
        if kind == FIRST_LOAD:
            checkpoint = replace(checkpoint, hints=tuple(starts), loaded=False)
        self._marks.begin()
        feed.hinted_since_snapshot = set() if kind == FIRST_LOAD else None
        feed.hinted_cohorts.clear()
        feed.publish(Batch(checkpoint=checkpoint, notifications=[feed.notify(signal_id, "started")]))
        steps = self._first_load() if kind == FIRST_LOAD else self._compare()
        self._next_look = 0.0
        self._pass = Pass(
            steps, progress, settled, Absences(feed), feed.clock.monotonic(), missed=Counter(progress.missed)
        )

    def step(self) -> None:
        """Work off one chunk, if it has come. If it raises, the pass is over; ``resume`` begins it anew."""
        current = self._pass
        assert current is not None
        if self.wait() > 0.0:
            return
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

    def _tell(self, current: Pass) -> None:
        """Say how far it has come, every few seconds."""
        feed, now = self._feed, self._feed.clock.monotonic()
        if now - current.told >= _TELL_EVERY_S:
            current.told = now
            said = feed.notify(current.progress.signal_id, "progress", current.told_counts())
            checkpoint = replace(feed.checkpoint, snapshot=current.described())
            feed.publish(Batch(checkpoint=checkpoint, notifications=[said]))

    def drop(self) -> None:
        """Give the pass up; the checkpoint still says that it is wanted."""
        current, self._pass = self._pass, None
        if current is not None:
            current.steps.close()
            self._count_absences(current)
        self._feed.hinted_since_snapshot = None

    def resume(self) -> bool:
        """Begin anew what the checkpoint says is unfinished, or the first load; whether there was anything."""
        wanted = self._feed.checkpoint.snapshot
        if not self._feed.checkpoint.loaded:
            self.begin(FIRST_LOAD, wanted.signal_id if wanted is not None else FIRST_LOAD)
        elif wanted is not None:
            self.begin(wanted.kind, wanted.signal_id, wanted)
        else:
            return False
        return True

    def _finish(self, current: Pass) -> None:
        feed, progress = self._feed, current.progress
        self._pass = None
        feed.hinted_since_snapshot = None
        finished = replace(
            feed.checkpoint,
            snapshot=None,
            last_snapshot_at=progress.started_at,
            last_snapshot=dict(+current.missed),
            last_snapshot_settled=current.settled,
        )
        said = feed.notify(progress.signal_id, "finished", current.told_counts())
        alerts = [*missing_alert(feed, current.counts["rows"], current.counts["suspected"])]
        if progress.kind == SNAPSHOT:
            alerts += proof_alert(feed, current.missed[Cause.LATE_COMMIT])
        feed.publish(Batch(checkpoint=finished, notifications=[said], alerts=alerts))
        self._count_absences(current)
        feed.metrics.gauge(Gauge.SNAPSHOT_ROWS, 0, source=feed.name)
        feed.metrics.gauge(Gauge.SNAPSHOT_FINISHED, feed.clock.now().timestamp(), source=feed.name)

    def _count_absences(self, current: Pass) -> None:
        for cause, count in (+current.uncounted).items():
            self._feed.metrics.count(Count.SNAPSHOT_DIFFERENCES, count, source=self._feed.name, cause=cause)
        current.uncounted.clear()

    def _first_load(self) -> Generator[None, None, None]:
        """Publish additions from the rows read; then conclude the rest by truth reads."""
        feed = self._feed
        later: set[str] = set()
        for chunk, at in self._chunks():
            if not chunk:
                yield
                continue
            later |= self._add_from(chunk, at, feed.hinted_since_snapshot or set())
            yield
        later |= feed.hinted_since_snapshot or set()
        # From here on absences count: what an earlier, cut-off load had published and this one did not bring, too.
        loaded = replace(feed.checkpoint, loaded=True)
        feed.publish(Batch(checkpoint=loaded))
        for subjects in feed.examiner.portions(subjects_of(sorted(later))):
            self._examine(subjects)
            yield
        yield from self._unseen()

    def _add_from(self, rows: list[Row], at: datetime, hinted: set[str]) -> set[str]:
        """Publish what a chunk adds; students whose absences have to be looked at once the load is complete."""
        feed, current = self._feed, self._pass
        assert current is not None
        mapped = feed.mapping.map(rows)
        self._marks.mark_seen(mapped.students)
        if feed.hinted_cohorts:
            named = feed.hinted_cohorts
            hinted = hinted | {s for s, wanted in mapped.students.items() if not named.isdisjoint(wanted.mentioned)}
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
        feed = self._feed
        agreement = Agreement(feed.name, feed.mapping, feed.state)
        for chunk, at in self._chunks():
            if not chunk:
                yield
                continue
            doubt = agreement.doubt(chunk)
            self._marks.mark_seen(doubt.students)
            mapped = feed.mapping.map(doubt.rows)
            seen = Observation(feed.name, at, feed.fingerprint, Cause.SNAPSHOT)
            differing = feed.examiner.differing(mapped, seen)
            subjects = {student: Subject(values=mapped.values.get(student, frozenset())) for student in differing}
            for portion in feed.examiner.portions(subjects):
                self._examine(portion)
            yield
            yield from self._look_up(_LOOK_UP_AFTER_S)
        yield from self._unseen()
        yield from self._look_up()
        yield from self._moved()
        current = self._pass
        assert current is not None
        if current.progress.kind == SNAPSHOT:
            yield from release_vanished(feed, current)

    def _unseen(self) -> Generator[None, None, None]:
        """Students of the state of whom no row came."""
        feed, after = self._feed, ""
        while page := self._marks.unseen(after, 500):
            for subjects in feed.examiner.portions(subjects_of(page)):
                self._examine(subjects)
            after = page[-1]
            yield

    def _examine(self, subjects: dict[str, Subject]) -> None:
        """Let a truth read decide what becomes of these students, and count what polling had missed."""
        feed, current = self._feed, self._pass
        assert current is not None
        if current.progress.kind == FIRST_LOAD:
            found = feed.examine(subjects, feed.now(), Cause.FIRST_LOAD)
        elif current.progress.kind == ACCEPTED:
            found = feed.examine(subjects, feed.now(), Cause.SNAPSHOT)
        else:
            at, reached = feed.now(), self._polled()
            found = feed.examiner.examine(
                subjects, at, feed.fingerprint, Cause.ENROLLED, concludes=feed.checkpoint.loaded, polled=reached
            )
            if found.unsure and current.stamps is None and len(current.put_off) < _MOST_PUT_OFF:
                current.put_off_at = feed.clock.monotonic() if not current.put_off else current.put_off_at
                current.put_off |= {student: subjects[student] for student in found.unsure}
                current.keys.update(key for keys in found.unsure.values() for key in keys)
                if rest := {who: subject for who, subject in subjects.items() if who not in current.put_off}:
                    self._examine(rest)
                return
            found, absent = current.absences.told(found)
            missed = Counter(found.missed)
            if not reached.scanned:
                missed.update(absent)
            self._publish_missed(found, missed)
        changes, suspected = len(found.difference.changes), found.difference.counts.get("suspected", 0)
        current.counts["differences"] += changes + suspected
        current.counts["suspected"] += suspected
        current.counts["published"] += changes

    def _look_up(self, least_s: float = 0.0) -> Generator[None, None, None]:
        """Decide students with rows that nobody knew under their keys, but perhaps under others', if any have waited for
        as long.
        """
        feed, current = self._feed, self._pass
        assert current is not None
        if current.put_off and feed.clock.monotonic() - current.put_off_at >= least_s:
            current.stamps = yield from stamps_of(feed, current.keys)
            waiting, current.put_off, current.keys = current.put_off, {}, set()
            for subjects in feed.examiner.portions(waiting):
                self._examine(subjects)
                yield
            current.stamps = None

    def _publish_missed(self, found: Examined, missed: Counter[Cause]) -> None:
        """Publish, with the counts in the same transaction: a pass that begins anew goes on from them."""
        feed, current = self._feed, self._pass
        assert current is not None
        current.missed.update({cause.value: count for cause, count in missed.items()})
        checkpoint = replace(feed.checkpoint, snapshot=current.described()) if missed else None
        feed.publish_examined(found, checkpoint=checkpoint)
        for cause, count in missed.items():
            if cause in ABSENCES:
                current.uncounted[cause.value] += count
            else:
                feed.metrics.count(Count.SNAPSHOT_DIFFERENCES, count, source=feed.name, cause=cause.value)

    def _moved(self) -> Generator[None, None, None]:
        """Say of absences that their rows support somebody else by now, where they do."""
        feed, current = self._feed, self._pass
        assert current is not None
        entries, count = yield from current.absences.moved()
        for counts in (current.missed, current.uncounted):
            moved = min(count, counts[Cause.DELETED.value])
            counts[Cause.DELETED.value] -= moved
            counts[Cause.KEY_CHANGED.value] += moved
        if entries:
            checkpoint = replace(feed.checkpoint, snapshot=current.described())
            feed.publish(Batch(suspects=entries, checkpoint=checkpoint))

    def _polled(self) -> Polled:
        feed, current = self._feed, self._pass
        assert current is not None
        columns = {name: feed.source.cursor_column(name) for name in feed.mapping.stamped}
        reached = polled(feed.mapping, feed.settings.hints, feed.checkpoint, columns)
        return replace(reached, stamps=current.stamps or {})

    def _chunks(self) -> Iterator[tuple[list[Row], datetime]]:
        """All rows, whole students at a time, with the database's time of the pass. Empty while nothing has come.

        Raises:
            Halted: the rows are not in the order of the student column's bytes.
        """
        feed, current = self._feed, self._pass
        assert current is not None
        try:
            pause = _LOOK_SOON_S
            for chunk in chunks(self._batches(), feed.mapping.student_column):
                if not chunk:
                    self._next_look = feed.clock.monotonic() + pause
                pause = _LOOK_SOON_S if chunk else min(pause * 2, _LOOK_EVERY_S)
                yield chunk, current.progress.started_at
        except Disorder as fault:
            said = message(OracleMessage.SNAPSHOT_DISORDER, source=feed.name, row=fault.row)
            raise Halted(said) from fault

    def _batches(self) -> Iterator[list[Row]]:
        """What the source brings, counted."""
        feed, current = self._feed, self._pass
        assert current is not None
        for batch in feed.source.snapshot():
            current.counts["rows"] += len(batch)
            if batch:
                feed.metrics.count(Count.SOURCE_ROWS, len(batch), source=feed.name, query="snapshot")
                feed.metrics.gauge(Gauge.SNAPSHOT_ROWS, current.counts["rows"], source=feed.name)
            yield batch
