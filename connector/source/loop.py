"""The poller: signals in, then a step of every source that is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.messages import OracleMessage, message
from connector.source.publisher import Batch, Publisher
from connector.source.signals import retire
from connector.source.state import State
from connector.source.working import Worker
from schemas.records import Notification, Signal


class Inbox(Protocol):
    """Where signals come from."""

    def poll(self) -> Sequence[tuple[int, Signal]]:
        """New signals with their offsets; none if none have come."""
        ...


class Poller:
    """Works on all sources while this process is the elected one."""

    def __init__(
        self, workers: Mapping[str, Worker], inbox: Inbox, publisher: Publisher, state: State, clock: Clock
    ) -> None:
        self.workers, self._inbox, self._publisher = workers, inbox, publisher
        self._state, self._clock = state, clock

    def run_once(self) -> float:
        """Do what is due; the seconds until the next thing is."""
        for offset, signal in self._inbox.poll():
            self._hand_out(offset, signal)
        for worker in self.workers.values():
            if worker.wait() <= 0.0:
                worker.step()
        return min((worker.wait() for worker in self.workers.values()), default=1.0)

    @property
    def quiet(self) -> bool:
        """Whether everything that the sources said is published."""
        return all(worker.quiet for worker in self.workers.values())

    def _hand_out(self, offset: int, signal: Signal) -> None:
        if signal.kind == "retire":
            self._retire(signal)
        elif signal.source is None:
            for worker in self.workers.values():
                worker.hand(offset, signal)
        elif signal.source in self.workers:
            self.workers[signal.source].hand(offset, signal)
        else:
            known = ", ".join(self.workers) or "-"
            self._say(
                signal,
                "refused",
                reason=str(message(OracleMessage.SOURCE_UNKNOWN, source=signal.source, sources=known)),
            )

    def _retire(self, signal: Signal) -> None:
        source = signal.source or ""
        if source in self.workers:
            self._say(signal, "refused", reason=str(message(OracleMessage.RETIRE_REFUSED, source=source)))
            return
        count = retire(source, self._state, self._publisher, self._clock.now())
        self._say(signal, "finished", {"published": count})

    def _say(
        self, signal: Signal, phase: str, counts: Mapping[str, int] | None = None, reason: str | None = None
    ) -> None:
        said = Notification(signal.id, signal.source or "", phase, 0, self._clock.now(), dict(counts or {}), reason)
        self._publisher.publish(Batch(notifications=[said]))
