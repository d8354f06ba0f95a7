"""``cohortstream accept-site``: see why a Moodle is not taken for the one that the ledger speaks of, and accept it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from connector.commands.command import add_command, print_json
from connector.commands.partition_words import markers, say, tell
from connector.commands.settings import Settings, require_secrets
from connector.commands.sinks import add_sink
from connector.commands.wiring.base import base_for_command
from connector.commands.wiring.moodle import open_reader
from connector.runtime.errors import Halted
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.site_identity import Judgement, Oddity, Verdict, judge, witnesses
from consumers.moodle.values import Sighting
from schemas.records import PartitionMarker

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "accept-site",
        "see why a Moodle is not taken for the one that the ledger speaks of, and accept it",
        description="""
            The consumers send nothing to a Moodle with another address, or one in which the newest accounts that the
            ledger names were never made or are somebody else's: it was restored from a back-up, or is a copy.

            Without --hash this shows what is odd; nothing is changed. Accounts are personal data. Exit code 6 while
            something is odd.

            With --hash, which the first prints, the consumers accept exactly that. They believe nothing any more of what
            the ledger says of Moodle: all memberships are taken in from the topic again, Moodle is read, what is missing
            is added, and what is too much goes the way of every removal, through its waiting time and the breaker.
        """,
        examples=[
            ("why does nothing happen?", "cohortstream accept-site"),
            ("that is meant", "cohortstream accept-site --hash 1f3a9c04d2ab77e0"),
        ],
        run=run,
    )
    parser.add_argument("--hash", help="what exactly is accepted; absent: only show it")
    add_sink(parser)


@dataclass(frozen=True, slots=True)
class Review:
    """A site compared with what the ledger knows of it."""

    judgements: Mapping[int, Judgement]
    """By partition."""

    @property
    def odd(self) -> bool:
        """Whether the consumers send nothing."""
        return any(one.verdict is not Verdict.SAME for one in self.judgements.values())

    @property
    def mark(self) -> str:
        """Stands for exactly what was seen."""
        text = "\n".join(f"{partition}\t{one.mark}" for partition, one in sorted(self.judgements.items()))
        return sha256(text.encode()).hexdigest()[:16]

    @property
    def oddities(self) -> list[Oddity]:
        """The accounts that are not what they were, the newest first."""
        found = {odd for one in self.judgements.values() for odd in one.oddities}
        return sorted(found, key=lambda odd: (-odd.user_id, odd.before))

    @property
    def addresses(self) -> tuple[str, str] | None:
        """Before and now, where these differ."""
        for one in self.judgements.values():
            if one.before.rstrip("/").lower() != one.url.rstrip("/").lower():
                return one.before, one.url
        return None


def review(known: Mapping[int, PartitionMarker], seen: Sighting, settings: SinkSettings) -> Review:
    """What the consumers find who look at the same."""
    names = settings.students.field if settings.students.by == "profile_field" else None
    return Review({partition: judge(marker.site, [], seen, names) for partition, marker in known.items()})


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Show, or have the consumers accept it.

    Raises:
        Halted: it is not what was seen any more; nothing was done.
        Unavailable: not all consumers have answered; the command stands for a day.
    """
    sink, section = settings.sink(arguments.sink)
    require_secrets(section, "sinks", sink)
    base = base_for_command(settings)
    known = markers(base, sink)
    ids = {account.user_id for marker in known.values() for account in witnesses(marker.site)}
    with open_reader(section, base.clock) as reader:
        found = review(known, reader.sight(ids), section)
    if arguments.hash is None:
        _show(found, as_json=arguments.json)
        return ExitCode.FINDINGS if found.odd else ExitCode.OK
    if not found.odd or found.mark != arguments.hash:
        raise Halted(message(CliMessage.OTHER_SITE, hash=arguments.hash))
    answers = say(base, sink, "accept_site", {p: one.mark for p, one in found.judgements.items()})
    text = f"{answers.followed} partitions accept it and begin anew."
    return tell(answers, text, {"accepted": answers.followed}, as_json=arguments.json)


def _show(found: Review, *, as_json: bool) -> None:
    if as_json:
        print_json(_plain(found))
        return
    if not found.odd:
        print("Nothing is odd: this is the Moodle that the ledger speaks of.")
        return
    if (addresses := found.addresses) is not None:
        print(f"The ledger speaks of {addresses[0]}; this Moodle calls itself {addresses[1]}.")
    if all(one.verdict is Verdict.BLIND for one in found.judgements.values() if one.verdict is not Verdict.SAME):
        print("The service user sees none of the accounts that the ledger names. Has it lost moodle/user:viewdetails?")
    for odd in found.oddities:
        was = f"was {odd.before}" if odd.before else "was added lately"
        print(f"  account {odd.user_id} {was}, " + ("and was never there" if odd.now is None else f"is {odd.now}"))
    print(f"If this is the Moodle that is meant, run: cohortstream accept-site --hash {found.mark}")


def _plain(found: Review) -> dict[str, Any]:
    return {
        "odd": found.odd,
        "hash": found.mark if found.odd else None,
        "addresses": found.addresses,
        "verdicts": {str(partition): one.verdict.value for partition, one in sorted(found.judgements.items())},
        "accounts": [{"user_id": odd.user_id, "before": odd.before, "now": odd.now} for odd in found.oddities],
    }
