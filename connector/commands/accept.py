"""``cohortstream accept``: see what a source that is not what it was would change, and let it go on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.asking import ask_and_follow, named_source
from connector.commands.command import add_command, print_json
from connector.commands.reviewing import Review, as_lines, as_plain, review
from connector.commands.settings import Settings, require_secrets
from connector.commands.wiring.base import base_for_command
from connector.commands.wiring.state import restored_state
from connector.runtime.lifecycle import ExitCode
from connector.source.oracle.reader import OracleSource

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_COHORTS = 20
_EVERY = 2**31


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "accept",
        "see what a source would change whose database or settings are others, and let it go on",
        description=f"""
            A source stops publishing when its database is another one, its clock is far behind, or its patterns changed.

            Without --hash this says why, reads all rows with the settings as they are now, compares them with what was
            published, and shows which cohorts and memberships would appear, end, or lose their rows; nothing is
            published. Members are personal data. Exit code 6 while the source waits.

            With --hash, which the first prints, the source goes on with exactly what was seen, and takes a snapshot. Lists
            show {_COHORTS} cohorts unless told otherwise.
        """,
        examples=[
            ("why does it wait, and what would change?", "cohortstream accept apogee"),
            ("that is meant", "cohortstream accept apogee --hash 1f3a9c04d2ab77e0"),
        ],
        run=run,
    )
    parser.add_argument("source", help="name of the source in the settings")
    parser.add_argument("--hash", help="what exactly is accepted; absent: only show it")
    parser.add_argument(
        "--cohorts", type=int, default=_COHORTS, help="most cohorts of a list; --json has all (default: %(default)s)"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Show, or ask the connector and follow what it says."""
    if arguments.hash is not None:
        return ask_and_follow(arguments, settings, "accept", arguments.source, arguments.hash)
    found = _review(arguments.source, settings, _EVERY if arguments.json else arguments.cohorts)
    if arguments.json:
        print_json(as_plain(found))
    else:
        print("\n".join(as_lines(found)))
    return ExitCode.FINDINGS if found.waits else ExitCode.OK


def _review(name: str, settings: Settings, most: int) -> Review:
    section = named_source(settings, name)
    require_secrets(section, "sources", name)
    base = base_for_command(settings)
    source = OracleSource(name, section, base.clock)
    try:
        with restored_state(base) as state:
            return review(name, section, source, state, base.clock, base.telemetry.metrics, most)
    finally:
        source.close()
