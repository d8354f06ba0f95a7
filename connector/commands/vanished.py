"""``cohortstream vanished``: the cohorts that the sources have no longer."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json, writable
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.topic_reading import latest
from connector.commands.vanishing import Vanished, is_vanished, lines, register_of, write_csv
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.lifecycle import ExitCode
from schemas.keys import Key
from schemas.records import CohortChanged, CohortEntry, LedgerEntry

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "vanished",
        "the cohorts that the sources have no longer; Moodle keeps them",
        description="""
            Lists the cohorts of which no source has a row any more: when they were first and last seen, and how many
            members Moodle keeps. With the setting vanished_after of a source they are released in the end. Nothing is
            ever removed from Moodle for this. Nobody is named.
        """,
        examples=[
            ("what has vanished?", "cohortstream vanished"),
            ("for a spreadsheet", "cohortstream vanished --csv vanished.csv"),
            ("for a script", "cohortstream vanished --json | jq -r .[].cohort"),
        ],
        run=run,
    )
    parser.add_argument("--csv", metavar="FILE", type=writable, help="write the list to this file, as CSV")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Print the register, or write it."""
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    found, now = _register(base, sink), base.clock.now()
    if arguments.csv is not None:
        with arguments.csv.open("w", encoding="utf-8", newline="") as file:
            write_csv(found, now, file)
    if arguments.json:
        print_json([one.plain(now) for one in found])
    elif arguments.csv is None:
        print(*lines(found, now), sep="\n")
    return ExitCode.OK


def _register(base: Base, sink: str) -> list[Vanished]:
    """Memory is bounded by cohorts, and the members of those that have vanished."""
    names = base.topics(sink)
    told = [record for record in _cohorts(base, names.memberships) if isinstance(record, CohortChanged)]
    known = [record for record in _cohorts(base, names.ledger) if isinstance(record, CohortEntry)]
    gone = {r.cohort for r in told if is_vanished(r)} | {r.cohort for r in known if is_vanished(r)}
    members = _members(base, names.ledger, gone) if gone else []
    ages = {name: source.vanished_after for name, source in base.settings.sources.items()}
    return register_of(told, known, members, ages)


def _cohorts(base: Base, topic: str) -> Collection[object]:
    """The last record of every cohort."""

    def wanted(key: Key) -> bool:
        return len(key) == 2 and key[1] is None

    return latest(base, topic, range(base.settings.kafka.partitions), wanted).values()


def _members(base: Base, topic: str, cohorts: Collection[str]) -> list[LedgerEntry]:
    def wanted(key: Key) -> bool:
        return len(key) == 2 and key[1] is not None and key[0] in cohorts

    found = latest(base, topic, range(base.settings.kafka.partitions), wanted).values()
    return [entry for entry in found if isinstance(entry, LedgerEntry)]
