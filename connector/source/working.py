"""One source at work: which of its steps is next, and what happens when one fails.

A step is short, and each of its parts does a little: the look whether this is the same database, the next signal, a chunk
of a snapshot, and polling (each hint, follow-ups, second looks) in turns as far as the budget goes. So none of them waits
for the end of another. A part that fails pauses by itself; what the others do does not depend on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from connector.runtime.errors import OperationalError
from connector.runtime.kafka.errors import KafkaFault
from connector.runtime.messages import Message
from connector.runtime.telemetry import Count, Gauge, Log
from connector.source.budget import Budget
from connector.source.confirming import SecondLook
from connector.source.feed import ClockFellBack, Feed
from connector.source.following_up import FollowingUp
from connector.source.hint_settings import followed
from connector.source.identity import Found
from connector.source.marks import SnapshotMarks
from connector.source.outage import NEVER, Chance, NoJitter, Outage, Part
from connector.source.polling import Hint
from connector.source.publisher import Batch
from connector.source.recognising import Recognition
from connector.source.signals import Answer, answer
from connector.source.signals_topic import SignalsTopic
from connector.source.snapshotting import Snapshots
from connector.source.taking import FIRST_PAUSE_S, LONGEST_PAUSE_S, Taking
from schemas.records import Signal

_log = Log("source")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 30.0
_ALERT_AFTER_S = 30.0
"""An end that is away for less is not worth a person's time."""
_CHECK_EVERY_S = 60.0
_SECOND_LOOKS_EVERY_S = 1.0
"""Between two looks whether anything has become due."""
_OUTAGE = "source"


class Worker:
    """Works on one feed, step by step; a step is short. Kafka's faults pass through, the source's own do not."""

    def __init__(self, feed: Feed, signals: SignalsTopic, chance: Chance | None = None) -> None:
        """``chance`` spreads the attempts after failures; None: they come exactly when their pauses end."""
        self.feed, self._topic = feed, signals
        self.second_look = SecondLook(feed)
        self.problem: Message | None = None
        """Why the source, or a part of its work, does not work now; None if all does."""
        self.strange: Found | None = None
        """What the source is now, while it waits to be accepted."""
        self._hints = [Hint(feed, name, hint) for name, hint in followed(feed.settings.hints).items()]
        marks = SnapshotMarks(feed.state, feed.name)
        self.snapshots = Snapshots(feed, marks, lambda: [hint.begin() for hint in self._hints])
        self._recognition = Recognition(feed)
        self._taking = Taking(feed, self.snapshots, self._hints, self._caught_up)
        self._following_up = FollowingUp(feed)
        self._signals: deque[tuple[int, Signal]] = deque()
        self._budget = Budget(feed.settings.share)
        self._check_at = self._second_looks_at = 0.0
        self._alarmed = True  # perhaps, from before
        chance = chance if chance is not None else NoJitter()

        def outage() -> Outage:
            return Outage(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, chance)

        def until(due_at: float) -> float:
            return max(0.0, due_at - feed.clock.monotonic())

        self._check = Part("check", self._recognise, lambda: until(self._check_at), outage())
        self._answering = Part("signals", self._answer, self._signals_due_in, outage())
        self._snapshot = Part(
            "snapshot", self._taking.step, self._taking.due_in, Outage(FIRST_PAUSE_S, LONGEST_PAUSE_S, chance)
        )
        self._polling = deque(
            Part(f"hint {hint.name}", hint.step, partial(self._hint_due_in, hint), outage()) for hint in self._hints
        )
        self._polling += [
            Part("follow-ups", self._following_up.step, lambda: 0.0 if self._following_up.waiting else NEVER, outage()),
            Part("second looks", self._look_again, lambda: until(self._second_looks_at), outage()),
        ]
        self._parts = (self._check, self._answering, self._snapshot, *self._polling)

    def hand(self, offset: int, signal: Signal) -> None:
        """A signal that concerns this source."""
        if offset >= self.answered:
            self._signals.append((offset, signal))

    @property
    def answered(self) -> int:
        """Behind the last signal that was answered; 0 if none was."""
        return self._topic.answered(self.feed.checkpoint.signals_offset, self.feed.checkpoint.signals_topic)

    @property
    def quiet(self) -> bool:
        """Whether everything known so far is published."""
        idle = not self._signals and not self.snapshots.running and self.feed.checkpoint.loaded
        return idle and self.problem is None and all(hint.caught_up for hint in self._hints)

    def wait(self) -> float:
        """Seconds until the next step is due."""
        now = self.feed.clock.monotonic()
        waits = [self._check.wait(now)]
        if self._check.outage.problem is None:
            waits.append(self._answering.wait(now))
            if self.strange is None:
                waits.append(self._snapshot.wait(now))
                if self._polls:
                    waits.append(max(self._budget.pause(now), min(part.wait(now) for part in self._polling)))
        return min(waits)

    def step(self) -> None:
        """Do what is due."""
        try:
            self._work()
        finally:
            self._tell()

    def accept(self, signal_id: str) -> None:
        """Go on with what the source is now; a snapshot then finds what that changes."""
        self._recognition.accept(signal_id)
        self.strange = None
        for hint in self._hints:
            hint.drop()

    def _work(self) -> None:
        if self._attempt_if_due(self._check) and self._check.outage.problem is None:
            going_on = self._attempt_if_due(self._answering)
            # What is hinted at while a load is under way is left out of it, so the load begins first.
            if going_on and self.strange is None and self._attempt_if_due(self._snapshot) and self._polls:
                self._poll()

    @property
    def _polls(self) -> bool:
        """Whether there is a place to poll from."""
        return self.feed.checkpoint.loaded or self.snapshots.running

    def _poll(self) -> None:
        """Let each part of polling take a step if it is due, as far as the budget goes; the next time goes on from there."""
        for _ in range(len(self._polling)):
            if self._budget.pause(self.feed.clock.monotonic()) > 0.0:
                return
            part = self._polling[0]
            self._polling.rotate(-1)
            if not self._attempt_if_due(part):
                return

    def _attempt_if_due(self, part: Part) -> bool:
        """Let a part take a step if it is due; whether the step of the whole may go on.

        A failure ends it: the database may be away, or even be another one, so that is looked at first, in a step of its
        own, since other sources wait meanwhile. After that the other parts go on.
        """
        if part.wait(self.feed.clock.monotonic()) > 0.0:
            return True
        try:
            if part in self._polling or part is self._check:
                with self._charged():
                    part.step()
            else:
                part.step()  # what a person asked for is done, whatever it costs; a snapshot has a share of its own
        except ClockFellBack:
            self._check_at = 0.0  # the next step looks what it is now, and blocks the source
            return False
        except KafkaFault:
            raise  # not this source's: the whole connector begins anew
        except OperationalError as fault:
            self._failed(part, fault)
            return False
        self._went_well(part)
        return True

    @contextmanager
    def _charged(self) -> Iterator[None]:
        """The time that is spent inside the database meanwhile is polling's, however it ends."""
        feed = self.feed
        busy = feed.source.busy
        try:
            yield
        finally:
            spent = feed.source.busy - busy
            feed.metrics.count(Count.SOURCE_TIME, spent, source=feed.name)
            self._budget.spend(spent, feed.clock.monotonic())

    # --- the parts --------------------------------------------------------------------------------------------------

    def _recognise(self) -> None:
        """Whether this is the source that the checkpoint speaks of. Until a person accepts another, nothing is read."""
        if self._recognition.look():
            self.snapshots.drop()
        self.strange = self._recognition.strange
        self._check_at = self.feed.clock.monotonic() + _CHECK_EVERY_S
        self._measure()

    def _hint_due_in(self, hint: Hint) -> float:
        return NEVER if self._taking.keeps(hint) else hint.wait()

    def _signals_due_in(self) -> float:
        if not self._signals:
            return NEVER
        # A snapshot is taken once the first load is complete.
        deferred = self._signals[0][1].kind == "snapshot" and not self.feed.checkpoint.loaded and self.strange is None
        return NEVER if deferred else 0.0

    def _answer(self) -> None:
        offset, signal = self._signals[0]
        said: Answer = answer(signal, self)
        checkpoint = replace(
            self.feed.checkpoint, signals_offset=offset + 1, signals_topic=self._topic.id, last_signal=signal.id
        )
        notes = [] if said.phase is None else [self.feed.notify(signal.id, said.phase, said.counts, said.reason)]
        self.feed.publish(Batch(checkpoint=checkpoint, notifications=notes))
        self._signals.popleft()

    def _look_again(self) -> None:
        if self.second_look.due():
            self.second_look.step()
        else:
            self._second_looks_at = self.feed.clock.monotonic() + _SECOND_LOOKS_EVERY_S
        self.second_look.keep_alert()

    def _caught_up(self) -> bool:
        """Whether polling has come to what there is; a hint that needs a person may never."""
        halted = {part.name for part in self._polling if part.outage.halted}
        return all(hint.caught_up or f"hint {hint.name}" in halted for hint in self._hints)

    # --- failures ---------------------------------------------------------------------------------------------------

    def _failed(self, part: Part, fault: OperationalError) -> None:
        feed, outage, now = self.feed, part.outage, self.feed.clock.monotonic()
        if outage.problem is None or outage.problem.code != fault.message.code:
            _log.warning("source.failed", source=feed.name, part=part.name, message=fault.message)
        outage.failed(fault, now)
        self._check_at = now  # after a failover it may be another database
        feed.source.refresh()
        for hint in self._hints:
            if part is self._check or part.name == f"hint {hint.name}":
                outcome = "refused" if outage.halted else "unavailable"
                feed.metrics.count(Count.POLLS, source=feed.name, hint=hint.name, outcome=outcome)
        if part is self._snapshot:
            if self._taking.failed(fault, outage.failures):
                outage.end()
        elif outage.halted or now - outage.since >= _ALERT_AFTER_S:
            said = fault.message
            if alerts := feed.alert(_OUTAGE, said.code, said.parameters, raised=True, restate=False):
                feed.publish(Batch(alerts=alerts))

    def _went_well(self, part: Part) -> None:
        if part is self._snapshot:
            if self.snapshots.running:
                part.outage.pass_over()
            else:
                part.outage.end()
            return
        if part.outage.problem is not None:
            part.outage.end()
            self._alarmed = True
        if (
            self._alarmed
            and self._caught_up()
            and not any(p.outage.problem for p in self._parts if p is not self._snapshot)
        ):
            self._alarmed = False
            _log.info("source.works", source=self.feed.name)
            if alerts := self.feed.alert(_OUTAGE, "", {}, raised=False):
                self.feed.publish(Batch(alerts=alerts))

    def _tell(self) -> None:
        # Another database comes before what failed in the last one; what fails now comes before both.
        failing = (part.outage.problem for part in self._parts if part.outage.problem is not None)
        self.problem = self._check.outage.problem or self._recognition.problem or next(failing, None)

    def _measure(self) -> None:
        feed, name = self.feed, self.feed.name
        counts = feed.state.counts()
        standing = feed.state.suspicions.standing(name, feed.guessed_now() or feed.clock.now(), (), 0)
        feed.metrics.gauge(Gauge.MEMBERSHIPS, feed.state.supported(name), source=name)
        feed.metrics.gauge(Gauge.SUSPECTS, standing.fresh + standing.waiting, source=name)
        feed.metrics.gauge(Gauge.VANISHED, counts["vanished"], source=name)
        feed.metrics.gauge(Gauge.COLLIDING, counts["colliding"], source=name)
