"""Letting a simulated day go on until something is so, and ending its processes."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.cohorts import Day


def turn_until(day: Day, reached: Callable[[], object]) -> None:
    """Take turns until something is so; at most for ten simulated minutes."""
    until = day.timeline.seconds + 600
    while not reached():
        assert day.timeline.seconds < until, "it did not come to this"
        day._turn()


def turn_for(day: Day, seconds: float) -> None:
    """Take turns for so many simulated seconds."""
    until = day.timeline.seconds + seconds
    turn_until(day, lambda: day.timeline.seconds >= until)


def crash(day: Day) -> None:
    """The last process is gone, and with it all that it remembered."""
    day._lose(day.running[-1])


def stop(day: Day) -> None:
    """All processes end in order."""
    for process in day.running:
        process.inbox.close()
    day.running.clear()
