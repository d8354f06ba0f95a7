"""``cohortstream retire``: take away the support of a source that is gone."""

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
        "retire",
        "take away the support of a source that is gone",
        description="""
            A source that was taken out of the settings keeps its last support until this is run:
            its memberships then end, unless another source supports them. Consumers remove them
            slowly and within their limit.
        """,
        examples=[("after taking it out of the settings", "cohortstream retire old-apogee")],
        run=run,
    )
    parser.add_argument("source", help="name of the source in the settings")


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Ask the connector and follow what it says."""
    return ask_and_follow(arguments, settings, "retire", arguments.source)
