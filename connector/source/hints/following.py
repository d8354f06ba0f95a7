"""What every kind of hint query offers to the poller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connector.source.hints import Group, HintRow, Position, Sight
from connector.source.hints.zones import NumberColumn, TimeColumn
from schemas.records import HintCursor


class HintSource(Protocol):
    """Part of ``connector.source.reading.Source``: what followers read. Calls raise as it does."""

    def cursor_column(self, hint: str) -> TimeColumn | NumberColumn:
        """In which terms the hint's cursor is stamped."""
        ...

    def changed(self, hint: str, low: Position, high: Position | None = None) -> list[HintRow]:
        """What bears a stamp of ``low`` or later, and not later than ``high``."""
        ...

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        """What bears a number of any of these ranges, both ends included; None for no upper end."""
        ...

    def highest(self, hint: str) -> int | None:
        """The highest number that a row bears; None if none bears any."""
        ...

    def scan(self, hint: str) -> list[Group]:
        """All groups."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What one hint query brought."""

    rows: Sequence[HintRow]
    """Those that need a look now."""
    read: int
    """How many rows the query brought."""
    cursor: HintCursor | None = None
    """The position that holds once everything in ``rows`` and ``keys`` is published; None: the old one still does."""
    keys: frozenset[str] = frozenset()
    """Beside the rows, keys of students (or idnumbers of cohorts, for a hint by cohort) that need a look."""
    changed_at: Mapping[Position, datetime] = field(default_factory=dict)
    """Moments of the rows' stamps, UTC, for display and freshness; none where the cursor is no time."""
    ahead_s: float = 0.0
    """How far the latest stamp is ahead of the clock, in seconds; 0 if none is."""
    note: object = None
    """The follower's own, handed back to it by ``settled``."""
    given_up: int = 0
    """How many ranges are looked at no more although nobody knows what became of them; a snapshot finds what was in
    them."""


class Follower(Protocol):
    """Follows one hint query. Holds what would only cost reads if it were lost; everything else is in the cursor."""

    def begin(self, source: HintSource, sight: Sight) -> HintCursor:
        """Where polling starts if all rows are read from now on, by a first load."""
        ...

    def ask(self, source: HintSource, at: HintCursor, sight: Sight) -> Answer:
        """Run the query. A quick read if ``sight.transactions`` is None: it looks for the newest, and moves no cursor."""
        ...

    def settled(self, answer: Answer) -> None:
        """Everything of an answer is published. Answers that failed are not settled; a quick one may be asked for and
        settled while a full one is still being worked off.
        """
        ...


def time_column(source: HintSource, hint: str) -> TimeColumn:
    """The column of a hint that is followed by its time; who chose its follower has asked of which sort it is."""
    column = source.cursor_column(hint)
    assert isinstance(column, TimeColumn)
    return column
