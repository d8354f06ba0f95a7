"""Kills the product's processes, at random moments or at places that were drawn, and starts them again."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.demo.processes import Child
from tests.kills.places import ANY, Fate


@dataclass(frozen=True, slots=True)
class Freezing:
    """How long a process that stops in its tracks is left so."""

    seconds: float = 8.0
    """Longer than the group's session."""
    most: float = 60.0
    """Seconds after which it is killed instead: one that comes back later than calls may arrive is nobody's promise."""


@dataclass
class Victim:
    """A process whose ends are drawn beforehand, one after the other."""

    child: Child
    works: Callable[[], bool]
    """Whether it has done something since its last start."""
    chance: random.Random
    patience: float = 20.0
    """Seconds that it gets at most to begin to work, or to come by its place, before it is killed all the same."""
    draw: Callable[[random.Random], Fate] = lambda _: Fate()
    command: Callable[[Fate], Sequence[str]] | None = None
    """The command line for a life with this fate. None: the child's own, and every fate is ``ANY``."""
    freezing: Freezing = Freezing()
    places: Counter[str] = field(default_factory=Counter)
    """Kills by place."""
    freezes: Counter[str] = field(default_factory=Counter)
    """Freezes that it came back from, by place."""
    kills_at_work: int = 0
    """How many of those at any moment hit it after it had begun to work."""
    _fate: Fate = field(default_factory=Fate)
    _due: float = 0.0
    _latest: float = 0.0
    _waits_for_work: bool = True
    _frozen_at: float | None = None

    @property
    def kills(self) -> int:
        return self.places.total()

    def start(self, fate: Fate | None = None) -> None:
        """Start, and draw when to die: at a place, some moments after it began to work, or at any moment of its start."""
        self._fate = self.draw(self.chance) if fate is None else fate
        if self.command is not None:
            self.child.command = self.command(self._fate)
        self.child.start()
        self._frozen_at = None
        self._latest = time.monotonic() + self.patience
        self._wait_for_any_moment()

    def look(self) -> bool:
        """Kill it if its moment has come, and start it again; answers whether it died."""
        if self._fate.place == ANY:
            return self._look_at_clock()
        if not self.child.running:
            return self._look_at_end()
        if self._frozen():
            return self._look_at_ice()
        if time.monotonic() > self._latest:
            return self._die(ANY)
        return False

    def disarm(self) -> None:
        """Kill it once more and start it without a fate; ``look`` is not to be called again."""
        self.child.kill()
        self.places[ANY] += 1
        self.start(Fate())

    def _wait_for_any_moment(self) -> None:
        self._waits_for_work = self.chance.random() < 0.7
        self._due = time.monotonic() + self.chance.uniform(0.0, 8.0)

    def _look_at_clock(self) -> bool:
        now = time.monotonic()
        if self._waits_for_work:
            if self.works() or now > self._latest:
                self.kills_at_work += now <= self._latest
                self._waits_for_work = False
                self._due = now + self.chance.uniform(0.0, 1.5)
            return False
        return now >= self._due and self._die(ANY)

    def _look_at_end(self) -> bool:
        """It has ended: by its fate, or by a fault of its own, which is raised."""
        if self.child.status != -signal.SIGKILL:
            self.child.check()
        return self._die(self._fate.place)

    def _look_at_ice(self) -> bool:
        now = time.monotonic()
        if self._frozen_at is None:
            self._frozen_at = now
        lain = now - self._frozen_at
        if lain > self.freezing.most:
            return self._die(self._fate.place)
        if lain >= self.freezing.seconds:
            self.child.send(signal.SIGCONT)
            self.freezes[self._fate.place] += 1
            self._fate, self._frozen_at = Fate(), None
            self._latest = now + self.patience
            self._wait_for_any_moment()
        return False

    def _frozen(self) -> bool:
        state = Path(f"/proc/{self.child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        return state == "T"

    def _die(self, place: str) -> bool:
        self.child.kill()
        self.places[place] += 1
        time.sleep(self.chance.choice((0.0, 0.0, self.chance.uniform(0.0, 1.0))))
        self.start()
        return True
