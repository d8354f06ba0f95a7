"""``cohortstream explain``: how a membership came to be what it is, from the topics."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.topic_reading import decoded, messages
from connector.commands.wiring.base import Base, base_for_command
from connector.runtime.lifecycle import ExitCode
from schemas.keys import partition_of
from schemas.mapping import to_plain
from schemas.records import JournalEntry, LedgerEntry, MembershipChanged

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "explain",
        "why a student is, or is not, in a cohort",
        description="""
            Shows what the source said of a membership, what the consumer decided, and what Moodle answered, from the topics.

            The answer names a person; treat it as personal data. Logs and traces carry a keyed hash, which is shown too.
        """,
        examples=[
            ("the story of one membership", "cohortstream explain 2026-INFO-L1-02 21900001"),
            ("for a script", "cohortstream explain 2026-INFO-L1-02 21900001 --json | jq .story"),
        ],
        run=run,
    )
    parser.add_argument("cohort", help="idnumber of the cohort")
    parser.add_argument("student", help="the student's key, as the source's pattern makes it")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    base = base_for_command(settings)
    sink, _ = settings.sink(arguments.sink)
    story = [*_story(base, sink, arguments.cohort, arguments.student)]
    hashed = base.telemetry.pseudonym.of("student", arguments.student)
    if arguments.json:
        print_json({"student_hash": hashed, "story": story})
    else:
        print(f"In logs and traces the student is {hashed}.")
        for step in story:
            print(_line(step))
        if not story:
            print("No record names this membership. Is the key spelt as the source's pattern makes it?")
    return ExitCode.OK if story else ExitCode.FINDINGS


def _story(base: Base, sink: str, cohort: str, student: str) -> Iterator[dict[str, Any]]:
    """What happened, oldest first."""
    names = base.topics(sink)
    partition = partition_of(cohort, base.settings.kafka.partitions)
    found: list[tuple[datetime, dict[str, Any]]] = []
    for topic in (names.memberships, names.ledger, names.journal):
        for message, _, record in decoded(base, messages(base, topic, [partition])):
            if _concerns(record, cohort, student):
                at = datetime.fromtimestamp(message.timestamp_ms / 1000, UTC)
                plain = {k: v for k, v in to_plain(record).items() if v not in (None, "", [], {})}
                found.append((at, {"at": at.isoformat(), "topic": topic, "offset": message.offset, "record": plain}))
    yield from (step for _, step in sorted(found, key=lambda one: one[0]))


def _concerns(record: Any, cohort: str, student: str) -> bool:
    if isinstance(record, JournalEntry):
        return record.cohort == cohort and record.student in (None, student)
    return isinstance(record, MembershipChanged | LedgerEntry) and record.cohort == cohort and record.student == student


def _line(step: dict[str, Any]) -> str:
    record = {name: value for name, value in step["record"].items() if name not in ("cohort", "student")}
    facts = ", ".join(f"{name} {value}" for name, value in record.items())
    return f"{step['at'][:23]}  {step['topic']} @{step['offset']}: {facts}"
