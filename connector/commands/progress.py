"""How far something has come: a bar with counts and an estimate when a person watches, log lines otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from connector.runtime.clock import Clock

_LINE_EVERY_S = 10.0


class Step(Protocol):
    """Where it stands."""

    @property
    def step(self) -> str:
        """What is being done."""
        ...

    @property
    def counts(self) -> Mapping[str, int]: ...

    @property
    def done(self) -> int:
        """Of ``total``."""
        ...

    @property
    def total(self) -> int | None:
        """None where nobody knows how much there is to do."""
        ...


Show = Callable[[Step], None]


@contextmanager
def shown(console: Console, clock: Clock) -> Iterator[Show]:
    """Shows steps on this console within the block."""
    if not console.is_terminal:
        yield Lines(clock, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bars(bars)


class Lines:
    """A line at each new step, and every ten seconds while one lasts."""

    def __init__(self, clock: Clock, write: Callable[[str], None], every: float = _LINE_EVERY_S) -> None:
        self._clock, self._write, self._every = clock, write, every
        self._step: str | None = None
        self._next = 0.0

    def __call__(self, step: Step) -> None:
        now = self._clock.monotonic()
        if step.step == self._step and now < self._next:
            return
        self._step, self._next = step.step, now + self._every
        self._write(line(step))


def line(step: Step) -> str:
    """A step in one line."""
    total = "" if step.total is None else f"{step.done} of {step.total}"
    told = ", ".join(part for part in (total, counted(step.counts)) if part)
    return f"{step.step}: {told}" if told else step.step


def counted(counts: Mapping[str, int]) -> str:
    """Counts, for people."""
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


class _Bars:
    """A bar for each step; the ones before stay, full."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._step: str | None = None
        self._task: TaskID | None = None

    def __call__(self, step: Step) -> None:
        if step.step != self._step or self._task is None:
            self._step = step.step
            self._task = self._bars.add_task(step.step, total=step.total, counts="")
        # An estimate may be exceeded; a bar may not.
        total = None if step.total is None else max(step.total, step.done)
        self._bars.update(self._task, completed=step.done, total=total, counts=counted(step.counts))
