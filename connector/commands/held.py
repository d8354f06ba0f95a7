"""``cohortstream held``: the removals that wait for a person."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.commanding import held_removals, mark_of
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
        "held",
        "the removals that wait for a person, and the hash that lets them pass",
        description="""
            Lists every removal that the consumers hold: who, where, why and since when. The hash at the end stands for
            exactly this list. Members are personal data. Exit code 6 when any is held.
        """,
        examples=[("look before you approve", "cohortstream held"), ("for a script", "cohortstream held --json")],
        run=run,
    )
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Print the list."""
    entries = held_removals(base_for_command(settings), settings.sink(arguments.sink)[0])
    if arguments.json:
        listed = [
            {"cohort": e.cohort, "student": e.student, "user_id": e.user_id, "reason": e.reason, "since": e.since}
            for e in entries
        ]
        print_json({"hash": mark_of(entries) if entries else None, "held": listed})
    else:
        for e in entries:
            print(f"{e.cohort}  {e.student}  (account {e.user_id})  {e.reason} since {e.since:%Y-%m-%d %H:%M}")
        told = f"hash {mark_of(entries)}" if entries else "nothing waits"
        print(f"{len(entries)} removals are held; {told}.")
    return ExitCode.FINDINGS if entries else ExitCode.OK
