"""Jobs in real threads of which exactly one runs at a time, in an order that the simulation decides."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2026, 9, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process that this job belonged to is gone."""


class Timeline:
    """Time that only the simulation moves, and what is to happen at which moment."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Whoever sleeps lets the world go on."""
        self.advance(max(seconds, 0.001))

    def at(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.seconds + delay, next(self._numbers), event))

    def advance(self, seconds: float) -> None:
        """Let time pass, and happen what is due, in order."""
        until = self.seconds + seconds
        while self._events and self._events[0][0] <= until:
            moment, _, event = heapq.heappop(self._events)
            self.seconds = max(self.seconds, moment)
            event()
        self.seconds = max(self.seconds, until)

    @property
    def pending(self) -> int:
        return len(self._events)


class Job:
    """A function in a thread that runs only while the simulation waits for it."""

    current = threading.local()

    def __init__(self, fn: Callable[[], Any], future: Future[Any], owner: str) -> None:
        self.owner = owner
        self._fn, self._future = fn, future
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.killed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Run it until it waits or ends."""
        self._go.release()
        self._stopped.acquire()

    def wait(self) -> None:
        """Called from within: stop here until the next ``resume``."""
        self._stopped.release()
        self._go.acquire()
        if self.killed:
            raise Killed

    def kill(self) -> None:
        """The process is gone: the thread ends at the place where it waits."""
        if not self._future.done():
            self.killed = True
            self.resume()
        self._thread.join()

    def _run(self) -> None:
        Job.current.job = self
        self._go.acquire()
        try:
            result = self._fn()
        except Killed:
            pass
        except BaseException as error:
            self._future.set_exception(error)
        else:
            self._future.set_result(result)
        self._stopped.release()


class Threads:
    """An executor for one simulated process."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.jobs: list[Job] = []

    def submit(self, fn: Callable[[], Any], /) -> Future[Any]:
        future: Future[Any] = Future()
        job = Job(fn, future, self._owner)
        self.jobs = [*(one for one in self.jobs if not one._future.done()), job]
        job.resume()
        return future

    def kill(self) -> None:
        """As the process ends without warning."""
        for job in self.jobs:
            job.kill()
        self.jobs = []
