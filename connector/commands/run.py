"""``cohortstream run``: all roles in one process, for small sites."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.process import hosting
from connector.commands.scheduling import ReconcilerRole
from connector.commands.settings import Settings, require_secrets
from connector.commands.wiring.base import make_base
from connector.commands.wiring.connector import PART, ConnectorRole
from connector.commands.wiring.consumer import ConsumerRole
from connector.commands.wiring.notifier import PART as NOTIFY
from connector.commands.wiring.notifier import NotifierRole
from connector.commands.wiring.timetable import Timetable
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "run",
        "all roles in one process, until stopped",
        description="""
            The connector, a consumer for every sink, reconciliations at the times of the section reconcile, and the
            notifier if the settings name recipients of alerts.
            For small sites; the separate roles scale and fail separately.
        """,
        examples=[("everything in one", "cohortstream --config /etc/cohortstream.toml run")],
        run=run,
    )


def run(_arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Until the process is asked to stop."""
    require_all_secrets(settings)
    with hosting(settings.telemetry, "run") as process:
        base = make_base(settings, process)
        roles: dict[str, Callable[[], None]] = {PART: ConnectorRole(base).run}
        for sink in settings.sinks:
            consumer = ConsumerRole(base, sink)
            roles[consumer.part] = consumer.run
            if not Timetable(settings.reconcile).empty:
                scheduled = ReconcilerRole(base, sink)
                roles[scheduled.part] = scheduled.run
        if settings.alerts.recipients:
            roles[NOTIFY] = NotifierRole(base).run
        process.run(roles)
    return ExitCode.OK


def require_all_secrets(settings: Settings) -> None:
    """Make sure that every role of this process can read its secrets.

    Raises:
        SettingsFaults: some cannot be read.
    """
    for name, source in settings.required_sources().items():
        require_secrets(source, "sources", name)
    for name, sink in settings.sinks.items():
        require_secrets(sink, "sinks", name)
    require_secrets(settings.kafka, "kafka")
    require_secrets(settings.alerts, "alerts")
