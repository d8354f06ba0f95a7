"""``cohortstream accept-directory``: let the list of accounts shrink as much as it would."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.partition_words import say, tell
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.topic_reading import raised_alert
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.errors import Halted
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message
from consumers.cohorts.fold import ACCEPT_DIRECTORY

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "accept-directory",
        "let the list of accounts shrink as much as it would",
        description="""
            A reading of all accounts that loses more students than the setting students.loss_limit allows is not taken
            over: a service user that lost a right, or a filter of the report, looks the same. What was known stays in use.

            Without --hash this says how many would be lost. Exit code 6 while the consumers wait.

            With --hash, which the first prints, the next reading may lose as many. A student without an account is parked;
            nobody is removed for it.
        """,
        examples=[
            ("how many are it?", "cohortstream accept-directory"),
            ("they are really gone", "cohortstream accept-directory --hash 4c1d0a9be2f73318"),
        ],
        run=run,
    )
    parser.add_argument("--hash", help="how many are accepted; absent: only show it")
    add_sink(parser)


@dataclass(frozen=True, slots=True)
class Loss:
    """What the consumers wait for."""

    sink: str
    lost: int
    known: int

    @property
    def mark(self) -> str:
        """Stands for exactly these numbers."""
        return sha256(f"directory\t{self.sink}\t{self.lost}\t{self.known}".encode()).hexdigest()[:16]


def awaited(base: Base, sink: str) -> Loss | None:
    """What the standing alert says; None if there is none.

    Raises:
        KafkaFault: the alerts cannot be read.
    """
    alert = raised_alert(base, f"{sink}.directory_loss")
    return None if alert is None else Loss(sink, int(alert.parameters["lost"]), int(alert.parameters["known"]))


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Show, or have the consumers accept it.

    Raises:
        Halted: they wait for another number, or for none; nothing was done.
        Unavailable: not all consumers have answered; the command stands for a day.
    """
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    found = awaited(base, sink)
    if arguments.hash is None:
        _show(found, as_json=arguments.json)
        return ExitCode.OK if found is None else ExitCode.FINDINGS
    if found is None or found.mark != arguments.hash:
        raise Halted(message(CliMessage.OTHER_LOSS, hash=arguments.hash))
    answers = say(base, sink, ACCEPT_DIRECTORY, dict.fromkeys(range(settings.kafka.partitions), str(found.lost)))
    text = f"{answers.followed} partitions let the next reading of all accounts lose {found.lost} students."
    return tell(answers, text, {"accepted": found.lost}, as_json=arguments.json)


def _show(found: Loss | None, *, as_json: bool) -> None:
    if as_json:
        waits = None if found is None else {"lost": found.lost, "known": found.known, "hash": found.mark}
        print_json({"waits": waits})
    elif found is None:
        print("Nothing waits: the last reading of all accounts was taken over.")
    else:
        print(f"{found.lost} of {found.known} students would have no account any more.")
        print(f"If these accounts are really gone, run: cohortstream accept-directory --hash {found.mark}")
