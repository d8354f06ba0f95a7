"""``cohortstream discard``: leave a list of held removals undone."""

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
        "discard",
        "leave a list of held removals undone, by its hash: the members stay",
        description="""
            The removals that "cohortstream held" listed under this hash are not done. The members stay in Moodle until the
            source says something new of them; rechecks, replays and reconciliations leave them, and say so. Those of the
            list that have changed since are named and left as they are, and exit code 6 says that there are some.

            Who discarded, and when, is kept in the journal.
        """,
        examples=[("the hash comes from cohortstream held", "cohortstream discard 3f9a1c04d2ab")],
        run=run,
    )
    parser.add_argument("hash", help='as "cohortstream held" prints it')
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Settle what is as it was."""
    return run_decision(arguments, settings, "discard", "discarded; these members stay")
