"""The connector as a role of a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.commands.wiring.base import Base, keep_running, prepare_topics
from connector.runtime.telemetry import Log
from connector.source.oracle.reader import polled_source
from connector.source.service import Connector, Surroundings

PART = "poll"


@dataclass(frozen=True)
class ConnectorRole:
    """``run`` returns when the process stops; ``on_turn`` hears after each turn how the connector stands."""

    base: Base
    on_turn: Callable[[Connector], None] = lambda _: None

    def run(self) -> None:
        keep_running(self.base, PART, self.live)

    def live(self) -> None:
        """One life of the connector: from the topics to the stop, or to the fault of Kafka that ends it."""
        base, settings = self.base, self.base.settings
        prepare_topics(base, base.topics(), sink=False, source=True)
        directory = settings.connector.state_directory
        directory.mkdir(parents=True, exist_ok=True)
        telemetry = base.telemetry
        connector = Connector(
            settings.required_sources(),
            polled_source,
            base.connection,
            base.topics(),
            base.codec,
            Surroundings(base.clock, telemetry.metrics, telemetry.tracer, telemetry.pseudonym),
            directory / "connector.sqlite",
        )
        try:
            while not base.stopping.is_set():
                connector.run_once()
                self._report(connector)
                self.on_turn(connector)
        finally:
            connector.close()
        Log(PART).info("connector.stopped")

    def _report(self, connector: Connector) -> None:
        """A process that stands by is ready: it would work. One source that fails makes the role unready."""
        health = self.base.health
        health.turned(PART)
        health.ready(PART)
        for name in self.base.settings.sources:
            problem = connector.problems.get(name)
            part = f"source.{name}"
            if problem is None:
                health.ready(part)
            else:
                health.not_ready(part, problem)
