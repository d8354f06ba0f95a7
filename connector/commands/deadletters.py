"""``cohortstream deadletters``: see the records that could not be used, and put them back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.commanding import send_commands
from connector.commands.moments import moment
from connector.commands.set_aside import (
    NEEDS_SOMEBODY,
    Listed,
    Place,
    as_line,
    as_lines,
    as_plain,
    listed,
    parse_place,
    place_text,
    to_put_back,
)
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.topic_reading import decoded, messages
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.errors import Halted
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message
from schemas.codec import Undecodable
from schemas.records import DeadLetter, JournalEntry

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "deadletters",
        "the records that could not be used, and a way back for them",
        description="""
            Without a place this lists the dead letters of a sink, oldest first: where the record lies, when it was set
            aside, how it stands, and why it could not be used. With places it shows each whole: headers, key, and what
            the bytes say, as far as this release can tell. Members are personal data.

            With --put-back the consumers read these records of the memberships topic again, take in what is news, and
            compare the membership with Moodle in any case. That helps when the cause is removed: mostly after an upgrade.
            What a later record has superseded needs nothing.

            Exit code 6 when some need somebody.
        """,
        examples=[
            ("what was set aside?", "cohortstream deadletters"),
            ("all about one", "cohortstream deadletters enrollment.memberships/3/1042"),
            ("read it again; the topic of memberships need not be named", "cohortstream deadletters 3/1042 --put-back"),
            ("read all again that are open", "cohortstream deadletters --put-back --all"),
        ],
        run=run,
    )
    parser.add_argument("place", nargs="*", help="TOPIC/PARTITION/OFFSET as it is listed, or PARTITION/OFFSET")
    parser.add_argument("--put-back", action="store_true", help="have the consumers read them again")
    parser.add_argument("--all", action="store_true", help="with --put-back: every one that is listed and open")
    parser.add_argument("--stage", help="only those that failed there: decode, key, fold")
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="only those set aside since then (ISO 8601; UTC if no zone)"
    )
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """List, show, or put back.

    Raises:
        Halted: what to put back is not said, or no such letter is there.
    """
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    topic = base.topics(sink).memberships
    places = [_place(text, topic) for text in arguments.place]
    if arguments.put_back and bool(places) is bool(arguments.all):
        raise Halted(message(CliMessage.NOTHING_NAMED))
    found = [
        one
        for one in _found(base, sink)
        if arguments.stage in (None, one.letter.stage) and (arguments.since is None or one.letter.at >= arguments.since)
    ]
    if arguments.put_back:
        return _put_back(base, sink, found, None if arguments.all else places, as_json=arguments.json)
    if places:
        known = {one.place: one for one in found}
        if missing := [place for place in places if place not in known]:
            raise Halted(message(CliMessage.NO_SUCH_LETTER, place=place_text(missing[0])))
        found = [known[place] for place in places]
    if arguments.json:
        print_json([as_plain(one, base.codec) for one in found])
    else:
        lines = (line for one in found for line in (as_lines(one, base.codec) if places else [as_line(one)]))
        print(*lines, *([] if places else [_summary(found)]), sep="\n")
    return ExitCode.FINDINGS if any(one.standing in NEEDS_SOMEBODY for one in found) else ExitCode.OK


def _place(text: str, topic: str) -> Place:
    try:
        return parse_place(text, topic)
    except ValueError as error:
        raise Halted(message(CliMessage.NO_SUCH_LETTER, place=text)) from error


def _found(base: Base, sink: str) -> list[Listed]:
    """All dead letters of the sink; memory is bounded by them."""
    names, partitions = base.topics(sink), base.settings.kafka.partitions
    letters = [*_letters(base, names.deadletters)]
    concerned = sorted({letter.partition for letter in letters})
    keys = {(letter.partition, letter.key) for letter in letters if letter.key is not None}
    last = {
        (one.partition, one.key): one.offset
        for one in messages(base, names.memberships, concerned)
        if one.key is not None and (one.partition, one.key) in keys
    }
    return listed(letters, last, _journal(base, names.journal, concerned), names.memberships, partitions)


def _letters(base: Base, topic: str) -> Iterator[DeadLetter]:
    """Whatever their keys: those of the records that were set aside, as they came."""
    for one in messages(base, topic, range(base.settings.kafka.partitions)):
        with suppress(Undecodable):  # of a later release
            record = base.codec.decode(one.value or b"")
            if isinstance(record, DeadLetter):
                yield record


def _journal(base: Base, topic: str, partitions: Iterable[int]) -> list[JournalEntry]:
    return [
        record
        for _, _, record in decoded(base, messages(base, topic, partitions))
        if isinstance(record, JournalEntry) and record.kind == "put_back"
    ]


def _put_back(base: Base, sink: str, found: list[Listed], chosen: list[Place] | None, *, as_json: bool) -> ExitCode:
    going, refused = to_put_back(found, chosen)
    sent = send_commands(base, sink, "recheck", [one.order for one in going if one.order is not None])
    if as_json:
        print_json(
            {
                "put_back": [place_text(one.place) for one in going],
                "not_put_back": [{"place": place_text(place), "reason": reason} for place, reason in refused],
            }
        )
    else:
        for place, reason in refused:
            print(f"{place_text(place)} is not put back: {reason}.")
        print(f"{sent} records are read again by the consumers. See how they stand: cohortstream deadletters")
    return ExitCode.FINDINGS if refused else ExitCode.OK


def _summary(found: list[Listed]) -> str:
    waiting = sum(one.standing in NEEDS_SOMEBODY for one in found)
    return f"{len(found)} dead letters, {waiting} of them need somebody."
