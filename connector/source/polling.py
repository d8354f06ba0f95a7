"""Following one hint query: what to read, what of it needs a look, and when the cursor may move.

A *round* is one answer of the query. Its students are examined portion by portion, a portion a step, so that a rush of
hints does not keep signals, other sources and suspects waiting. The cursor moves when the last portion is published.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.runtime.telemetry import Count, Gauge, Histogram
from connector.source.causes import Cause
from connector.source.examining import Subject, subjects_of
from connector.source.feed import Feed
from connector.source.hints import HintRow, timestamp
from connector.source.hints.memory import Memory
from connector.source.hints.timestamp import Inputs, Range
from connector.source.hints.zones import TimeColumn
from connector.source.known import Stamp
from connector.source.settings import HintSettings
from schemas.records import Checkpoint, HintCursor

_FULL_EVERY_S = 2.0
"""Between two reads of the whole overlap, at least; a late commit is found within this time if reads are cheap."""
_FULL_SHARE = 20.0
"""A full read that takes long is repeated more rarely: after so many times its duration."""
_FULL_AT_LEAST_EVERY_S = 10.0
"""However long it took: a late commit must not wait for minutes because a rush of hints was worked off in between."""
_SAVE_EVERY_S = 10.0
"""A cursor that moves while nothing happens is written this often; after a crash a little more is read again."""


@dataclass
class _Round:
    """One answer of the hint query, being worked off."""

    began: datetime
    """Our clock, for traces."""
    began_monotonic: float
    now: datetime
    column: TimeColumn
    range: Range
    rows: Sequence[HintRow]
    portions: deque[dict[str, Subject]]
    fresh_clock: bool = True


class Hint:
    """One hint query of a feed."""

    def __init__(self, feed: Feed, name: str, settings: HintSettings) -> None:
        self.name, self._feed, self._settings = name, feed, settings
        self._memory = Memory()
        self._round: _Round | None = None
        self._previous: datetime | None = None
        self._last_poll: float | None = None
        self._next_full = 0.0

    def wait(self) -> float:
        """Seconds until a step is due; 0 in the middle of a round."""
        if self._round is not None or self._last_poll is None:
            return 0.0
        due = self._last_poll + self._settings.interval.total_seconds()
        return max(0.0, due - self._feed.clock.monotonic())

    @property
    def caught_up(self) -> bool:
        """Whether a full read was worked off since this process began, and nothing is under way."""
        return self._round is None and self._next_full > 0.0

    def step(self) -> None:
        """Ask the hint query, or examine the next portion of its last answer. An interrupted step can be repeated."""
        if self._round is None:
            self._ask()
        current = self._round
        assert current is not None
        if current.portions:
            self._examine(current)
        if not current.portions:
            self._finish(current)

    def drop(self) -> None:
        """Forget the answer that is being worked off: the next step asks again."""
        self._round = None

    def _ask(self) -> None:
        feed, clock = self._feed, self._feed.clock
        began, began_monotonic = clock.now(), clock.monotonic()
        self._last_poll = began_monotonic
        full = began_monotonic >= self._next_full
        # The order matters: what is open, then the clock, then the rows. A transaction that begins after the first
        # read stamps what it changes after it.
        open_ = feed.source.open_transactions() if full else None
        now = feed.now()
        oldest = None
        if open_ is not None and open_.oldest_age_s is not None:
            oldest = now - timedelta(seconds=open_.oldest_age_s)
        column = feed.source.cursor_column(self.name)
        given = Inputs(
            now=now,
            cursor=timestamp.parse(feed.cursor(self.name).cursor),
            overlap=self._settings.overlap,
            full=full,
            previous=self._previous,
            oldest_change=oldest,
            sees_transactions=open_ is not None and open_.visible,
        )
        planned = timestamp.next_range(given)
        rows = feed.source.changed(self.name, column.bound(planned.low))
        feed.metrics.count(Count.SOURCE_ROWS, len(rows), source=feed.name, query="hint")
        feed.metrics.count(Count.POLLS, source=feed.name, hint=self.name, outcome="ok")
        feed.metrics.count(Count.WATERMARKS, source=feed.name, hint=self.name, safety=planned.safety.value)
        leaving = column.bound(planned.cursor) if planned.cursor is not None else None
        todo = self._memory.unseen(rows, column.shown(now), leaving)
        subjects = self._subjects(todo, column, now)
        feed.metrics.count(Count.HINTS, len(subjects), source=feed.name, hint=self.name)
        portions = deque(feed.examiner.portions(subjects))
        self._round = _Round(began, began_monotonic, now, column, planned, todo, portions)

    def _subjects(self, rows: Sequence[HintRow], column: TimeColumn, now: datetime) -> dict[str, Subject]:
        """The students that these rows bring up, with the newest stamp of each."""
        stamps: dict[str, datetime] = {}
        values: dict[str, set[str]] = {}
        for row in sorted(rows, key=lambda row: row.stamp):
            for value, student in self._students(row):
                stamps[student] = row.stamp
                values.setdefault(student, set()).update([value] if value is not None else [])
        return {
            student: Subject(Stamp(stamp.isoformat(), column.utc(stamp, now)), frozenset(values[student]))
            for student, stamp in stamps.items()
        }

    def _students(self, row: HintRow) -> list[tuple[str | None, str]]:
        """Values of the student column with their keys. A cohort stands for its students in the source and in the
        state; a value that makes no key brings up nobody.
        """
        feed, mapping = self._feed, self._feed.mapping
        if isinstance(row.subject, str):
            student = mapping.student_of(row.subject)
            return [(row.subject, student)] if student is not None else []
        found: list[tuple[str | None, str]] = []
        for value in feed.source.students_of(row.subject):
            student = mapping.student_of(value)
            if student is not None:
                found.append((value, student))
        idnumber = mapping.idnumber_of(dict(zip(mapping.idnumber.columns, row.subject, strict=True)))
        after = ""
        while idnumber is not None and (page := feed.state.members(feed.name, idnumber, after)):
            found += [(None, student) for student in page]
            after = page[-1]
        return found

    def _examine(self, current: _Round) -> None:
        feed = self._feed
        # A later portion is read later; what it misses must not look as if it had been missed at the beginning.
        at = current.now if current.fresh_clock else feed.now()
        current.fresh_clock = False
        checkpoint = self._moved(current) if len(current.portions) == 1 else None
        feed.examine(current.portions[0], at, Cause.ENROLLED, live_since=current.began, checkpoint=checkpoint)
        current.portions.popleft()

    def _moved(self, current: _Round) -> Checkpoint | None:
        """The checkpoint that holds once the whole round is published; None for a quick read."""
        cursor = current.range.cursor
        if cursor is None:
            return None
        safety, reason = current.range.safety.value, current.range.reason
        return self._feed.moved(HintCursor(self.name, timestamp.text(cursor), (), safety, reason), current.now)

    def _finish(self, current: _Round) -> None:
        feed, elapsed = self._feed, self._feed.clock.monotonic() - current.began_monotonic
        checkpoint, cursor = self._moved(current), current.range.cursor
        if checkpoint is not None and checkpoint != feed.checkpoint:
            feed.save(checkpoint, _SAVE_EVERY_S)
        self._memory.looked_at(current.rows, current.column.shown(current.now))
        self._previous = current.now
        if cursor is not None:
            self._memory.forget_before(current.column.bound(cursor))
            self._next_full = feed.clock.monotonic() + min(
                max(_FULL_EVERY_S, elapsed * _FULL_SHARE), _FULL_AT_LEAST_EVERY_S
            )
            age = (current.now - cursor).total_seconds()
            feed.metrics.gauge(Gauge.WATERMARK_AGE, age, source=feed.name, hint=self.name)
        self._round = None
        feed.metrics.gauge(Gauge.LAST_POLL, feed.clock.now().timestamp(), source=feed.name, hint=self.name)
        feed.metrics.observe(Histogram.POLL_DURATION, elapsed, source=feed.name, hint=self.name)


def follow_up(feed: Feed) -> bool:
    """Read the members of one cohort that a comparison asked for; whether there was one.

    A cohort that is back: all its members, whose missing rows meant nothing while it had vanished. One whose rows have
    another name: some hundred members, whose agreement decides. If a read fails, the cohort waits for its next turn.
    """
    if feed.follow_ups.returned:
        cohort = feed.follow_ups.returned[0]
        after = ""
        while page := feed.state.members(feed.name, cohort, after):
            for portion in feed.examiner.portions(subjects_of(page)):
                feed.examine(portion, feed.now(), Cause.ENROLLED)
            after = page[-1]
        feed.follow_ups.returned.popleft()
        if not feed.follow_ups.returned:
            # This source's records of returns are queued as they are published, so none of them is owed any more.
            feed.save(replace(feed.checkpoint, followed_revision=feed.state.highest_revision))
        return True
    if feed.follow_ups.names:
        cohort = feed.follow_ups.names[0]
        page = feed.state.members(feed.name, cohort, limit=400)
        for portion in feed.examiner.portions(subjects_of(page)):
            feed.examine(portion, feed.now(), Cause.ENROLLED, names={cohort})
            break
        feed.follow_ups.names.popleft()
        return True
    return False
