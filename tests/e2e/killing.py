"""Kills the product's processes at random moments and starts them again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.demo.processes import Child


@dataclass
class Victim:
    """A process whose moments to die are drawn beforehand, one after the other."""

    child: Child
    works: Callable[[], bool]
    """Whether it has done something since its last start."""
    chance: random.Random
    patience: float = 20.0
    """Seconds that it gets at most to begin to work before it is killed all the same."""
    kills: int = 0
    kills_at_work: int = 0
    """How many of them hit it after it had begun to work."""
    _due: float = 0.0
    _latest: float = 0.0
    _waits_for_work: bool = True

    def start(self) -> None:
        """Start, and draw when to die: some moments after it began to work, or at any moment of its start."""
        self.child.start()
        now = time.monotonic()
        self._waits_for_work = self.chance.random() < 0.7
        self._due = now + self.chance.uniform(0.0, 8.0)
        self._latest = now + self.patience

    def look(self) -> bool:
        """Kill it if its moment has come, and start it again; answers whether it did."""
        now = time.monotonic()
        if self._waits_for_work:
            if self.works() or now > self._latest:
                self.kills_at_work += now <= self._latest
                self._waits_for_work = False
                self._due = now + self.chance.uniform(0.0, 1.5)
            return False
        if now < self._due:
            return False
        self.child.kill()
        self.kills += 1
        time.sleep(self.chance.choice((0.0, 0.0, self.chance.uniform(0.0, 1.0))))
        self.start()
        return True
