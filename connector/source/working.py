"""One source at work: which of its steps is next, and what happens when one fails."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.kafka.errors import KafkaFault
from connector.runtime.messages import Message, OracleMessage, message
from connector.runtime.telemetry import Count, Gauge, Log
from connector.source.budget import Budget
from connector.source.confirming import SecondLook
from connector.source.feed import ClockFellBack, Feed
from connector.source.identity import Found, learned, strangeness
from connector.source.marks import SnapshotMarks
from connector.source.polling import Hint, follow_up
from connector.source.publisher import Batch
from connector.source.settings import followed
from connector.source.signals import Answer, answer
from connector.source.signals_topic import SignalsTopic
from connector.source.snapshotting import FIRST_LOAD, SCHEDULE, SNAPSHOT, Snapshots
from schemas.records import Signal, SnapshotProgress

_log = Log("source")
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_ALERT_AFTER_S = 30.0
"""An end that is away for less is not worth a person's time."""
_CHECK_EVERY_S = 60.0
_REST_S = 1.0
"""Longest time without a look at what has become due; hints come more often."""
_OUTAGE = "source"
_IDENTITY = "identity"


class Worker:
    """Works on one feed, step by step; a step is short. Kafka's faults pass through, the source's own do not."""

    def __init__(self, feed: Feed, signals: SignalsTopic) -> None:
        self.feed, self._topic = feed, signals
        self.second_look = SecondLook(feed)
        self.problem: Message | None = None
        """Why the source does not work now; None if it does."""
        self.strange: Found | None = None
        """What the source is now, while it waits to be accepted."""
        self._hints = [Hint(feed, name, hint) for name, hint in followed(feed.settings.hints).items()]
        marks = SnapshotMarks(feed.state.store, feed.name)
        self.snapshots = Snapshots(feed, marks, lambda: [hint.begin() for hint in self._hints])
        self._signals: deque[tuple[int, Signal]] = deque()
        self._budget = Budget(feed.settings.share)
        self._check_at = self._resume_at = self._stepped_at = 0.0
        self._pause = _FIRST_PAUSE_S
        self._failing_since: float | None = None

    def hand(self, offset: int, signal: Signal) -> None:
        """A signal that concerns this source."""
        if offset >= self.answered:
            self._signals.append((offset, signal))

    @property
    def answered(self) -> int:
        """Behind the last signal that was answered; 0 if none was."""
        return self._topic.answered(self.feed.checkpoint.signals_offset, self.feed.checkpoint.signals_topic)

    def wait(self) -> float:
        """Seconds until the next step is due."""
        now = self.feed.clock.monotonic()
        if now < self._resume_at:
            return self._resume_at - now
        if (self._signals and not self._deferred) or now >= self._check_at:
            return 0.0
        if self.snapshots.running:
            return self.snapshots.wait()
        if self.strange is not None:
            return self._check_at - now
        checkpoint = self.feed.checkpoint
        if not checkpoint.loaded or checkpoint.snapshot is not None:
            return 0.0
        waiting = bool(self.feed.follow_ups.names or self.feed.follow_ups.returned)
        rest = max(0.0, self._stepped_at + _REST_S - now)
        due = 0.0 if waiting else min([rest, *(hint.wait() for hint in self._hints)])
        return max(self._budget.pause(now), due)

    @property
    def _deferred(self) -> bool:
        """Whether the next signal has to wait: a snapshot is taken once the first load is complete."""
        return self._signals[0][1].kind == "snapshot" and not self.feed.checkpoint.loaded and self.strange is None

    @property
    def quiet(self) -> bool:
        """Whether everything known so far is published."""
        idle = not self._signals and not self.snapshots.running and self.feed.checkpoint.loaded
        return idle and self.problem is None and all(hint.caught_up for hint in self._hints)

    def step(self) -> None:
        """Do what is due."""
        if self.feed.clock.monotonic() < self._resume_at:
            return
        try:
            self._work()
        except ClockFellBack:
            self._check_at = 0.0  # the next step looks what it is now, and blocks the source
        except KafkaFault:
            raise  # not this source's: the whole connector begins anew
        except OperationalError as fault:
            self._failed(fault)
        else:
            self._succeeded()

    def _work(self) -> None:
        clock = self.feed.clock
        self._stepped_at = clock.monotonic()
        if clock.monotonic() >= self._check_at:
            self._check()
        if self._signals and not self._deferred:
            self._answer()
        if self.strange is not None:
            return
        now = self.feed.guessed_now()
        # Polling first catches up: what it only has not come to yet is not missed.
        if now is not None and all(hint.caught_up for hint in self._hints) and self.snapshots.scheduled(now):
            self.snapshots.begin(SNAPSHOT, SCHEDULE)
        # What is hinted at while a load is under way is left out of it, so the load begins first.
        if self.snapshots.running or self.snapshots.resume():
            self.snapshots.step()
        busy = self.feed.source.busy
        if self._budget.pause(clock.monotonic()) <= 0.0:
            for hint in self._hints:
                if hint.wait() <= 0.0:
                    hint.step()
            if not follow_up(self.feed) and self.second_look.due():
                self.second_look.step()
            self.second_look.keep_alert()
        spent = self.feed.source.busy - busy
        self.feed.metrics.count(Count.SOURCE_TIME, spent, source=self.feed.name)
        self._budget.spend(spent, clock.monotonic())

    def _check(self) -> None:
        """Whether this is the source that the checkpoint speaks of. Until a person accepts another, nothing is read."""
        feed = self.feed
        found = Found(feed.fingerprint, feed.source.identity(), feed.source.clock())
        reasons = strangeness(feed.checkpoint, found, feed.settings.clock_tolerance)
        code, parameters = OracleMessage.BLOCKED, {}
        if reasons:
            said = message(code, source=feed.name, what="; ".join(reasons), hash=found.mark)
            parameters = dict(said.parameters)
            self.problem = said
            if self.strange is None:
                _log.error("source.blocked", source=feed.name, message=said)
                self.snapshots.drop()
        elif self.strange is not None:
            self.problem = None  # it is what it was again
        self.strange = found if reasons else None
        known = learned(feed.checkpoint.database, found.database)
        if known != feed.checkpoint.database and not reasons:
            feed.save(replace(feed.checkpoint, database=known))
        if alerts := feed.alert(_IDENTITY, code.code, parameters, raised=bool(reasons)):
            feed.publish(Batch(alerts=alerts))
        self._check_at = feed.clock.monotonic() + _CHECK_EVERY_S
        self._measure()

    def accept(self, signal_id: str) -> None:
        """Go on with what the source is now; a snapshot then finds what that changes.

        Where polling stood says nothing of another database, or of one whose clock is behind, so it begins anew. What
        lies before is the snapshot's, which is wanted from the same record on.
        """
        feed, found = self.feed, self.strange
        assert found is not None
        kind = SNAPSHOT if feed.checkpoint.loaded else FIRST_LOAD
        accepted = replace(
            feed.checkpoint,
            fingerprint=found.fingerprint,
            database=found.database,
            database_time=found.now,
            hints=(),
            snapshot=SnapshotProgress(signal_id, kind, found.now, rows=0, differences=0),
        )
        cleared = feed.alert(_IDENTITY, OracleMessage.BLOCKED.code, {}, raised=False)
        feed.publish(Batch(checkpoint=accepted, alerts=cleared))
        self.strange = self.problem = None
        for hint in self._hints:
            hint.drop()

    def _answer(self) -> None:
        offset, signal = self._signals[0]
        said: Answer = answer(signal, self)
        checkpoint = replace(
            self.feed.checkpoint, signals_offset=offset + 1, signals_topic=self._topic.id, last_signal=signal.id
        )
        notes = [] if said.phase is None else [self.feed.notify(signal.id, said.phase, said.counts, said.reason)]
        self.feed.publish(Batch(checkpoint=checkpoint, notifications=notes))
        self._signals.popleft()

    def _failed(self, fault: OperationalError) -> None:
        feed, now = self.feed, self.feed.clock.monotonic()
        halted = isinstance(fault, Halted)
        if self.problem is None or self.problem.code != fault.message.code:
            _log.warning("source.failed", source=feed.name, message=fault.message)
        self.problem = fault.message
        self._failing_since = self._failing_since if self._failing_since is not None else now
        self._pause = _LONGEST_PAUSE_S if halted else min(self._pause * 2, _LONGEST_PAUSE_S)
        if isinstance(fault, Unavailable) and fault.retry_after is not None:
            self._pause = max(self._pause, fault.retry_after.total_seconds())
        self._resume_at = now + self._pause
        self._check_at = 0.0  # after a failover it may be another database
        feed.source.refresh()
        outcome = "refused" if halted else "unavailable"
        for hint in self._hints:
            feed.metrics.count(Count.POLLS, source=feed.name, hint=hint.name, outcome=outcome)
        if halted or now - self._failing_since >= _ALERT_AFTER_S:
            alerts = feed.alert(_OUTAGE, fault.message.code, fault.message.parameters, raised=True, restate=False)
            if alerts:
                feed.publish(Batch(alerts=alerts))

    def _succeeded(self) -> None:
        if self._failing_since is None:
            return
        self._failing_since, self._pause = None, _FIRST_PAUSE_S
        _log.info("source.recovered", source=self.feed.name)
        if self.strange is None:
            self.problem = None
        if alerts := self.feed.alert(_OUTAGE, "", {}, raised=False):
            self.feed.publish(Batch(alerts=alerts))

    def _measure(self) -> None:
        feed, name = self.feed, self.feed.name
        counts = feed.state.counts()
        standing = feed.state.suspicions.standing(name, feed.guessed_now() or feed.clock.now(), (), 0)
        feed.metrics.gauge(Gauge.MEMBERSHIPS, feed.state.supported(name), source=name)
        feed.metrics.gauge(Gauge.SUSPECTS, standing.fresh + standing.waiting, source=name)
        feed.metrics.gauge(Gauge.VANISHED, counts["vanished"], source=name)
        feed.metrics.gauge(Gauge.COLLIDING, counts["colliding"], source=name)
