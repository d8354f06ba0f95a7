"""How far something has come."""

from __future__ import annotations

import io

from rich.console import Console

from connector.commands.progress import Lines, line, shown
from consumers.reconciler.report import Progress
from tests.unit.reconciler.test_run import Clock


def test_a_line_comes_at_each_step_and_now_and_then_while_it_lasts() -> None:
    """A log is not to be flooded."""
    clock, lines = Clock(), list[str]()
    show = Lines(clock, lines.append, 10.0)
    for seconds in (0, 1, 9, 10, 11):
        clock.seconds = seconds
        show(Progress("comparing", {"cohorts": seconds}, seconds, 12))
    show(Progress("repairing"))

    assert lines == ["comparing: 0 of 12, 0 cohorts", "comparing: 10 of 12, 10 cohorts", "repairing"]


def test_counts_are_told_without_a_total() -> None:
    """Nobody knows how much there is to do."""
    assert line(Progress("reading", {"rows_read": 3})) == "reading: 3 rows read"


def test_a_terminal_gets_bars_with_counts() -> None:
    """And a file gets lines."""
    for terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=120)
        with shown(console, Clock()) as show:
            show(Progress("comparing", {"cohorts": 7}, 3, 12))
            show(Progress("comparing", {"cohorts": 9}, 13, 12))

        text = out.getvalue()
        assert ("━" in text, "comparing" in text, "7 cohorts" in text or terminal) == (terminal, True, True)
