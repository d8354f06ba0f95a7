"""The plain loop around halving, without the lease and the clock of the consumer's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from consumers.moodle.bisection import halve
from consumers.moodle.errors import MoodleError, Refused

T = TypeVar("T")


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
