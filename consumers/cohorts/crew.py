"""Calls under way: how many at once, and never two about one cohort.

The threads are handed in. Jobs are functions without arguments that make calls and give back a value; they touch
nothing else of the consumer. Whatever they raise is given back as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol


class Executor(Protocol):
    """Runs jobs; ``concurrent.futures.Executor`` is one."""

    def submit(self, fn: Callable[[], Any], /) -> Future[Any]: ...


@dataclass(frozen=True)
class Task:
    """A job under way. ``done`` is called in the loop's thread with its result, or with what it raised."""

    name: str
    cohorts: frozenset[str]
    done: Callable[[Any], None]
    future: Future[Any]
    aside: bool


class Crew:
    """Keeps at most ``slots`` jobs given out, and one more *aside* that changes nothing in Moodle.

    One slot more than there are threads keeps the threads busy: a call that ends is followed by the next at once.
    """

    def __init__(self, executor: Executor, aside: Executor, slots: int) -> None:
        self._executor, self._aside, self._slots = executor, aside, slots
        self._tasks: list[Task] = []
        self._locked: dict[str, int] = {}

    @property
    def free(self) -> int:
        """Slots that are free."""
        return self._slots - sum(not task.aside for task in self._tasks)

    @property
    def aside_free(self) -> bool:
        return not any(task.aside for task in self._tasks)

    @property
    def idle(self) -> bool:
        return not self._tasks

    def running(self, name: str) -> bool:
        """Whether a job of this name is under way."""
        return any(task.name == name for task in self._tasks)

    def cohorts_under_way(self) -> frozenset[str]:
        """Cohorts that calls under way are about."""
        return frozenset().union(*(task.cohorts for task in self._tasks))

    def busy(self, cohort: str) -> bool:
        """Whether a call about this cohort is under way or about to be sent."""
        return cohort in self._locked

    def lock(self, cohorts: Iterable[str]) -> None:
        """Keep these cohorts from other calls until ``unlock``."""
        for cohort in cohorts:
            self._locked[cohort] = self._locked.get(cohort, 0) + 1

    def unlock(self, cohorts: Iterable[str]) -> None:
        for cohort in cohorts:
            left = self._locked.pop(cohort) - 1
            if left:
                self._locked[cohort] = left

    def start(
        self,
        name: str,
        job: Callable[[], Any],
        done: Callable[[Any], None],
        cohorts: Iterable[str] = (),
        *,
        aside: bool = False,
    ) -> None:
        """Begin a job; its cohorts are locked until ``done`` has been called."""
        locked = frozenset(cohorts)
        self.lock(locked)
        executor = self._aside if aside else self._executor
        self._tasks.append(Task(name, locked, done, executor.submit(job), aside))

    def collect(self) -> int:
        """Hand the results of finished jobs over; how many there were."""
        finished = [task for task in self._tasks if task.future.done()]
        for task in finished:
            self._tasks.remove(task)
            error = task.future.exception()
            try:
                task.done(task.future.result() if error is None else error)
            finally:
                self.unlock(task.cohorts)
        return len(finished)
