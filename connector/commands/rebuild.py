"""``cohortstream rebuild``: make the ledger anew from the topic and from Moodle."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from connector.commands.command import add_command, print_json
from connector.commands.partition_words import say, tell
from connector.commands.plan import total
from connector.commands.planning import survey
from connector.commands.settings import Settings, require_secrets
from connector.commands.sinks import add_sink
from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.errors import Halted
from connector.runtime.kafka.topics import topic_id
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message
from schemas.records import EntryStatus, LedgerEntry, MembershipChanged, PartitionMarker, Presence

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "rebuild",
        "make the ledger anew from the topic and from Moodle",
        description="""
            For a topic of memberships that was deleted and made anew (CS5006), or a ledger that nobody trusts any more.

            Without --hash this compares ledger, topic and Moodle and shows what would change; nothing is changed.

            With --hash, which the first prints, the running consumers begin every partition anew: all memberships are
            taken in from the topic, Moodle is read, what is missing is added, and what is too much goes the way of every
            removal. Held removals stay held, the breaker's day goes on. Whom the topic does not name stays where they are.
        """,
        examples=[
            ("how do ledger and topic stand?", "cohortstream rebuild"),
            ("begin anew", "cohortstream rebuild --hash 9b1e55d1c0ffee42"),
        ],
        run=run,
    )
    parser.add_argument("--hash", help="of what was shown; absent: only show it")
    add_sink(parser)


@dataclass
class Stand:
    """Ledger and topic, counted over all partitions."""

    other_topic: int = 0
    """Partitions whose ledger speaks of another topic."""
    wanted: int = 0
    """Memberships that the topic wants."""
    ended: int = 0
    """Memberships of which the topic says that they have ended."""
    unnamed: int = 0
    """Memberships that the ledger wants or shows and that the topic does not name: they would be nobody's."""
    held: int = 0
    """Removals that wait for a person."""


def stand_of(base: Base, sink: str, topic: str) -> Stand:
    """Read both, a partition at a time, so that memory stays bounded.

    Raises:
        KafkaFault: the topics cannot be read.
    """
    names, found = base.topics(sink), Stand()
    for partition in range(base.settings.kafka.partitions):
        said = latest(base, names.memberships, [partition])
        states = {key: record.state for key, record in said.items() if isinstance(record, MembershipChanged)}
        found.wanted += sum(state is Presence.PRESENT for state in states.values())
        found.ended += sum(state is Presence.ABSENT for state in states.values())
        for key, record in latest(base, names.ledger, [partition]).items():
            if isinstance(record, PartitionMarker):
                found.other_topic += record.topic_id != topic
            elif isinstance(record, LedgerEntry):
                counts = Presence.PRESENT in (record.desired, record.applied)
                found.unnamed += counts and key not in states
                found.held += record.status is EntryStatus.HELD
    return found


def mark_of(topic: str, partitions: int) -> str:
    """Stands for the topic that is taken in."""
    return sha256(f"rebuild\t{topic}\t{partitions}".encode()).hexdigest()[:16]


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Show, or have the consumers begin anew.

    Raises:
        Halted: the topic is another one by now; nothing was done.
        Unavailable: not all consumers have answered; the command stands for a day.
    """
    sink, section = settings.sink(arguments.sink)
    base, partitions = base_for_command(settings), settings.kafka.partitions
    topic = topic_id(base.connection, base.topics(sink).memberships)
    mark = mark_of(topic, partitions)
    if arguments.hash is None:
        require_secrets(section, "sinks", sink)
        found = stand_of(base, sink, topic)
        ahead = total(survey(base, sink, trusted=False).prospects)
        _show(found, ahead, mark, as_json=arguments.json)
        return ExitCode.FINDINGS if found.other_topic else ExitCode.OK
    if arguments.hash != mark:
        raise Halted(message(CliMessage.OTHER_TOPIC, hash=arguments.hash))
    answers = say(base, sink, "rebuild", dict.fromkeys(range(partitions), topic))
    text = f"{answers.followed} partitions begin anew."
    return tell(answers, text, {"begun": answers.followed}, as_json=arguments.json)


def _show(found: Stand, ahead: dict[str, int], mark: str, *, as_json: bool) -> None:
    if as_json:
        plain: dict[str, Any] = {
            "other_topic": found.other_topic,
            "wanted": found.wanted,
            "ended": found.ended,
            "unnamed": found.unnamed,
            "held": found.held,
            "ahead": ahead,
            "hash": mark,
        }
        print_json(plain)
        return
    if found.other_topic:
        print(f"The ledger of {found.other_topic} partitions speaks of another topic of memberships.")
    print(f"The topic wants {found.wanted} memberships, and says that {found.ended} have ended.")
    if found.unnamed:
        print(f"{found.unnamed} that the ledger has are not on the topic: they would stay in Moodle as nobody's.")
    if found.held:
        print(f"{found.held} held removals stay held.")
    print(
        "In Moodle: {create} cohorts to be made, {add} members to be added, {there} there already, {remove} to be removed "
        "within the breaker's budgets, {foreign} whom no record names.".format(**ahead)
    )
    print(f"If that is meant, run: cohortstream rebuild --hash {mark}")
