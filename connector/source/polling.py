"""Following one hint query: what to read, what of it needs a look, and when the cursor may move.

A *round* is one answer of the query. Its students are examined portion by portion, a portion a step, so that a rush of
hints does not keep signals, other sources and suspects waiting. The cursor moves when the last portion is published.
While a long round is worked off, quick ones are put in between, so that what changes meanwhile need not wait for its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from connector.runtime.telemetry import Count, Gauge, Histogram, Log
from connector.source.causes import Cause
from connector.source.examining import Subject
from connector.source.expanding import Expansion
from connector.source.feed import Feed, Live
from connector.source.hint_settings import HintSettings
from connector.source.hints import HintRow, Sight
from connector.source.hints.due import DueFollower
from connector.source.hints.following import Answer, Follower
from connector.source.hints.scan import ScanFollower
from connector.source.hints.sequence import SequenceFollower
from connector.source.hints.timestamp import TimestampFollower
from connector.source.hints.watermark import Bounds, parse
from connector.source.hints.zones import TimeColumn
from connector.source.identity import hint_fingerprint
from schemas.records import Checkpoint, HintCursor

_log = Log("source")
_FULL_EVERY_S = 2.0
"""Between two reads that move the cursor, at least; a late commit is found within this time if reads are cheap."""
_FULL_SHARE = 20.0
"""A full read that takes long is repeated more rarely: after so many times its duration."""
_FULL_AT_LEAST_EVERY_S = 10.0
"""However long it took: a late commit must not wait for minutes because a rush of hints was worked off in between."""
_SAVE_EVERY_S = 10.0
"""A cursor that moves while nothing happens is written this often; after a crash a little more is read again."""
_BETWEEN_S = 5.0
"""A round that takes longer is interrupted by a quick one."""
_BETWEEN_PORTIONS = 4
"""At least so many portions of the long round are examined between two quick ones, so that it ends."""
_SKEW_KEPT_S = 3600.0
"""A stamp that was ahead of the clock speaks against a proof for this long."""


@dataclass
class _Round:
    """One answer of the hint query, being worked off."""

    began: datetime
    """Our clock, for traces."""
    began_monotonic: float
    sight: Sight
    answer: Answer
    expansion: Expansion
    portions: deque[dict[str, Subject]] = field(default_factory=deque)

    @cached_property
    def rows(self) -> frozenset[HintRow]:
        """What is being worked off; a read in between need not bring it again."""
        return frozenset(self.answer.rows)

    @property
    def done(self) -> bool:
        """Whether everybody was examined."""
        return not self.portions and self.expansion.exhausted


class Hint:
    """One hint query of a feed."""

    def __init__(self, feed: Feed, name: str, settings: HintSettings) -> None:
        self.name, self._feed, self._settings = name, feed, settings
        self._fingerprint = hint_fingerprint(settings, feed.settings.timezone)
        self._follower: Follower | None = None
        self._rounds: list[_Round] = []
        """At most a long one, and a quick one that was put in between."""
        self._portions = 0
        self._last_poll: float | None = None
        self._last_full: float | None = None
        self._next_full = 0.0
        self._skew_s, self._skewed_at = 0.0, 0.0

    def wait(self) -> float:
        """Seconds until a step is due; 0 in the middle of a round."""
        if self._rounds or self._last_poll is None:
            return 0.0
        due = self._last_poll + self._settings.pause.total_seconds()
        return max(0.0, due - self._feed.clock.monotonic())

    @property
    def caught_up(self) -> bool:
        """Whether a full read was worked off since this process began, and nothing is under way."""
        return not self._rounds and self._next_full > 0.0

    def step(self) -> None:
        """Ask the hint query, or examine the next portion of its last answer. An interrupted step can be repeated."""
        if not self._rounds or self._interrupts():
            self._ask()
        current = self._rounds[-1]
        if not current.portions:
            self._expand(current)
        if current.portions:
            self._examine(current)
        if current.done:
            self._finish(current)

    def drop(self) -> None:
        """Forget what is being worked off: the next step asks again."""
        self._rounds.clear()

    def _interrupts(self) -> bool:
        """Whether a quick round is put in between. Other kinds than times have no quick reads that bring little."""
        if len(self._rounds) > 1 or self._portions < _BETWEEN_PORTIONS or self._last_poll is None:
            return False
        waited = self._feed.clock.monotonic() - self._last_poll
        return waited >= _BETWEEN_S and isinstance(self._follower, TimestampFollower)

    def begin(self) -> HintCursor:
        """Where polling starts if all rows are read from now on. Raises what a read raises."""
        self.drop()
        self._last_full = None
        return self._marked(self._following().begin(self._feed.source, self._look(full=True)))

    def _marked(self, cursor: HintCursor) -> HintCursor:
        """With what the hint watches: should that change, the cursor says nothing any more."""
        return replace(cursor, fingerprint=self._fingerprint)

    def _following(self) -> Follower:
        """The follower for this kind of hint. A journal is followed by what its column is."""
        if self._follower is None:
            self._follower = self._choose()
        return self._follower

    def _choose(self) -> Follower:
        feed, settings, name = self._feed, self._settings, self.name
        if settings.kind == "scan":
            return ScanFollower(name, settings, _Census(feed, name, by_cohort=settings.by_cohort))
        column = feed.source.cursor_column(name)
        if settings.kind == "due":
            return DueFollower(name, settings.overlap, settings.offset)
        if isinstance(column, TimeColumn):
            tolerance = feed.settings.clock_tolerance
            return TimestampFollower(name, Bounds(settings.overlap, settings.slack, tolerance))
        return SequenceFollower(name, settings)

    def _look(self, *, full: bool) -> Sight:
        """What is to be known before the rows are read. The order matters: the clock, then what is open, then the rows."""
        feed = self._feed
        now, at = feed.now(), feed.clock.monotonic()
        if not full:
            return Sight(now)
        if at - self._skewed_at > _SKEW_KEPT_S:
            self._skew_s = 0.0
        elapsed = None if self._last_full is None else at - self._last_full
        against = feed.source.against_proof(self.name)
        return Sight(now, feed.source.open_transactions(), against, self._skew_s, elapsed)

    def _ask(self) -> None:
        feed, clock = self._feed, self._feed.clock
        began, began_monotonic = clock.now(), clock.monotonic()
        self._last_poll, self._portions = began_monotonic, 0
        follower = self._following()
        sight = self._look(full=not self._rounds and began_monotonic >= self._next_full)
        waited = clock.monotonic() - began_monotonic
        answer = follower.ask(feed.source, feed.cursor(self.name), sight)
        if self._rounds:
            answer = replace(answer, rows=[row for row in answer.rows if row not in self._rounds[0].rows])
        if answer.ahead_s - waited > self._skew_s:
            self._skew_s, self._skewed_at = answer.ahead_s - waited, began_monotonic
        feed.metrics.count(Count.SOURCE_ROWS, answer.read, source=feed.name, query="hint")
        feed.metrics.count(Count.POLLS, source=feed.name, hint=self.name, outcome="ok")
        if answer.cursor is not None:
            cursor = self._marked(answer.cursor)
            answer, safety = replace(answer, cursor=cursor), cursor.safety or ""
            feed.metrics.count(Count.WATERMARKS, source=feed.name, hint=self.name, safety=safety)
        expansion = Expansion(feed, answer, by_cohort=self._settings.by_cohort)
        self._rounds.append(_Round(began, began_monotonic, sight, answer, expansion))

    def _expand(self, current: _Round) -> None:
        subjects = current.expansion.take()
        self._feed.metrics.count(Count.HINTS, len(subjects), source=self._feed.name, hint=self.name)
        current.portions.extend(self._feed.examiner.portions(subjects))

    def _examine(self, current: _Round) -> None:
        feed = self._feed
        # Not the clock of the round: what is missed now, perhaps after a failure and an hour of attempts, must not look
        # as if it had been missed then. It would be confirmed without waiting for absence_settle.
        at = feed.now()
        last = len(current.portions) == 1 and current.expansion.exhausted
        checkpoint = self._moved(current) if last else None
        cursor = current.answer.cursor
        safety = f"{cursor.safety}: {cursor.reason}" if cursor is not None else "quick read, no cursor moved"
        live = Live(current.began, {"hint": self.name, "watermark": safety})
        feed.examine(current.portions[0], at, Cause.ENROLLED, live=live, checkpoint=checkpoint)
        current.portions.popleft()
        self._portions += 1

    def _moved(self, current: _Round) -> Checkpoint | None:
        """The checkpoint that holds once the whole round is published; None if it is the old one."""
        cursor = current.answer.cursor
        return None if cursor is None else self._feed.moved(cursor, current.sight.now)

    def _finish(self, current: _Round) -> None:
        feed, elapsed = self._feed, self._feed.clock.monotonic() - current.began_monotonic
        checkpoint, cursor = self._moved(current), current.answer.cursor
        if checkpoint is not None and checkpoint != feed.checkpoint:
            feed.save(checkpoint, _SAVE_EVERY_S)
        self._following().settled(current.answer)
        if current.answer.given_up:
            feed.metrics.count(Count.GIVEN_UP, current.answer.given_up, source=feed.name, hint=self.name)
            _log.warning("hint.ranges_given_up", source=feed.name, hint=self.name, count=current.answer.given_up)
        if current.sight.transactions is not None:
            self._last_full = current.began_monotonic
            pause = min(_FULL_AT_LEAST_EVERY_S, max(_FULL_EVERY_S, elapsed * _FULL_SHARE))
            self._next_full = current.began_monotonic + pause
        if cursor is not None:
            self._measure(cursor, current.sight)
        feed.metrics.gauge(Gauge.LAST_POLL, feed.clock.now().timestamp(), source=feed.name, hint=self.name)
        feed.metrics.observe(Histogram.POLL_DURATION, elapsed, source=feed.name, hint=self.name)
        self._rounds.remove(current)

    def _measure(self, cursor: HintCursor, sight: Sight) -> None:
        feed = self._feed
        if isinstance(self._follower, TimestampFollower | DueFollower):
            stood = [at for at in (parse(cursor.cursor), *(parse(open_.low) for open_ in cursor.open_ranges)) if at]
            age = (sight.now - min(stood, default=sight.now)).total_seconds()
            feed.metrics.gauge(Gauge.WATERMARK_AGE, age, source=feed.name, hint=self.name)
        feed.metrics.gauge(Gauge.OPEN_RANGES, len(cursor.open_ranges), source=feed.name, hint=self.name)


class _Census:
    """The students or cohorts of a source by key, for a scan."""

    def __init__(self, feed: Feed, hint: str, *, by_cohort: bool) -> None:
        self._feed, self._hint, self._by_cohort = feed, hint, by_cohort

    @property
    def loaded(self) -> bool:
        """Whether the first load is complete."""
        return self._feed.checkpoint.loaded

    def noted(self) -> set[str]:
        """The keys of which anything was published since the last call."""
        return self._feed.unscanned.take(self._hint)

    def key_of(self, subject: str | tuple[object, ...]) -> str | None:
        """The key that a subject makes; None if it makes none."""
        mapping = self._feed.mapping
        if isinstance(subject, str):
            return mapping.student_of(subject)
        return mapping.idnumber_of(dict(zip(mapping.idnumber.columns, subject, strict=True)))

    def known(self) -> Iterator[str]:
        """Every key that the state has."""
        state, source = self._feed.state, self._feed.name
        list_ = state.supported_cohorts if self._by_cohort else state.supporters
        after = ""
        while page := list_(source, after):
            yield from page
            after = page[-1]
