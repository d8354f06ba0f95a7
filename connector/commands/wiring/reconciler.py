"""A reconciliation, ready to run."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from connector.commands.wiring.base import Base
from connector.commands.wiring.moodle import open_moodle
from connector.runtime.kafka.errors import KafkaFault
from connector.runtime.kafka.group import CONNECTOR_GROUP, Elector, describe_members, note_of
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.signals import Signals
from connector.runtime.telemetry import Log
from consumers.moodle.preflight import READS
from consumers.reconciler.alert import alerts_of
from consumers.reconciler.asking import AUTHOR
from consumers.reconciler.exclusion import Turn, Worker, finished_at, group_of
from consumers.reconciler.journal import History
from consumers.reconciler.kafka_side import ConnectorByTopics, ConsumerByTopics, checkpoints
from consumers.reconciler.moodle_side import MoodleByReading
from consumers.reconciler.report import Progress, Report
from consumers.reconciler.run import Reconciliation
from schemas.keys import encode_key
from schemas.records import Alert

_log = Log("reconciler")


@contextmanager
def open_reconciliation(
    base: Base,
    sink: str,
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    shadow: bool = False,
    on_call: Callable[[], None] = lambda: None,
) -> Iterator[Reconciliation]:
    """One for this sink, within the block. Only the reading half of Moodle's client is handed to it. A sink in shadow is
    only reported on. ``on_call`` hears of each call of Moodle that has ended.

    Raises:
        Unavailable, Halted: Moodle or Kafka cannot be used.
    """
    settings, names = base.settings.sinks[sink], base.topics(sink)
    with ExitStack() as stack:
        moodle = stack.enter_context(
            open_moodle(sink, settings, settings.maps, base.clock, base.telemetry.metrics, READS, on_call)
        )
        sources = sorted(base.settings.sources)
        signals = Signals(base.connection, names, base.codec, base.clock, AUTHOR)
        stack.callback(signals.close)
        connector = ConnectorByTopics(
            base.connection,
            signals,
            CONNECTOR_GROUP,
            sources,
            lambda: checkpoints(base.connection, names, base.codec, base.clock),
        )
        consumer = ConsumerByTopics(base.connection, names, base.codec, f"cohortstream.{sink}", base.clock)
        stack.callback(consumer.close)
        turn = turn_of(base, sink)
        stack.callback(turn.close)

        def on_accounts(done: int, total: int) -> None:
            turn.keep()
            progress(Progress("looking accounts up", {}, done, total))

        yield Reconciliation(
            connector,
            consumer,
            MoodleByReading(moodle.reader, moodle.directory, on_accounts, settings.moodle.categories),
            base.settings.reconcile,
            base.clock,
            progress,
            shadow,
            foreign_go=settings.foreign == "remove",
            keep=lambda report: _keep(base, sink, report, shadow=shadow),
            exclusion=turn,
        )


def turn_of(base: Base, sink: str) -> Turn:
    """The right to reconcile this sink, not taken yet."""
    names, group = base.topics(sink), group_of(sink)
    return Turn(
        sink,
        Worker(f"{socket.gethostname()}.{os.getpid()}", base.clock.now()),
        base.clock,
        lambda client_id: Elector(base.connection, names.signals, group, client_id),
        lambda: describe_members(base.connection, group),
    )


def last_finished(base: Base, sink: str) -> datetime | None:
    """When a reconciliation of this sink came to its end last, whoever started it; None if that is not known."""
    return finished_at(note_of(base.connection, base.topics(sink).signals, group_of(sink)))


def history_of(base: Base, sink: str) -> History:
    """Earlier runs for this sink."""
    return History(base.connection, base.topics(sink).journal, base.codec, base.clock, AUTHOR)


def write_alerts(base: Base, sink: str, alerts: Iterable[Alert]) -> None:
    """Have them told.

    Raises:
        KafkaFault: one was not acknowledged.
    """
    sender = Sender(base.connection, base.codec)
    for alert in alerts:
        sender.put(base.topics(sink).alerts, encode_key(alert.key), alert)
    sender.flush()


def _keep(base: Base, sink: str, report: Report, *, shadow: bool) -> None:
    """Note the run, and raise or clear the alerts about it. Where one of them fails the other is done, and the report is
    given all the same: what it tells has been done.
    """
    try:
        history_of(base, sink).keep(report)
    except KafkaFault as fault:
        _log.error("history.not_kept", reason=fault.message)
    try:
        write_alerts(base, sink, alerts_of(report, sink, shadow=shadow))
    except KafkaFault as fault:
        _log.error("alerts.not_written", reason=fault.message)
