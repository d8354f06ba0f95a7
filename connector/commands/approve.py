"""``cohortstream approve``: let a list of held removals pass."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.deciding import run_decision
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.runtime.lifecycle import ExitCode

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "approve",
        "let a list of held removals pass, by its hash",
        description="""
            Releases the removals that "cohortstream held" listed under this hash, within 24 hours, as far as nothing has
            changed since: those of which the source has spoken anew, or which are not held any more, are named and left
            as they are, and exit code 6 says that there are some. What is held and not on the list stays held.

            Released removals count against no budget. Who approved, and when, is kept in the journal.
        """,
        examples=[("the hash comes from cohortstream held", "cohortstream approve 3f9a1c04d2ab")],
        run=run,
    )
    parser.add_argument("hash", help='as "cohortstream held" prints it')
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Release what is as it was."""
    return run_decision(arguments, settings, "approve", "released; the consumers do them now")
