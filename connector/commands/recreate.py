"""``cohortstream recreate``: make a cohort anew that a person deleted in Moodle."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.commanding import Order, send_commands
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.wiring.base import base_for_command
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "recreate",
        "make a cohort anew that a person deleted in Moodle",
        description="""
            A cohort that a person deleted is not made again behind their back; its memberships wait. This has the consumer
            make it and add its members. A cohort that is still there is left alone.
        """,
        examples=[("the alert names the cohort", "cohortstream recreate 2026-INFO-L1-02")],
        run=run,
    )
    parser.add_argument("cohort", help="idnumber of the cohort")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Ask the consumer that has it."""
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    send_commands(base, sink, "recreate", [Order(arguments.cohort)])
    print(f"The consumer is asked to make {arguments.cohort} anew.")
    return ExitCode.OK
