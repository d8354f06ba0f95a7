"""``cohortstream held``: the removals that wait for a person."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.holding import Frozen, freeze, held_removals, items_of, mark_of
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.wiring.base import base_for_command
from connector.runtime.lifecycle import ExitCode
from schemas.records import LedgerEntry

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "held",
        "the removals that wait for a person, and the hash that decides about them",
        description="""
            Lists every removal that the consumers hold: who, where, why and since when. The list is frozen for 24 hours
            under the hash at the end: "cohortstream approve" lets exactly these removals pass, "cohortstream discard"
            keeps the members. Members are personal data. Exit code 6 when any is held.
        """,
        examples=[
            ("look before you decide", "cohortstream held"),
            ("for a script", "cohortstream held --json"),
            ("only look: no hash, and nothing is written", "cohortstream held --look"),
        ],
        run=run,
    )
    parser.add_argument("--look", action="store_true", help="freeze nothing; needs no right to write")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Freeze the list and print it."""
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    entries = held_removals(base, sink)
    frozen = freeze(base, sink, items_of(entries)) if entries and not arguments.look else None
    if arguments.json:
        print_json(_plain(entries, frozen))
    else:
        print("\n".join(_lines(entries, frozen)))
    return ExitCode.FINDINGS if entries else ExitCode.OK


def _plain(entries: list[LedgerEntry], frozen: Frozen | None) -> dict[str, object]:
    listed = [
        {"cohort": e.cohort, "student": e.student, "user_id": e.user_id, "reason": e.reason, "since": e.since}
        for e in entries
    ]
    return {
        "hash": mark_of(frozen.items) if frozen else None,
        "until": frozen.until if frozen else None,
        "held": listed,
    }


def _lines(entries: list[LedgerEntry], frozen: Frozen | None) -> list[str]:
    if not entries:
        return ["Nothing is held."]
    text = [
        f"{e.cohort}  {e.student}  (account {e.user_id})  {e.reason} since {e.since:%Y-%m-%d %H:%M}Z" for e in entries
    ]
    cohorts = len({entry.cohort for entry in entries})
    text.append(f"{len(entries)} removals of {cohorts} cohorts are held.")
    if frozen is not None:
        mark = mark_of(frozen.items)
        text += [
            f"This list is frozen until {frozen.until:%Y-%m-%d %H:%M}Z. Look first whether the source is right: what it states",
            "again is no longer held. Then decide:",
            f"  cohortstream approve {mark}   the members leave",
            f"  cohortstream discard {mark}   they stay, until the source says something new of them",
        ]
    return text
