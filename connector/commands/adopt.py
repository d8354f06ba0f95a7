"""``cohortstream adopt``: end the shadow of a sink, after looking at its plan."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from connector.commands.answering import REFUSED, ask
from connector.commands.command import add_command, print_json
from connector.commands.commanding import new_command
from connector.commands.planning import Outlook, survey
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.standing import told
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.errors import Halted
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message
from consumers.cohorts.adoption import ADOPTION_KEY
from consumers.cohorts.fold import ADOPT
from consumers.cohorts.settings import SinkSettings

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_HOME = 0


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "adopt",
        "begin to apply to a Moodle that somebody else kept so far",
        description="""
            Makes the plan again. If it has another hash by now, nothing happens: look at it again. Otherwise the consumers begin
            to apply it: additions at once, removals after their time and within the breaker's budgets. Stop whatever kept
            these cohorts before, first.

            --foreign says what becomes of members whom no record names, and must be what the settings say: keep, they stay;
            remove, they go as any other removal does.
        """,
        examples=[("the hash comes from cohortstream plan", "cohortstream adopt 3f9a1c04d2ab --foreign keep")],
        run=run,
    )
    parser.add_argument("hash", help='as "cohortstream plan" prints it')
    parser.add_argument("--foreign", choices=["keep", "remove"], required=True, help="members whom no record names")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Adopt it, if it is still what was seen.

    Raises:
        Halted: it is another plan by now, or the settings say otherwise; nothing was done.
        Unavailable: no consumer has answered; the command stands for a day.
    """
    base, (sink, section) = base_for_command(settings), settings.sink(arguments.sink)
    require_fit(sink, section, arguments.foreign)
    found = survey(base, sink)
    require_meant(sink, section, found, arguments.hash)
    number = ask_to_adopt(base, sink, arguments.hash, arguments.foreign)
    if arguments.json:
        print_json({"sink": sink, "adopted": True, "command": number})
    else:
        print(f"{sink} is adopted: the consumers begin to apply what was planned.")
    return ExitCode.OK


def require_fit(sink: str, section: SinkSettings, foreign: str) -> None:
    """Raises ``Halted`` where the settings do not go with the answer."""
    if section.mode == "shadow":
        raise Halted(message(CliMessage.SHADOW_BY_SETTING, sink=sink))
    if foreign != section.foreign:
        raise Halted(message(CliMessage.FOREIGN_DIFFERS, sink=sink, asked=foreign, set=section.foreign))


def require_meant(sink: str, section: SinkSettings, found: Outlook, mark: str) -> None:
    """Raises ``Halted`` where there is nothing to adopt, or something else than was seen."""
    if told(sink, found.standing, section.mode) is None:
        raise Halted(message(CliMessage.NOT_IN_SHADOW, sink=sink))
    if found.mark != mark:
        raise Halted(message(CliMessage.OTHER_PLAN, hash=mark, now=found.mark))


def ask_to_adopt(base: Base, sink: str, mark: str, foreign: str) -> str:
    """Send the command and wait for the consumer's answer; the command's id."""
    command = replace(new_command(ADOPT, "", base.clock.now()), hash=mark, foreign=foreign)
    (answer,) = ask(base, sink, [(_HOME, ADOPTION_KEY, command)])
    if answer.kind == REFUSED:
        raise Halted(message(CliMessage.ADOPTION_REFUSED, reason=answer.reason or ""))
    return command.id
