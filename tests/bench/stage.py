"""What the scenarios act upon: the demo's stage with the product's own processes, and a second, equally fresh Moodle
for the reference.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.demo.moodle_site import MoodleSite
from tests.demo.narration import Narrator
from tests.demo.processes import Child, Children
from tests.demo.stage import Plan, build
from tests.demo.university import FULL, Scale
from tests.demo.waiting import wait_until
from tests.demo.world import PARTITIONS, World

LONGEST = 600.0
"""Seconds after which a load is given up."""
PRODUCTION = {
    "COHORTSTREAM__SINKS__MOODLE__PARKED_RETRY": "10s",
    "COHORTSTREAM__SINKS__MOODLE__STUDENTS__LOOK_AGAIN": "30s",
    "COHORTSTREAM__SINKS__MOODLE__STUDENTS__REFRESH_SHARE": "0.05",
}
"""Settings in which the demo is in more of a hurry than production, at Moodle's expense: here they have their defaults."""


@dataclass(frozen=True, slots=True)
class Options:
    """How large everything is."""

    directory: Path = Path("var/bench")
    scale: Scale = FULL
    latency: bool = True
    """Whether Moodle takes as long to answer as a real one that was measured."""
    rate: int = 100
    """Live additions a second."""
    seconds: int = 30
    """How long they go on."""


class Bench:
    """One run. The load happens once, measured by its scenario or in haste for one that needs a filled Moodle."""

    def __init__(self, options: Options, children: Children, narrator: Narrator) -> None:
        self.options = options
        self.narrator = narrator
        self._children = children
        self.world: World = build(
            Plan(options.directory, scale=options.scale, latency=options.latency, overrides=PRODUCTION),
            children,
            narrator,
        )
        self.loaded = False
        self._reference: MoodleSite | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.world.school.close()
        for site in (self.world.moodle, self._reference):
            if site is not None:
                site.close()

    def reference(self) -> MoodleSite:
        """A Moodle with the same accounts and the same durations, which the product does not know."""
        if self._reference is None:
            latency = "measured" if self.options.latency else "none"
            command = [sys.executable, "-m", "tests.standins.moodle", "--port", "0", "--latency", latency]
            child = self._children.add("moodle-reference", command)
            child.start()
            ready = json.loads(child.await_line(r"^\{.*\}$")[0])
            self._reference = MoodleSite(ready["url"], ready["control"], ready["tokens"]["connector"])
            self._reference.prepare(self.world.university.accounts)
        return self._reference

    def child(self, name: str) -> Child:
        """The process of this name."""
        return next(child for child in self._children if child.name == name)

    def start_consumer(self) -> None:
        """Until it owns all partitions."""
        world = self.world
        world.consumer.start()

        def owns() -> bool:
            world.children.check()
            return world.metric(world.consumer, "cohortstream_partitions") == PARTITIONS

        wait_until(owns, "the consumer owns all partitions")

    def await_load(self) -> None:
        """Until Moodle has every membership that it can have."""
        world = self.world

        def count() -> int:
            world.children.check()
            return world.moodle.memberships()

        self.narrator.progress("memberships in Moodle", world.resolved(), count, LONGEST)
        self.loaded = True

    def ensure_loaded(self) -> None:
        """Load without a measure, as fast as it goes, unless it was done."""
        if self.loaded:
            return
        world = self.world
        if self.options.latency:
            world.moodle.control("latency", scale=0)
        self.start_consumer()
        world.connector.start()
        self.await_load()
        if self.options.latency:
            world.moodle.control("latency", scale=1)
            world.consumer.stop()  # it has learnt from the haste what calls cost, and would be surprised
            self.start_consumer()
