"""What the scenarios act upon: the demo's stage with the product's own processes, and a second, equally fresh Moodle
for the reference; and stages of the source alone. Each is built when it is first asked for.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.source_stage import SourceStage
from tests.demo.moodle_site import MoodleSite
from tests.demo.narration import Narrator
from tests.demo.processes import Child, Children
from tests.demo.stage import Plan, build, wipe
from tests.demo.university import FULL, Scale
from tests.demo.waiting import wait_until
from tests.demo.world import PARTITIONS, World
from tests.standins.kafka import free_ports

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
    students: int = 50_000
    """Of the table that is read whole and watched; four rows each."""
    hints: int = 100_000
    """Students that are hinted at once."""
    large: int = 1_500_000
    """Rows of the largest table."""
    records: int = 50_000
    """Memberships to publish, and to take in."""
    entries: int = 1_000_000
    """Memberships of the ledger that a consumer restores."""
    reconciled: int = 60_000
    """Students of the site that is reconciled; 25 memberships each, 500 of them in a cohort."""
    idle: float = 60.0
    """Seconds for which polling is watched while nothing changes."""


class Bench:
    """One run. The load happens once, measured by its scenario or in haste for one that needs a filled Moodle."""

    def __init__(self, options: Options, children: Children, narrator: Narrator) -> None:
        self.options = options
        self.narrator = narrator
        self._children = children
        self.loaded = False
        self._world: World | None = None
        self._broker: str | None = None
        self._source: SourceStage | None = None
        self._reference: MoodleSite | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._world is not None:
            self._world.close()
        if self._reference is not None:
            self._reference.close()

    @property
    def world(self) -> World:
        """The whole pipe, whose ends are filled."""
        if self._world is None:
            plan = Plan(self.options.directory, scale=self.options.scale, latency=self.options.latency)
            self._world = build(replace(plan, overrides=PRODUCTION), self._children, self.narrator)
        return self._world

    @property
    def bootstrap(self) -> str:
        """A broker for the source alone: the pipe's, whose other processes are stopped, or one that is started."""
        if self._broker is None and self._world is not None:
            for child in self._children:
                if child.name != "kafka":
                    child.stop()
            self._broker = self._world.ends.bootstrap
        elif self._broker is None:
            directory = self.options.directory.resolve()
            wipe(directory)
            (port,) = free_ports(1)
            command = [sys.executable, "-m", "tests.standins.kafka", "--port", str(port)]
            kafka = self._children.add("kafka", [*command, "--directory", str(directory / "kafka")])
            kafka.orphan_signal, kafka.stop_seconds = signal.SIGTERM, 60.0  # it has the Java process to stop
            kafka.start()
            kafka.await_line(r"Kafka answers at")
            self._broker = f"127.0.0.1:{port}"
        return self._broker

    def source(self) -> SourceStage:
        """The source alone, for several scenarios."""
        if self._source is None:
            self._source = self.source_of("source", self.options.students)
        return self._source

    def source_of(self, name: str, students: int, *, shape: tuple[int, ...] = (), more: str = "") -> SourceStage:
        """The source alone, anew; who asked for it closes it. The common one is closed, since it would poll beside it.
        ``shape`` and ``more`` as of ``SourceStage``.
        """
        if self._source is not None:
            self._source.close()
            self._source = None
        self.narrator.say(f"   Oracle with {students:,} students …")
        around = self.bootstrap, self.options.directory, self._children, self.narrator
        return SourceStage(name, students, *around, shape=shape, more=more)

    def reference(self) -> MoodleSite:
        """A Moodle with the same accounts and the same durations, which the product does not know."""
        if self._reference is None:
            self._reference = self.moodle("moodle-reference")
            self._reference.prepare(self.world.university.accounts)
        return self._reference

    def moodle(self, name: str) -> MoodleSite:
        """A Moodle of its own without accounts; who asked for it closes it."""
        latency = "measured" if self.options.latency else "none"
        command = [sys.executable, "-m", "tests.standins.moodle", "--port", "0", "--latency", latency]
        child = self._children.add(name, command)
        child.start()
        ready = json.loads(child.await_line(r"^\{.*\}$")[0])
        return MoodleSite(ready["url"], ready["control"], ready["tokens"]["connector"])

    def role(self, name: str, command: Sequence[str]) -> Child:
        """A process that goes on until it is stopped."""
        child = self._children.add(name, command)
        child.start()
        return child

    def start(self, name: str, command: Sequence[str]) -> Child:
        """A process that comes to an end by itself."""
        child = self._children.add(name, command, ends=True)
        child.start()
        return child

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
