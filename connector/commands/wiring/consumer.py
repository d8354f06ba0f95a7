"""The cohort consumer of one sink as a role of a process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from connector.commands.wiring.base import Base, keep_running, prepare_topics
from connector.commands.wiring.moodle import open_moodle
from connector.runtime.telemetry import Gauge, Log
from consumers.cohorts.building import CohortConsumer, Site, Surroundings
from consumers.moodle.directory import Directory, DirectoryState
from consumers.moodle.preflight import READS, WRITES
from schemas.records import Adoption

_LOOK_EVERY_S = 15.0


@dataclass
class ConsumerRole:
    """``run`` returns when the process stops; ``on_turn`` hears after each turn whether the consumer is idle."""

    base: Base
    sink: str
    on_turn: Callable[[CohortConsumer], None] = lambda _: None

    @property
    def part(self) -> str:
        return f"consume.{self.sink}"

    def run(self) -> None:
        keep_running(self.base, self.part, self.live)

    def live(self) -> None:
        """One life of the consumer: from the preflight to the stop, or to the fault that ends it."""
        base, settings = self.base, self.base.settings.sinks[self.sink]
        prepare_topics(base, base.topics(self.sink), sink=True, source=False)
        telemetry = base.telemetry
        functions = READS if settings.mode == "shadow" else WRITES
        with (
            open_moodle(self.sink, settings, settings.maps, base.clock, telemetry.metrics, functions) as moodle,
            ThreadPoolExecutor(settings.calls_at_once, thread_name_prefix="moodle") as callers,
            ThreadPoolExecutor(1, thread_name_prefix="aside") as aside,
        ):
            site = Site(moodle.reader, moodle.writer, moodle.directory, moodle.found.max_input_vars)
            around = Surroundings(base.clock, callers, aside, telemetry.metrics, telemetry.tracer, telemetry.pseudonym)
            sources = base.settings.sources.keys()
            consumer = CohortConsumer(self.sink, settings, base.connection, base.codec, site, around, sources)
            Log(self.part).info("consumer.started", run=consumer.run)
            try:
                self._turn_until_stopped(consumer, moodle.directory)
            except BaseException:
                consumer.abandon()  # whatever it was: nobody must go on owning partitions that nobody works on
                raise
            consumer.close()
            Log(self.part).info("consumer.stopped", run=consumer.run)

    def _turn_until_stopped(self, consumer: CohortConsumer, directory: Directory) -> None:
        base, next_look = self.base, 0.0
        shadow: Adoption | None = None
        while not base.stopping.is_set():
            consumer.run_once()
            if consumer.shadow != shadow:
                shadow = consumer.shadow
                Log(self.part).warning("consumer.shadow", on=shadow is not None, why=shadow.why if shadow else "")
            base.health.turned(self.part)
            cause = consumer.paused
            if cause is None:
                base.health.ready(self.part)
            else:
                base.health.not_ready(self.part, cause)
            if base.clock.monotonic() >= next_look:
                next_look = base.clock.monotonic() + _LOOK_EVERY_S
                self._measure(directory.state())
            self.on_turn(consumer)

    def _measure(self, directory: DirectoryState) -> None:
        metrics = self.base.telemetry.metrics
        metrics.gauge(Gauge.DIRECTORY_USERS, directory.known, sink=self.sink)
        if directory.refreshed_at is not None:
            metrics.gauge(Gauge.DIRECTORY_REFRESHED, directory.refreshed_at, sink=self.sink)
