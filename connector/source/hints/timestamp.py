"""Hints by a column that holds the time of the last change.

A *full* read begins at the watermark (see ``watermark``) and moves the cursor. It repeats what the slack or the overlap
covers, so between full ones *quick* reads look at the newest stamps only. They move no cursor. What was looked at before
need not be looked at each time: see ``memory``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from connector.source.hints import HintRow, Sight
from connector.source.hints.following import Answer, HintSource, time_column
from connector.source.hints.memory import Memory, Note
from connector.source.hints.watermark import Bounds, Watermark, text, watermark
from connector.source.hints.zones import TimeColumn
from schemas.records import HintCursor

QUICK_MARGIN = timedelta(seconds=5)
"""Short transactions are found by quick reads if they take no longer than this; the others by the next full one."""


class TimestampFollower:
    """Follows a time column."""

    def __init__(self, name: str, bounds: Bounds) -> None:
        self._name, self._bounds = name, bounds
        self._memory = Memory()
        # Of the last read, settled or not: what a failed one has brought, the next full one brings again.
        self._previous: datetime | None = None

    def begin(self, source: HintSource, sight: Sight) -> HintCursor:
        """Where polling starts if all rows are read from now on."""
        time_column(source, self._name)
        return _cursor(self._name, watermark(HintCursor(self._name), sight, self._bounds))

    def ask(self, source: HintSource, at: HintCursor, sight: Sight) -> Answer:
        """Run the query."""
        column = time_column(source, self._name)
        planned: Watermark | None = None
        if sight.transactions is not None:
            planned = watermark(at, sight, self._bounds)
            low = planned.low
        else:
            low = min(self._previous or sight.now, sight.now) - QUICK_MARGIN
        rows = source.changed(self._name, column.bound(low))
        leaving = column.bound(planned.cursor) if planned is not None else None
        todo = self._memory.unseen(rows, column.shown(sight.now), leaving)
        self._previous = sight.now
        return Answer(
            todo,
            len(rows),
            _cursor(self._name, planned) if planned is not None else None,
            changed_at=moments(todo, column, sight.now),
            ahead_s=_ahead(rows, column, sight.now, self._bounds.tolerance),
            note=Note(column.shown(sight.now), leaving),
            given_up=planned.given_up if planned is not None else 0,
        )

    def settled(self, answer: Answer) -> None:
        """Everything of an answer is published."""
        self._memory.settled(answer.rows, answer.note)


def moments(rows: Iterable[HintRow], column: TimeColumn, now: datetime) -> dict[datetime | int, datetime]:
    """The moments that the rows' stamps mean, UTC."""
    return {row.stamp: column.utc(row.stamp, now) for row in rows if isinstance(row.stamp, datetime)}


def _cursor(name: str, planned: Watermark) -> HintCursor:
    return HintCursor(name, text(planned.cursor), planned.ranges, planned.safety.value, planned.reason)


def _ahead(rows: Iterable[HintRow], column: TimeColumn, now: datetime, tolerance: timedelta) -> float:
    """How far the latest stamp is ahead. One that is ahead by more than any clock could be is a mistake in the data."""
    shown = column.shown(now)
    latest = max(
        (row.stamp for row in rows if isinstance(row.stamp, datetime) and row.stamp <= shown + tolerance), default=shown
    )
    return max(0.0, (latest - shown).total_seconds())
