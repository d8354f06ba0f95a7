"""Hints by a column that takes its numbers from a sequence; a journal that is numbered is followed alike.

The cursor is the highest number read, and numbers missing below it are waited for: ``gaps`` holds the arithmetic and
the promise. A *full* read asks for all gaps and for everything above the cursor; in between, *quick* reads ask for what
is above only. The bound is ``assumed`` always: of a missing number nobody can see whether it will come. What comes
later than ``overlap`` allows is the next snapshot's to find, and so are:

- A second row with a number that was read already, unless both came with one commit: each number is taken to be used
  once. To read the last stretch again and again, as for times, would multiply the cost for what sequences do not do.
- Numbers below the cursor that were never missing: the sequence was reset or cycles, or it counts down. Numbers below
  zero are followed like others, as long as they ascend.
- Numbers drawn long before their transaction: a block in the cache of an idle instance (``CACHE`` with ``NOORDER`` in
  RAC), numbers fetched in advance. Gaps are cheap, so an ``overlap`` of a day is not too long for such a sequence.
- A database's clock that is set forward makes gaps look older; they are given up, and counted, so much earlier.

What is given up is counted, although most of it never was a row: rolled back, another table's, or its row bears a newer
number by now.
"""

from __future__ import annotations

from datetime import datetime

from connector.source.hint_settings import HintSettings
from connector.source.hints import HintRow, Safety, Sight
from connector.source.hints.following import Answer, HintSource
from connector.source.hints.gaps import Gap, Progress, advance
from schemas.records import HintCursor, OpenRange

LOWEST = -(10**27)
"""Below every number that a sequence of Oracle can give: where an empty table is read from."""
WATCHED_BELOW = 10_000
"""How many numbers below the first one known may still be on their way: nobody saw when they were drawn. Lower ones are
the snapshot's.
"""
_REMEMBERED = 200_000

_Seen = tuple[str | tuple[object, ...], int, bool]


class SequenceFollower:
    """Follows one column of numbers."""

    def __init__(self, name: str, settings: HintSettings) -> None:
        self._name, self._patience = name, settings.overlap
        # Rows of numbers that will be asked for again, by how many there were when they were looked at. Only to save
        # looks: a row of a sequence keeps its number and what it says, so nothing hides behind one that was seen.
        self._looked: dict[_Seen, int] = {}

    def begin(self, source: HintSource, sight: Sight) -> HintCursor:
        """The highest number, with a stretch below it in which numbers may still be missing."""
        self._looked.clear()
        return self._cursor(self._start(source, sight))

    def ask(self, source: HintSource, at: HintCursor, sight: Sight) -> Answer:
        """What is new, and in a full read what was missing. Without a cursor of numbers it starts as ``begin`` does."""
        known = progress(at) or self._start(source, sight)
        full = sight.transactions is not None
        gaps = [(gap.low, gap.high) for gap in known.gaps] if full else []
        rows = source.numbered(self._name, [*gaps, (known.position + 1, None)])
        todo = [row for row in rows if self._looked.get(_seen(row)) != row.count]
        if not full:
            return Answer(todo, len(rows))
        numbers = {_number(row) for row in rows}
        if known.position == LOWEST and numbers:
            known = Progress(min(numbers) - WATCHED_BELOW - 1)
        moved, given_up = advance(known, numbers, _clock(sight), self._patience)
        return Answer(todo, len(rows), self._cursor(moved), given_up=given_up)

    def settled(self, answer: Answer) -> None:
        """Remember what was looked at, as long as it may be read again."""
        self._looked.update((_seen(row), row.count) for row in answer.rows)
        moved = progress(answer.cursor) if answer.cursor is not None else None
        if moved is not None:
            self._looked = {seen: count for seen, count in self._looked.items() if moved.awaits(seen[1])}
        while len(self._looked) > _REMEMBERED:
            del self._looked[next(iter(self._looked))]

    def _start(self, source: HintSource, sight: Sight) -> Progress:
        highest = source.highest(self._name)
        if highest is None:
            return Progress(LOWEST)
        return Progress(highest, (Gap(highest - WATCHED_BELOW + 1, highest, _clock(sight)),))

    def _cursor(self, at: Progress) -> HintCursor:
        ranges = tuple(OpenRange("gap", str(gap.low), gap.opened_at, str(gap.high)) for gap in at.gaps)
        reached = f"number {at.position} reached" if at.position > LOWEST else "no number reached yet"
        count = len(at.gaps)
        watched = (
            f"{count or 'no'} {'gap' if count == 1 else 'gaps'} watched for up to {self._patience.total_seconds():g} s"
        )
        return HintCursor(self._name, str(at.position), ranges, Safety.ASSUMED.value, f"{reached}, {watched}")


def progress(cursor: HintCursor) -> Progress | None:
    """The progress that a checkpoint holds; None before the first read, or if the hint was of another kind then."""
    try:
        position = int(cursor.cursor or "")
    except ValueError:
        return None
    ranges = [(gap.low, gap.high, gap.opened_at) for gap in cursor.open_ranges]
    return Progress(position, tuple(Gap(int(low), int(high), at) for low, high, at in ranges if high is not None))


def _clock(sight: Sight) -> datetime:
    """The database's clock in whole milliseconds, as the checkpoint keeps it."""
    return sight.now.replace(microsecond=sight.now.microsecond // 1000 * 1000)


def _number(row: HintRow) -> int:
    assert isinstance(row.stamp, int)
    return row.stamp


def _seen(row: HintRow) -> _Seen:
    return row.subject, _number(row), row.deleted
