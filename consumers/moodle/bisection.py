"""Finding the rows because of which Moodle refuses a call.

Moodle rolls a refused call back and does not say which row was at fault. Halving finds one culprit among n rows in at
most 2·⌈log₂ n⌉ + 1 calls, the first one included, and all other rows have been applied by then. Pure: ``halve`` says what to send
next and is told how it went; ``isolate`` is the loop around it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from consumers.moodle.errors import MoodleError, Refused

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


@dataclass
class Isolation(Generic[T]):
    """Where each row ended."""

    accepted: list[T] = field(default_factory=list)
    refused: list[tuple[T, Refused]] = field(default_factory=list)
    """Each with what Moodle said when the row stood alone."""
    interrupted: list[T] = field(default_factory=list)
    """Rows of the call that ended with ``failure``."""
    unsent: list[T] = field(default_factory=list)
    """Rows that were not sent again after ``failure``; nothing of them has been applied."""
    failure: MoodleError | None = None
    """What ended the work early, other than a refusal; its class says whether ``interrupted`` may have been applied."""


def isolate(rows: Sequence[T], send: Callable[[Sequence[T]], object]) -> Isolation[T]:
    """Send ``rows``, halving what is refused until each culprit stands alone. Raises nothing of Moodle's."""
    done: Isolation[T] = Isolation()
    steps = halve(rows)
    left = dict.fromkeys(rows)
    part = next(steps, None)
    while part is not None:
        refusal: Refused | None = None
        try:
            send(part)
        except Refused as raised:
            refusal = raised
        except MoodleError as raised:
            done.failure = raised
            done.interrupted = list(part)
            done.unsent = [row for row in left if row not in set(part)]
            return done
        if refusal is None:
            done.accepted += part
        elif len(part) == 1:
            done.refused.append((part[0], refusal))
        if refusal is None or len(part) == 1:
            for row in part:
                del left[row]
        try:
            part = steps.send(refusal is not None)
        except StopIteration:
            part = None
    return done
