"""``cohortstream parked``: what waits, for what, since when, and what to do about it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.topic_reading import decoded, messages
from connector.commands.waiting import as_lines, as_plain, gather, is_parked
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages.translation import translation_for
from consumers.cohorts.remedies import REMEDIES
from schemas.keys import Key
from schemas.records import CohortEntry, LedgerEntry

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "parked",
        "what waits for something outside, and what to do about it",
        description="""
            Lists the memberships and cohorts that cannot be applied yet, by reason: how many, for how long, in which
            cohorts, and what to do. Most go on by themselves when the cause is gone. Exit code 6 when any is parked.

            With --members each membership is named; members are personal data.
        """,
        examples=[
            ("what waits, and for what?", "cohortstream parked"),
            ("who has no account?", "cohortstream parked --reason student_without_account --members"),
            ("one cohort", "cohortstream parked --cohort 2026-INFO-L1-02 --members"),
        ],
        run=run,
    )
    parser.add_argument(
        "--reason", action="append", default=[], choices=sorted(REMEDIES), help="only this reason; may be repeated"
    )
    parser.add_argument("--cohort", action="append", default=[], help="only this cohort; may be repeated")
    parser.add_argument("--members", action="store_true", help="name each membership")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Print what is parked."""
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    found = gather(_parked(base, base.topics(sink).ledger), arguments.reason, arguments.cohort)
    if arguments.json:
        print_json([as_plain(one, members=arguments.members) for one in found])
    else:
        translation = translation_for(os.environ)
        print(*as_lines(found, base.clock.now(), members=arguments.members, translation=translation), sep="\n")
    return ExitCode.FINDINGS if found else ExitCode.OK


def _parked(base: Base, topic: str) -> Iterator[LedgerEntry | CohortEntry]:
    """The last word of each key, where it is parked; memory is bounded by these."""
    for partition in range(base.settings.kafka.partitions):
        waiting: dict[Key, LedgerEntry | CohortEntry] = {}
        for _, key, record in decoded(base, messages(base, topic, [partition])):
            if isinstance(record, LedgerEntry | CohortEntry) and is_parked(record):
                waiting[key] = record
            else:
                waiting.pop(key, None)
        yield from waiting.values()
