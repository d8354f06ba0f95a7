"""``cohortstream notify``: the role that tells people of alerts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.process import hosting
from connector.commands.settings import Settings, require_secrets
from connector.commands.wiring.base import make_base
from connector.commands.wiring.notifier import PART, NotifierRole
from connector.runtime.errors import Fault, SettingsFaults
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import SettingsMessage, message

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "notify",
        "send alerts by mail and webhook, until stopped",
        description="""
            Reads the alerts of all roles and tells the recipients of the settings: when one is raised, when it changes,
            again while it stands, and when it is over. A burst is one message. It also alerts when a source is no longer
            polled. "cohortstream run" does the same, so there it is not needed.

            What was told is remembered in a topic, so a restart tells nothing twice and loses nothing; after a long stop
            only what stands then is told. A second one stands by. A recipient that cannot be reached is tried again and
            again, and the others are told of it. "cohortstream check --send-test" shows whether messages arrive.
        """,
        examples=[
            ("the usual way, under a supervisor", "cohortstream --config /etc/cohortstream.toml notify"),
            ("the same, with its own settings", "cohortstream --config /etc/cohortstream-alerts.toml notify"),
        ],
        run=run,
    )


def run(_arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Until the process is asked to stop."""
    if not settings.alerts.recipients:
        fault = message(SettingsMessage.MISSING_TABLE, table="[alerts.recipients]")
        raise SettingsFaults([Fault(fault, "settings file")])
    require_secrets(settings.alerts, "alerts")
    require_secrets(settings.kafka, "kafka")
    with hosting(settings.telemetry, "notify") as process:
        process.run({PART: NotifierRole(make_base(settings, process)).run})
    return ExitCode.OK
