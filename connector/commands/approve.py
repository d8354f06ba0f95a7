"""``cohortstream approve``: let a list of held removals pass."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command
from connector.commands.commanding import Order, held_removals, mark_of, send_commands
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.wiring.base import base_for_command
from connector.runtime.errors import Halted
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "approve",
        "let a list of held removals pass, by its hash",
        description="""
            Releases exactly the removals that "cohortstream held" listed under this hash. If the list has changed since,
            nothing is released: look at it again. A removal whose desired state changes before the consumer gets to it is
            not done either. Who approved is kept in the journal; what nobody has followed after 24 hours is ignored.
        """,
        examples=[("the hash comes from cohortstream held", "cohortstream approve 3f9a1c04d2ab")],
        run=run,
    )
    parser.add_argument("hash", help='as "cohortstream held" prints it')
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Release the list, if it is still the one that was seen.

    Raises:
        Halted: it is another list by now.
    """
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    entries = held_removals(base, sink)
    if not entries or mark_of(entries) != arguments.hash:
        raise Halted(message(CliMessage.OTHER_LIST, hash=arguments.hash, count=len(entries)))
    orders = (Order(entry.cohort, entry.student, entry.desired_revision) for entry in entries)
    print(
        f"{send_commands(base, sink, 'approve', orders, arguments.hash)} removals released; the consumers do them now."
    )
    return ExitCode.OK
