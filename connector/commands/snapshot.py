"""``cohortstream snapshot``: have a source read whole."""

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
        "snapshot",
        "have a source read whole, and what polling missed published",
        description="""
            The connector compares all rows with what it published, and reads again whatever
            differs. It prints progress, and at the end what was missed, by cause.
        """,
        examples=[("read everything again", "cohortstream snapshot apogee")],
        run=run,
    )
    parser.add_argument("source", help="name of the source in the settings")


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Ask the connector and follow what it says."""
    return ask_and_follow(arguments, settings, "snapshot", arguments.source)
