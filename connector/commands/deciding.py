"""Running the commands that decide about a frozen list of held removals, and saying what became of it."""

from __future__ import annotations

import argparse

from connector.commands.command import print_json
from connector.commands.holding import Decision, Item, decide
from connector.commands.settings import Settings
from connector.commands.wiring.base import base_for_command
from connector.runtime.lifecycle import ExitCode


def run_decision(arguments: argparse.Namespace, settings: Settings, kind: str, told: str) -> ExitCode:
    """Decide about the list that ``arguments`` name; ``told`` says what becomes of its removals.

    Raises:
        Halted: no list is frozen under this hash, or not any more.
    """
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    decision = decide(base, sink, kind, arguments.hash)
    if arguments.json:
        print_json(_plain(arguments.hash, decision))
    else:
        print("\n".join(_lines(decision, told)))
    return ExitCode.FINDINGS if decision.left else ExitCode.OK


def _plain(mark: str, decision: Decision) -> dict[str, object]:
    return {
        "hash": mark,
        "sent": [_named(item) for item in decision.going],
        "left": [_named(item) | {"why": why} for item, why in decision.left],
    }


def _named(item: Item) -> dict[str, str]:
    return {"cohort": item.cohort, "student": item.student}


def _lines(decision: Decision, told: str) -> list[str]:
    text = [f"left as it is: {item.cohort}  {item.student}: {why}" for item, why in decision.left]
    text.append(f"{len(decision.going)} removals {told}.")
    if decision.left:
        text.append(
            f"{len(decision.left)} of the list have changed since; see those that are held now: cohortstream held"
        )
    return text
