"""``cohortstream consume``: the role that brings memberships from the topic to one Moodle."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.process import hosting
from connector.commands.settings import Settings, require_secrets
from connector.commands.sinks import add_sink
from connector.commands.wiring.base import make_base
from connector.commands.wiring.consumer import ConsumerRole
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "consume",
        "bring memberships from the topic to Moodle, until stopped",
        description="""
            The only role that changes anything in Moodle. Start as many as there are partitions: they share the work and
            take over from each other. SIGTERM finishes the calls under way and leaves in order.

            When Moodle is down or refuses the token, the consumer pauses, loses nothing, says so on /readyz and in the
            log, and goes on by itself.
        """,
        examples=[
            ("the usual way, under a supervisor", "cohortstream --config /etc/cohortstream.toml consume"),
            ("one of several Moodles", "cohortstream consume --sink staging"),
        ],
        run=run,
    )
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Until the process is asked to stop."""
    sink, section = settings.sink(arguments.sink)
    require_secrets(section, "sinks", sink)
    require_secrets(settings.kafka, "kafka")
    with hosting(settings.telemetry, "consume") as process:
        role = ConsumerRole(make_base(settings, process), sink)
        process.run({role.part: role.run})
    return ExitCode.OK
