"""What every role runs on: clock, telemetry, health, the broker, the codec."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from connector.commands.process import Process
from connector.commands.settings import Settings
from connector.runtime.clock import Clock, SystemClock
from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.health import Health
from connector.runtime.kafka import codecs, topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import Log, Telemetry, start_telemetry
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable, SchemaMissing

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds between attempts to begin anew. Ends are tried by their adapters before that; this is the slow outer ring."""


@dataclass(frozen=True)
class Base:
    """Shared by all roles of a process."""

    settings: Settings
    clock: Clock
    telemetry: Telemetry
    health: Health
    stopping: threading.Event
    connection: Connection
    codec: Codec

    def topics(self, sink: str = "moodle") -> Topics:
        return Topics(self.settings.kafka.topic_prefix, sink)


def make_base(settings: Settings, process: Process) -> Base:
    """For the roles of a process. Needs no network yet."""
    return _assemble(settings, process.clock, process.telemetry, process.health, process.stopping)


def base_for_command(settings: Settings) -> Base:
    """For a command that a person runs: telemetry without exporters, since it is short and its output is its report."""
    quiet = settings.telemetry.model_copy(update={"otlp_endpoint": None, "trace_file": None, "log_level": "error"})
    telemetry, clock = start_telemetry(quiet, "command"), SystemClock()
    logging.getLogger("cohortstream.kafka").setLevel(logging.CRITICAL)  # what the client says is told by the answer
    health = Health(clock, telemetry.metrics, settings.telemetry.stall_after)
    return _assemble(settings, clock, telemetry, health, threading.Event())


def prepare_topics(base: Base, names: Topics, *, sink: bool, source: bool) -> None:
    """Make or verify the topics of a role, and publish this release's schemas.

    Raises:
        KafkaFault: see there.
    """
    wanted = names.source_side() if source or sink else []
    topics.ensure(base.connection, wanted + (names.sink_side() if sink else []))
    codecs.publish_schemas(base.connection, names.schemas)


def keep_running(base: Base, part: str, live: Callable[[], None]) -> None:
    """Run ``live`` until the process stops. When an end fails it, say so and begin anew, ever less often.

    A fault that needs a person does not end the process: a supervisor that starts it again and again would try a wrong
    password again and again. It is told on /readyz and in the log, and what the person changes is noticed.
    """
    log = Log(part)
    base.health.expect(part)
    wait = FIRST_WAIT
    while not base.stopping.is_set():
        began = base.clock.monotonic()
        try:
            live()
        except (OperationalError, RegistryUnavailable, SchemaMissing) as error:
            if base.clock.monotonic() - began > LONGEST_WAIT:
                wait = FIRST_WAIT  # it had worked in between
            told = error.message if isinstance(error, OperationalError) else str(error)
            base.health.not_ready(part, told)
            halted = isinstance(error, Halted | SchemaMissing)
            (log.error if halted else log.warning)("role.waits", reason=told, seconds=wait)
            base.health.turned(part)
            asked = error.retry_after if isinstance(error, Unavailable) else None
            base.clock.sleep(max(LONGEST_WAIT if halted else wait, asked.total_seconds() if asked else 0.0))
            wait = min(wait * 2, LONGEST_WAIT)


def _assemble(
    settings: Settings, clock: Clock, telemetry: Telemetry, health: Health, stopping: threading.Event
) -> Base:
    log = Log("kafka")
    connection = Connection(settings.kafka, lambda reason: log.warning("broker", reason=reason))
    names = Topics(settings.kafka.topic_prefix)
    codec = codecs.make_codec(connection, settings.schema_registry, names.schemas, clock)
    return Base(settings, clock, telemetry, health, stopping, connection, codec)
