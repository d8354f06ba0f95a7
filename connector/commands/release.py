"""``cohortstream release``: see which removals of a source are withheld, and let them pass."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from connector.commands.asking import ask_and_follow, named_source
from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.topic_reading import latest, raised_alert
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.lifecycle import ExitCode
from connector.source.suspects import Case, list_hash
from schemas.keys import Key
from schemas.records import Record, Suspect, Suspects

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

Withheld = tuple[Case, Suspect]
"""A membership that was missing twice, and what is remembered of it."""


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "release",
        "see which removals of a source are withheld, and let them pass",
        description="""
            When more memberships than usual are missing from a source, their removal waits for a person: the view may be
            broken.

            Without --hash this lists them: who, where, since when, and why, with the limit and the hash that stands for
            exactly this list. Members are personal data. Exit code 6 when any is withheld.

            With --hash the connector reads each of the list once more, and publishes the removal of those that are still
            missing, and of no others.
        """,
        examples=[
            ("look before you release", "cohortstream release apogee"),
            ("these have really ended", "cohortstream release apogee --hash 19a1f3c2b40-1f3a9c04d2ab77e0"),
        ],
        run=run,
    )
    parser.add_argument("source", help="name of the source in the settings")
    parser.add_argument("--hash", help="which list is released; absent: only show it")


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Show, or ask the connector and follow what it says."""
    if arguments.hash is not None:
        return ask_and_follow(arguments, settings, "release", arguments.source, arguments.hash)
    named_source(settings, arguments.source)
    base = base_for_command(settings)
    found = withheld(_suspicions(base, arguments.source), arguments.source)
    limit = _limit(base, arguments.source)
    if arguments.json:
        print_json(as_plain(found, limit))
    else:
        print("\n".join(as_lines(arguments.source, found, limit)))
    return ExitCode.FINDINGS if found else ExitCode.OK


def _suspicions(base: Base, source: str) -> Iterable[Record]:
    def wanted(key: Key) -> bool:
        return key[:2] == ("suspects", source)

    return latest(base, base.topics().checkpoints, [0], wanted).values()


def _limit(base: Base, source: str) -> int | None:
    """The limit that the connector has said is passed; None if it is not."""
    alert = raised_alert(base, f"connector/{source}/suspects")
    return None if alert is None else limit_told(alert.parameters)


def limit_told(parameters: Mapping[str, str]) -> int | None:
    """The limit that the alert about withheld removals speaks of."""
    text = parameters.get("limit", "")
    return int(text) if text.isdecimal() else None


def withheld(records: Iterable[Record], source: str) -> list[Withheld]:
    """What the limit withholds of a source, in a stable order."""
    return sorted(
        (
            (Case(entry.student, suspect.cohort), suspect)
            for entry in records
            if isinstance(entry, Suspects) and entry.source == source
            for suspect in entry.missing
            if suspect.confirmed_at is not None
        ),
        key=lambda one: (one[0].cohort, one[0].student),
    )


def mark_of(found: Iterable[Withheld]) -> str:
    """The hash that stands for exactly this list; the connector makes the same."""
    return list_hash((case, at) for case, suspect in found if (at := suspect.confirmed_at) is not None)


def as_plain(found: list[Withheld], limit: int | None) -> dict[str, Any]:
    """For machines."""
    return {
        "hash": mark_of(found) if found else None,
        "limit": limit,
        "withheld": [
            {
                "cohort": case.cohort,
                "student": case.student,
                "cause": suspect.cause,
                "first_missed_at": suspect.first_missed_at,
                "missed_again_at": suspect.confirmed_at,
            }
            for case, suspect in found
        ],
    }


def as_lines(source: str, found: list[Withheld], limit: int | None) -> list[str]:
    """For people."""
    if not found:
        return [f"Nothing of {source} is withheld."]
    text = [
        f"{case.cohort}  {case.student}  {suspect.cause}, missing since {suspect.first_missed_at:%Y-%m-%d %H:%M}Z"
        for case, suspect in found
    ]
    cohorts = len({case.cohort for case, _ in found})
    text.append(f"{len(found)} memberships of {cohorts} cohorts are missing and withheld.")
    if limit is None:
        return [
            *text,
            "They are within the source's limit by now: the next look decides them, and nobody need release them.",
        ]
    text.append(f"That is {max(0, len(found) - limit)} more than the {limit} that {source} may conclude within a day.")
    return [
        *text,
        "Look first whether the source's view is whole: rows that come back need no release.",
        f"If they have really ended, run: cohortstream release {source} --hash {mark_of(found)}",
    ]
