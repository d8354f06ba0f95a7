"""What the demo says, in a terminal or a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tests.demo.waiting import wait_until

_PLAIN_WIDTH = 140
_PLAIN_EVERY = 5.0  # seconds between two lines about progress where there is no terminal


@dataclass
class Step:
    """One thing that is done: what it is, what must come of it, what did."""

    title: str
    seen: list[str] = field(default_factory=list)

    def saw(self, text: str) -> None:
        self.seen.append(text)


class Narrator:
    """Prints headings, steps with their outcome and duration, and progress."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self._number = 0

    def heading(self, text: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left")

    def say(self, text: str | RenderableType) -> None:
        self.console.print(text)

    @contextmanager
    def step(self, title: str, expected: str) -> Iterator[Step]:
        """Tell what is done and expected, then what was seen and how long it took."""
        self._number += 1
        step = Step(title)
        self.console.print(f"\n[bold cyan]{self._number:2}[/bold cyan] [bold]{title}[/bold]")
        self.console.print(f"   [dim]expected:[/dim] {expected}")
        begun = time.monotonic()
        try:
            yield step
        except BaseException:
            self._outcome("[red]not seen[/red]", step, begun)
            raise
        self._outcome("[green]seen[/green]", step, begun)

    def progress(self, what: str, total: int, look: Callable[[], int], seconds: float) -> float:
        """Show ``look()`` rise to ``total``; answers the seconds that it took.

        Raises:
            TimeoutError: it did not get there in time.
        """
        begun = time.monotonic()
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn())
            rate = TextColumn("{task.fields[rate]}/s")
            with Progress(*columns, rate, TimeElapsedColumn(), console=self.console, transient=True) as bar:
                task = bar.add_task(what, total=total, rate=0)

                def shown() -> bool:
                    now = look()
                    bar.update(task, completed=now, rate=f"{now / (time.monotonic() - begun + 1e-9):.0f}")
                    return now >= total

                wait_until(shown, f"{what} {total}", seconds, every=0.2)
        else:
            next_line = begun + _PLAIN_EVERY

            def told() -> bool:
                nonlocal next_line
                now, clock = look(), time.monotonic()
                if clock >= next_line and now < total:
                    next_line = clock + _PLAIN_EVERY
                    self.console.print(f"   … {what}: {now:,} of {total:,}, {now / (clock - begun):.0f}/s")
                return now >= total

            wait_until(told, f"{what} {total}", seconds, every=0.2)
        return time.monotonic() - begun

    def _outcome(self, verdict: str, step: Step, begun: float) -> None:
        took = time.monotonic() - begun
        for text in step.seen[:-1]:
            self.console.print(f"   {verdict}: {text}")
        last = step.seen[-1] if step.seen else "nothing"
        self.console.print(f"   {verdict}: {last} [dim]({took:.1f} s)[/dim]")


def _console() -> Console:
    """As wide as the terminal; where there is none, wide enough for the tables."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=_PLAIN_WIDTH)
