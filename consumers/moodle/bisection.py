"""Finding the rows because of which Moodle refuses a call.

Moodle rolls a refused call back and does not say which row was at fault. Halving finds one culprit among n rows in at
most 2·⌈log₂ n⌉ + 1 calls, the first one included, and all other rows have been applied by then. Pure: ``halve`` says what to send
next and is told how it went.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")


def halve(rows: Sequence[T]) -> Generator[Sequence[T], bool, None]:
    """Yields the rows to send next; is sent whether they were refused. A single row that is refused is a culprit.

    The order of rows is kept within each call. If the first half of a refused call passes, a culprit is in the second,
    which is therefore halved at once instead of being sent whole.
    """
    waiting: list[tuple[Sequence[T], bool]] = [(rows, False)] if rows else []
    while waiting:
        part, known_bad = waiting.pop()
        if not known_bad or len(part) == 1:
            refused = yield part
            if not refused or len(part) == 1:
                continue
        middle = len(part) // 2
        first, second = part[:middle], part[middle:]
        refused = yield first
        if refused:
            waiting.append((second, False))
            if len(first) > 1:
                waiting.append((first, True))
        else:
            waiting.append((second, True))
