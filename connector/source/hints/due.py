"""Hints by a date at which a membership begins or ends: rows whose date the database's clock has passed.

The cursor is a clock, so nothing is missed by this hint that was in the table in time: every date between the cursor
and now is read, after any outage. A row that is committed with a date in the past is another hint's to find; so that
one which was just late is found here too, the *overlap* behind the clock is read again by each full read.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.source.hints import Safety, Sight
from connector.source.hints.following import Answer, HintSource, time_column
from connector.source.hints.memory import Memory, Note
from connector.source.hints.timestamp import QUICK_MARGIN, moments
from connector.source.hints.watermark import parse, text
from schemas.records import HintCursor


class DueFollower:
    """Follows dates. ``offset`` is how long after its date a row begins or ceases to count."""

    def __init__(self, name: str, overlap: timedelta, offset: timedelta) -> None:
        self._name, self._overlap, self._offset = name, overlap, offset
        self._memory = Memory()
        self._previous: datetime | None = None

    def begin(self, source: HintSource, sight: Sight) -> HintCursor:
        """Where polling starts if all rows are read from now on."""
        time_column(source, self._name)
        return self._cursor(sight)

    def ask(self, source: HintSource, at: HintCursor, sight: Sight) -> Answer:
        """Run the query."""
        column, now = time_column(source, self._name), sight.now
        cursor: HintCursor | None = None
        leaving: datetime | None = None
        if sight.transactions is not None:
            stood = parse(at.cursor)
            low = now - self._overlap if stood is None else min(stood, now - self._overlap)
            cursor = self._cursor(sight)
            leaving = column.bound(now - self._overlap - self._offset)
        else:
            low = min(self._previous or now, now) - QUICK_MARGIN
        # The present moment as the column shows it; in the hour that comes twice, whatever the column shows by now.
        shown = column.shown(now - self._offset)
        rows = source.changed(self._name, column.bound(low - self._offset), shown)
        todo = self._memory.unseen(rows, shown, leaving)
        self._previous = now
        passed = moments(todo, column, now)
        begun = {stamp: moment + self._offset for stamp, moment in passed.items()}
        return Answer(todo, len(rows), cursor, changed_at=begun, note=Note(shown, leaving))

    def settled(self, answer: Answer) -> None:
        """Everything of an answer is published."""
        self._memory.settled(answer.rows, answer.note)

    def _cursor(self, sight: Sight) -> HintCursor:
        overlap = f"{self._overlap.total_seconds():g} s"
        reason = f"every date up to now is read, and those of the last {overlap} again"
        return HintCursor(self._name, text(sight.now - self._overlap), (), Safety.ASSUMED.value, reason)
