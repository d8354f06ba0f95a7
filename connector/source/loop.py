"""The poller: signals in, then a step of every source that is due.

It is one thread: while one source waits for its database, the others wait as well. So a turn that has become long ends
there, and the next one goes on with the sources that have not had theirs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.messages import Message, OracleMessage, message
from connector.source.publisher import Batch, Publisher
from connector.source.signals import retire, stale
from connector.source.signals_topic import SignalsTopic
from connector.source.state import State
from connector.source.working import Worker
from schemas.records import Notification, Signal

_LONGEST_TURN_S = 1.0
"""After it the election, signals and the health page come first again."""


class Inbox(Protocol):
    """Where signals come from."""

    def poll(self) -> Sequence[tuple[int, Signal]]:
        """New signals with their offsets; none if none have come."""
        ...


def answered(workers: Iterable[Worker], state: State, signals: SignalsTopic) -> int:
    """Behind the last signal that was answered here rather than by a source.

    What an earlier release, which kept no such offset, had answered lies before what the sources had: it was answered as
    soon as it was read.
    """
    recorded = state.publisher
    if recorded is not None and recorded.signals_offset is not None:
        return signals.answered(recorded.signals_offset, recorded.signals_topic)
    return max((worker.answered for worker in workers), default=0)


def first_unanswered(workers: Iterable[Worker], state: State, signals: SignalsTopic) -> int:
    """Where to begin to read signals."""
    workers = list(workers)
    return min([*(worker.answered for worker in workers), answered(workers, state, signals)])


class Poller:
    """Works on all sources while this process is the elected one."""

    def __init__(
        self,
        workers: Mapping[str, Worker],
        inbox: Inbox,
        signals: SignalsTopic,
        publisher: Publisher,
        state: State,
        clock: Clock,
    ) -> None:
        self.workers, self._inbox, self._topic, self._publisher = workers, inbox, signals, publisher
        self._state, self._clock = state, clock
        self._order = deque(workers.values())

    def run_once(self) -> float:
        """Do what is due; the seconds until the next thing is."""
        for offset, signal in self._inbox.poll():
            self._hand_out(offset, signal)
        began = self._clock.monotonic()
        for _ in range(len(self._order)):
            worker = self._order[0]
            self._order.rotate(-1)
            if worker.wait() <= 0.0:
                worker.step()
            if self._clock.monotonic() - began >= _LONGEST_TURN_S:
                break
        return min((worker.wait() for worker in self._order), default=1.0)

    @property
    def quiet(self) -> bool:
        """Whether everything that the sources said is published."""
        return all(worker.quiet for worker in self.workers.values())

    def _hand_out(self, offset: int, signal: Signal) -> None:
        concerned: Iterable[Worker] = ()
        if signal.kind != "retire" and signal.source is None:
            concerned = self.workers.values()
        elif signal.kind != "retire" and signal.source is not None and signal.source in self.workers:
            concerned = [self.workers[signal.source]]
        elif offset >= answered(self.workers.values(), self._state, self._topic):
            # Signals are read again from the least offset of all; what was answered once may be wrong by now.
            self._answer(offset, signal)
        for worker in concerned:
            worker.hand(offset, signal)

    def _answer(self, offset: int, signal: Signal) -> None:
        """Answer what no source at work can."""
        source = signal.source or ""
        refusal: Message | None = None
        if signal.kind != "retire":
            known = ", ".join(self.workers) or "-"
            refusal = message(OracleMessage.SOURCE_UNKNOWN, source=source, sources=known)
        elif source in self.workers:
            refusal = message(OracleMessage.RETIRE_REFUSED, source=source)
        else:
            refusal = stale(signal, self._clock.now())
        phase, counts, reason = "finished", {}, None
        if refusal is None:
            counts = {"published": retire(source, self._state, self._publisher, self._clock.now())}
        else:
            phase, reason = "refused", str(refusal)
        said = Notification(signal.id, source, phase, 0, self._clock.now(), counts, reason)
        self._publisher.publish(Batch(notifications=[said], answered=(offset + 1, self._topic.id)))
