"""What a person says of the partitions of a sink as wholes: sent into each, and answered by whoever owns it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from connector.commands.answering import REFUSED, ask
from connector.commands.command import print_json
from connector.commands.commanding import new_command
from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base
from connector.runtime.lifecycle import ExitCode
from schemas.keys import encode_key, name_in
from schemas.records import PartitionMarker


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of it."""

    followed: int
    """Partitions."""
    refused: Mapping[str, int]
    """Partitions, by reason."""


def markers(base: Base, sink: str) -> dict[int, PartitionMarker]:
    """The marker of each partition of the ledger; none of one in which no consumer has worked.

    Raises:
        KafkaFault: the ledger cannot be read.
    """
    found: dict[int, PartitionMarker] = {}
    for partition in range(base.settings.kafka.partitions):  # one at a time, so that memory stays bounded
        for record in latest(base, base.topics(sink).ledger, [partition], lambda key: len(key) == 1).values():
            if isinstance(record, PartitionMarker):
                found[record.partition] = record
    return found


def say(base: Base, sink: str, kind: str, marks: Mapping[int, str]) -> Answers:
    """Send a command of this kind into each of these partitions, with its hash, and wait for the answers.

    Raises:
        KafkaFault: not all were acknowledged.
        Unavailable: not all partitions have answered; what was said stands for a day.
    """
    partitions, now = base.settings.kafka.partitions, base.clock.now()
    questions = []
    for partition, mark in marks.items():
        name = name_in(partition, partitions)
        questions.append((partition, encode_key(name), replace(new_command(kind, name, now), hash=mark)))
    answers = ask(base, sink, questions)
    refused = Counter(answer.reason or "" for answer in answers if answer.kind == REFUSED)
    return Answers(len(answers) - refused.total(), dict(refused))


def tell(answers: Answers, text: str, plain: Mapping[str, int], *, as_json: bool) -> ExitCode:
    """Print what became of it, and who refuses; ``text`` for people, ``plain`` for machines. The exit code."""
    if as_json:
        print_json({**plain, "refused": answers.refused})
    else:
        print(text)
        print("".join(f"{count} refuse it: {why}\n" for why, count in sorted(answers.refused.items())), end="")
    return ExitCode.HALTED if answers.refused else ExitCode.OK
