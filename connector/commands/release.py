"""``cohortstream release``: let withheld removals of a source pass."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.asking import ask_and_follow
from connector.commands.command import add_command
from connector.commands.settings import Settings
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "release",
        "let withheld removals of a source pass",
        description="""
            When more memberships than usual are missing from a source, their removal waits for a
            person: the view may be broken. This reads each of the frozen list once more, and
            publishes the removal of those that are still missing, and of no others.
        """,
        examples=[
            (
                "the hash stands in the alert that cohortstream status shows",
                "cohortstream release apogee --hash 1f3a9c",
            ),
        ],
        run=run,
    )
    parser.add_argument("source", help="name of the source in the settings")
    parser.add_argument("--hash", required=True, help="from the alert or the status: what exactly is meant")


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Ask the connector and follow what it says."""
    return ask_and_follow(arguments, settings, "release", arguments.source, arguments.hash)
