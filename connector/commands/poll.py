"""``cohortstream poll``: the role that watches the databases and publishes what changed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.process import hosting
from connector.commands.settings import Settings, require_secrets
from connector.commands.wiring.base import make_base
from connector.commands.wiring.connector import PART, ConnectorRole
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    add_command(
        subparsers,
        "poll",
        "watch the databases and publish what changed, until stopped",
        description="""
            Reads Oracle with SELECT alone, and writes the memberships topic. One process works at a time; further ones
            stand by and take over within seconds. SIGTERM leaves in order.

            When a database does not answer or refuses, its source pauses, loses nothing, says so on /readyz and in the
            log, and goes on by itself. A wrong password is tried once.
        """,
        examples=[
            ("the usual way, under a supervisor", "cohortstream --config /etc/cohortstream.toml poll"),
            (
                "the settings file named by the environment",
                "COHORTSTREAM_CONFIG=/etc/cohortstream.toml cohortstream poll",
            ),
        ],
        run=run,
    )


def run(_arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Until the process is asked to stop."""
    for name, section in settings.required_sources().items():
        require_secrets(section, "sources", name)
    require_secrets(settings.kafka, "kafka")
    with hosting(settings.telemetry, "poll") as process:
        role = ConnectorRole(make_base(settings, process))
        process.run({PART: role.run})
    return ExitCode.OK
