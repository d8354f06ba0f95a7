"""What fails at present: why, since when, and when it is tried again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import Message
from connector.runtime.patience import growing_pause


class Chance(Protocol):
    """Where jitter comes from, such as ``random.Random``."""

    def random(self) -> float:
        """A number from 0 up to 1, evenly."""
        ...


class NoJitter:
    """Pauses of exactly their length, for who moves time by hand."""

    def random(self) -> float:
        """1, or as near as it may come."""
        return 1.0


class Outage:
    """The failures of one thing in a row. The pause after each doubles from ``first`` to ``longest`` seconds, which it is
    at once where only a person can help. Its second half is left to chance, so that many who lost the same database do
    not come back to it together.
    """

    def __init__(self, first: float, longest: float, chance: Chance) -> None:
        self._first, self._longest, self._chance = first, longest, chance
        self.problem: Message | None = None
        """The last failure; None if it works."""
        self.halted = False
        """Whether only a person can help."""
        self.failures = 0
        self.since = 0.0
        """When it failed first, by the clock of ``failed``."""
        self._resume_at = 0.0

    def failed(self, fault: OperationalError, now: float) -> None:
        """Take note; ``now`` is a monotonic clock."""
        if self.problem is None:
            self.since = now
        self.problem, self.halted = fault.message, isinstance(fault, Halted)
        pause = self._longest if self.halted else growing_pause(self._first, self._longest, self.failures)
        pause *= 0.5 + 0.5 * self._chance.random()
        if isinstance(fault, Unavailable) and fault.retry_after is not None:
            pause = max(pause, fault.retry_after.total_seconds())
        self.failures += 1
        self._resume_at = now + pause

    def pass_over(self) -> None:
        """It goes on; whether it comes to its end is not known yet."""
        self.problem, self.halted = None, False

    def end(self) -> None:
        """It works."""
        self.pass_over()
        self.failures = 0

    def wait(self, now: float) -> float:
        """Seconds until it may be tried again."""
        return max(0.0, self._resume_at - now) if self.problem is not None else 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that a source's work is made of; they fail one by one."""

    name: str
    step: Callable[[], None]
    due_in: Callable[[], float]
    """Seconds until there is something to do; infinite if nothing is known of."""
    outage: Outage

    def wait(self, now: float) -> float:
        """Seconds until it should take a step. One that fails is tried again as its outage says, due or not."""
        return self.outage.wait(now) if self.outage.problem is not None else self.due_in()


NEVER = math.inf
