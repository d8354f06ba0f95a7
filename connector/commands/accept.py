"""``cohortstream accept``: let a source go on that is not what it was."""

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
        "accept",
        "go on with a source whose database or settings changed",
        description="""
            A source stops publishing when its database is another one, its clock is far behind, or
            its patterns changed. This lets it go on, with exactly what the hash stands for, and
            takes a snapshot, which finds what that changes. Look at "cohortstream preview" first.
        """,
        examples=[
            ("the hash stands in the alert that cohortstream status shows", "cohortstream accept apogee --hash 1f3a9c"),
        ],
        run=run,
    )
    parser.add_argument("source", help="name of the source in the settings")
    parser.add_argument("--hash", required=True, help="from the alert or the status: what exactly is meant")


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Ask the connector and follow what it says."""
    return ask_and_follow(arguments, settings, "accept", arguments.source, arguments.hash)
