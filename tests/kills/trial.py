"""One trial: changes flow, two consumers share them and die again and again, and at the end everything is judged."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connector.runtime.kafka.connection import Connection
from tests.demo.processes import Children
from tests.demo.waiting import wait_until
from tests.integration.cohort_world import World, running_moodle
from tests.kills.budgets import exceeded
from tests.kills.judge import Finding, Kind, judge
from tests.kills.killing import Freezing, Victim
from tests.kills.mishaps import Mishaps
from tests.kills.places import Fate, draw
from tests.kills.script import Script, Shape
from tests.kills.world import Scene, Times
from tests.standins.kafka import Kafka
from tests.standins.moodle.fixture import add_recommended_caller, site_from_fixture
from tests.standins.moodle.latency import CostModel
from tests.standins.moodle.server import MoodleStandin
from tests.standins.moodle.web import ServerProfile

_SECONDS_A_KILL = 40
_REST = 240.0
"""Seconds after the last fault in which everything must have come right; only a failure takes so long."""
_STEP, _STEPS = 0.02, 500
"""Seconds between two looks, and the looks over which the changes between two deaths are spread."""
_SLOW = CostModel(seconds={"cohorts_written": 0.5})
"""A Moodle that takes long to make cohorts."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a trial is to be."""

    seed: int
    kills: int
    changes: int
    restarts: int = 1
    """Of the broker."""
    mutant: str | None = None
    shape: Shape = field(default_factory=Shape)
    fates: tuple[Fate, ...] = ()
    """Of the first lives, instead of drawn ones."""
    slow_creations: bool = False
    """Whether the gateway gives up on calls that create before Moodle has carried them out."""
    rest: float = _REST
    until: Kind | None = None
    """A finding of this kind is enough; what comes after it is not waited for."""


@dataclass
class Outcome:
    """What became of it."""

    places: Counter[str] = field(default_factory=Counter)
    """Kills by place."""
    freezes: Counter[str] = field(default_factory=Counter)
    mishaps: Counter[str] = field(default_factory=Counter)
    changes: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def run(orders: Orders, kafka: Kafka, connection: Connection, directory: Path) -> Outcome:
    """Live through it.

    Raises:
        ChildFailed: a consumer ended by itself.
    """
    with ExitStack() as stack:
        moodle = stack.enter_context(_slow_moodle() if orders.slow_creations else running_moodle())
        children = stack.enter_context(Children(directory / "logs"))
        world = World(connection, moodle, directory)
        chance = random.Random(orders.seed)
        freezing = 0.25 if chance.random() < 0.5 else 0.0
        times = Times(moodle_settle=8.0) if freezing else Times()
        scene = Scene(world, Script(orders.seed, orders.shape), directory, times, orders.mutant)
        return _Trial(orders, scene, kafka, children, chance, freezing).run()


@contextmanager
def _slow_moodle() -> Iterator[MoodleStandin]:
    site = site_from_fixture(bulk_users=200)
    add_recommended_caller(site)
    with MoodleStandin(site, latency=_SLOW, profile=ServerProfile(read_timeout=0.2)) as moodle:
        yield moodle


class _Trial:
    def __init__(
        self, orders: Orders, scene: Scene, kafka: Kafka, children: Children, chance: random.Random, freezing: float
    ) -> None:
        self._orders, self._scene, self._kafka, self._chance = orders, scene, kafka, chance
        self._children, self._freezing = children, freezing
        self._mishaps = Mishaps(scene.world.moodle, random.Random(chance.random()), scene.times.late)
        self._fates = iter(orders.fates)
        self._victims = [self._victim(f"consumer {number}") for number in (1, 2)]
        self._changes = scene.script.changes(orders.changes)
        self._said = 0

    def run(self) -> Outcome:
        began = time.monotonic()
        self._scene.begin()
        for victim in self._victims:
            victim.start(Fate())
        wait_until(self._has_begun, "the consumers have begun", 120.0)
        self._scene.put_strangers()
        if self._orders.kills:
            self._kill()
        self._scene.say(self._changes, self._orders.changes, self._chance)
        self._mishaps.end()
        self._come_to_rest()
        outcome = Outcome(mishaps=self._mishaps.happened, changes=self._orders.changes)
        for victim in self._victims:
            outcome.places += victim.places
            outcome.freezes += victim.freezes
        seen = self._scene.seen()
        outcome.findings = [*judge(seen), *exceeded(seen, seen.guarded, self._scene.partition_of)]
        outcome.seconds = time.monotonic() - began
        return outcome

    def _victim(self, name: str) -> Victim:
        child = self._children.add(name, ())
        return Victim(
            child,
            works=lambda: "consumer.started" in child.output(),
            chance=random.Random(self._chance.random()),
            patience=5 * self._scene.times.session + self._scene.times.moodle_settle,
            draw=self._draw,
            command=self._scene.command,
            freezing=Freezing(
                self._scene.times.session + 1.0,
                most=self._scene.times.moodle_settle - self._scene.times.late - 0.5,
            ),
        )

    def _draw(self, chance: random.Random) -> Fate:
        return next(self._fates, None) or draw(chance, freezing=self._freezing)

    def _has_begun(self) -> bool:
        """Whether the first cohorts have been made."""
        self._children.check()
        return len(self._scene.world.moodle.site.tables.cohorts) >= len(self._scene.script.cohorts)

    def _kill(self) -> None:
        """Until so many have died, with the changes spread over their deaths."""
        share = -(-self._orders.changes // (self._orders.kills + 1))
        restarts = set(
            self._chance.sample(range(1, self._orders.kills + 1), min(self._orders.restarts, self._orders.kills))
        )
        deadline = time.monotonic() + 60 + self._orders.kills * _SECONDS_A_KILL
        for victim in self._victims:
            victim.child.kill()
            victim.start()
        speaking = self._speaking(share)
        while (kills := sum(victim.kills for victim in self._victims)) < self._orders.kills:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {kills} kills were possible")
            next(speaking)
            for victim in self._victims:
                if victim.look():
                    speaking = self._speaking(share)
                    self._happen(sum(victim.kills for victim in self._victims) in restarts)
            time.sleep(_STEP)
        for victim in self._victims:
            victim.disarm()

    def _speaking(self, share: int) -> Iterator[None]:
        """The changes between two deaths, a few at each step, so that there is work whenever somebody lives."""
        left, pace = share, share / _STEPS
        while True:
            if left > 0 and self._chance.random() < pace:
                left -= self._scene.say(self._changes, min(left, math.ceil(pace)), self._chance) or left
            yield

    def _happen(self, restart: bool) -> None:  # noqa: FBT001 - drawn beforehand
        """What else goes wrong after a death."""
        if restart:
            self._mishaps.restart_broker(self._kafka)
        for _ in range(self._chance.randint(0, 3)):
            self._mishaps.answer_badly()
        if self._chance.random() < 0.1:
            self._mishaps.close_moodle()
        if self._chance.random() < 0.1:
            self._scene.poison_topic(self._chance)

    def _come_to_rest(self) -> None:
        def agree() -> bool:
            self._children.check()
            return self._found() or self._scene.agree()

        try:
            wait_until(agree, "Moodle is as the source says", self._orders.rest, every=0.5)
            wait_until(
                lambda: self._found() or self._scene.at_rest(),
                "the ledger has nothing left to do",
                self._orders.rest,
                every=1.0,
            )
        except TimeoutError:
            if not judge(self._scene.seen()):
                raise  # what the judge cannot name is a fault of the trial
        for victim in self._victims:
            victim.child.stop()

    def _found(self) -> bool:
        until = self._orders.until
        return until is not None and until in {finding.kind for finding in judge(self._scene.seen())}
