"""``cohortstream plan``: what the consumers would do to Moodle, before they do it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from connector.commands.command import add_command, print_json
from connector.commands.planning import Outlook, survey
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.standing import describe_standing, told
from connector.commands.wiring.base import base_for_command
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages.translation import translation_for
from consumers.cohorts.adoption import Why
from consumers.cohorts.prospect import Prospect
from consumers.cohorts.settings import SinkSettings

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_COLUMNS = ("cohort", "in Moodle", "add", "there", "foreign", "remove", "no account")


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "plan",
        "what the consumers would do to Moodle, before they do it",
        description="""
            Compares what the topics say with Moodle, and lists for each cohort whether it would be made or taken over, how
            many members would be added, are there already, are there though no record names them (foreign), and would be
            removed. It only reads; no consumer need be running.

            The hash at the end stands for what cannot be taken back lightly: cohorts that are made or taken over, foreign
            members, removals. Additions do not change it, so that it stands while the sources live.
        """,
        examples=[
            ("before a sink is adopted", "cohortstream plan"),
            ("with Moodle's ids of the foreign members and of those to be removed", "cohortstream plan --members"),
            ("for a script", "cohortstream plan --json"),
        ],
        run=run,
    )
    parser.add_argument("--cohort", action="append", default=[], help="show only this cohort; may be repeated")
    parser.add_argument(
        "--members", action="store_true", help="list foreign members and removals by Moodle's ids of users"
    )
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Print it."""
    base, (sink, section) = base_for_command(settings), settings.sink(arguments.sink)
    found = survey(base, sink)
    shown = [one for one in found.prospects if not arguments.cohort or one.cohort in arguments.cohort]
    if arguments.json:
        print_json(_plain(sink, section, found, shown))
    else:
        print("\n".join([*table(shown, members=arguments.members), *advice(sink, section, found)]))
    return ExitCode.OK


def _plain(sink: str, section: SinkSettings, found: Outlook, shown: Sequence[Prospect]) -> dict[str, Any]:
    return {
        "sink": sink,
        **describe_standing(sink, found.standing, section.mode),
        "foreign_policy": section.foreign,
        "hash": found.mark,
        "total": total(found.prospects),
        "cohorts": [asdict(one) for one in shown],
    }


def total(prospects: Sequence[Prospect]) -> dict[str, int]:
    """Over all cohorts."""
    return {
        "cohorts": len(prospects),
        "create": sum(one.create for one in prospects),
        "taken_over": sum(one.taken_over for one in prospects),
        "waits": sum(bool(one.waits) for one in prospects),
        "add": sum(one.add for one in prospects),
        "there": sum(one.there for one in prospects),
        "foreign": sum(len(one.foreign) for one in prospects),
        "remove": sum(len(one.remove) for one in prospects),
        "unplaced": sum(one.unplaced for one in prospects),
    }


def table(prospects: Sequence[Prospect], *, members: bool) -> Iterator[str]:
    """The cohorts with something to say, for people."""
    rows = [one for one in prospects if _interesting(one)]
    width = max([len(_COLUMNS[0]), *(len(one.cohort) for one in rows)])
    numbers = "".join(f"{name:>12}" for name in _COLUMNS[2:])
    yield f"{_COLUMNS[0]:<{width}}  {_COLUMNS[1]:<22}{numbers}"
    for one in rows:
        counts = (one.add, one.there, len(one.foreign), len(one.remove), one.unplaced)
        yield f"{one.cohort:<{width}}  {_how(one):<22}" + "".join(f"{count:>12}" for count in counts)
        if members:
            yield from (f"  foreign: account {user}" for user in one.foreign)
            yield from (f"  remove: account {user}" for user in one.remove)
    if len(rows) < len(prospects):
        yield f"… and {len(prospects) - len(rows)} cohorts that are as they should be"


def _interesting(one: Prospect) -> bool:
    return bool(one.waits or one.create or one.taken_over or one.add or one.foreign or one.remove or one.unplaced)


def _how(one: Prospect) -> str:
    if one.waits:
        return one.waits
    if one.create:
        return "make it"
    return f"take over {one.moodle_id}" if one.taken_over else f"is {one.moodle_id}"


def advice(sink: str, section: SinkSettings, found: Outlook) -> Iterator[str]:
    """The sum, and what to do next."""
    sums = total(found.prospects)
    yield (
        "{cohorts} cohorts: {create} to be made, {taken_over} with members to be taken over, {waits} that wait. Members: {add} "
        "to be added, {there} there already, {foreign} foreign, {remove} to be removed, {unplaced} students without an "
        "account.".format(**sums)
    )
    if sums["foreign"] and sums["unplaced"]:
        yield "Some of the foreign members may be students whose account was not found by its student key."
    if sums["foreign"]:
        yield f'Foreign members: the settings say foreign = "{section.foreign}".'
    standing = found.standing
    if standing.adoption is not None and standing.adoption.why == Why.FIRST_LOAD:
        yield "Not every source is loaded yet, so this is not all of it."
    if (note := told(sink, standing, section.mode)) is not None:
        yield f"{note.code}: {translation_for(os.environ).text(note)}"
    if standing.adoption is not None and section.mode == "apply":
        policy = section.foreign
        yield f"If this is meant, run: cohortstream adopt {found.mark} --foreign {policy}"
    else:
        yield f"hash {found.mark}"
