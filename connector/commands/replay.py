"""``cohortstream replay``: re-assert the current desired state of what the topic said in a window."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connector.commands.command import add_command, print_json
from connector.commands.commanding import Order, send_commands
from connector.commands.moments import moment
from connector.commands.rehearsing import Rehearsed, rehearse_replay
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.standing import shadow_of
from connector.commands.wiring.base import Base, base_for_command
from connector.commands.working_off import WorkingOff
from connector.runtime.errors import Halted
from connector.runtime.kafka.group import members_of
from connector.runtime.kafka.reading import BEGINNING, offsets_at, read_to_end
from connector.runtime.lifecycle import ExitCode
from consumers.cohorts.rehearsal import Change, Op
from consumers.cohorts.window import Span, Window, parse_span, starts_of
from schemas.keys import KeyFault, decode_key

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_SIGNS = {Op.ADD: "+", Op.REMOVE: "-", Op.WAIT: "-", Op.PARK: "?", Op.NOTE: "="}
_WORDS = {
    Op.ADD: "would be added",
    Op.REMOVE: "would be removed, after the settling time and as far as the breaker lets them pass",
    Op.WAIT: "would be removed once Moodle shows the cohorts that the student moved to",
    Op.PARK: "would be parked",
    Op.NOTE: "are as desired; only the ledger takes note of it",
}


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "replay",
        "bring Moodle back to what the topic says",
        description="""
            Shows exactly what a replay would change in Moodle, and with --yes has the running consumers do it.

            A replay never goes back to an old state: the consumers compare Moodle with what is desired now, for every
            membership that the window names, and repair it through plan and guard. Without a window that is everything.
            Resetting the group's offsets with Kafka's own tool does the same, without the preview.

            The answer names people; it is personal data. Exit code 6 when something would change, or is not worked off
            yet.
        """,
        examples=[
            ("what would it change? nothing is changed", "cohortstream replay --since 2026-11-23T08:00"),
            ("change it", "cohortstream replay --since 2026-11-23T08:00 --yes"),
            ("one cohort", "cohortstream replay --cohort 2026-INFO-L1-02 --yes"),
            ("one student", "cohortstream replay --student 21900001"),
            ("records 100 to 250 of partition 3", "cohortstream replay --offset 3:100-250"),
        ],
        run=run,
    )
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="records from this time on (ISO 8601; UTC if no zone)"
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="records before this time")
    parser.add_argument(
        "--offset",
        type=parse_span,
        action="append",
        default=[],
        metavar="PARTITION:FROM[-TO]",
        help="records at these offsets of the memberships topic; may be repeated",
    )
    parser.add_argument("--cohort", action="append", default=[], help="only this cohort; may be repeated")
    parser.add_argument("--student", action="append", default=[], help="only this student; may be repeated")
    parser.add_argument("--yes", action="store_true", help="have the consumers do what is shown")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Show, and send if told so.

    Raises:
        Halted: something is to be done while nothing may be written to this Moodle.
    """
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    shadow = shadow_of(base, sink)
    if arguments.yes and shadow is not None:
        raise Halted(shadow)
    narrowed = arguments.since is not None or arguments.until is not None or arguments.offset
    named = frozenset(_named(base, sink, arguments)) if narrowed else None
    found = rehearse_replay(base, sink, Window(named, tuple(arguments.cohort), tuple(arguments.student)))
    asked = arguments.yes and bool(found.changes)
    if not arguments.json:
        _tell(found, yes=arguments.yes)
    finished = _send(base, sink, found.changes) if asked else True
    if arguments.json:
        print_json(as_plain(found) | {"asked": len(found.changes) if asked else 0, "worked_off": finished})
    elif asked:
        done = "The consumers have worked it off" if finished else "The consumers have not worked it off yet"
        print(f"{done}. What is asked for stays asked for 24 hours.")
    return ExitCode.FINDINGS if (found.changes and not asked) or not finished else ExitCode.OK


def as_plain(found: Rehearsed) -> dict[str, Any]:
    """For machines."""
    return {
        "changes": [
            {
                "op": one.op.value,
                "cohort": one.cohort,
                "student": one.student,
                "user_id": one.user_id,
                "reason": one.reason,
            }
            for one in found.changes
        ],
        "compared": found.looked_at,
        "gone": list(found.gone),
    }


def as_lines(found: Rehearsed) -> Iterator[str]:
    """For people."""
    for one in found.changes:
        account = "" if one.user_id is None else f"  (account {one.user_id})"
        yield f"{_SIGNS[one.op]} {one.cohort}  {one.student}{account}{f'  {one.reason}' if one.reason else ''}"
    for cohort in found.gone:
        yield f"! {cohort} is not in Moodle any more; nothing is compared there"
    yield f"{found.looked_at} memberships compared with Moodle."
    for op, count in sorted(Counter(one.op for one in found.changes).items()):
        yield f"{count} {_WORDS[op]}."
    if not found.changes:
        yield "Moodle shows what is desired."


def _tell(found: Rehearsed, *, yes: bool) -> None:
    print(*as_lines(found), sep="\n")
    if found.changes and not yes:
        print("--yes has the consumers do it.")


def _send(base: Base, sink: str, changes: Sequence[Change]) -> bool:
    """Ask for exactly these; whether that was worked off while we waited. Without a consumer nobody waits."""
    running = members_of(base.connection, f"cohortstream.{sink}") > 0
    keys = [(one.cohort, one.student) for one in changes]
    with closing(WorkingOff(base, sink, keys)) as working:
        send_commands(base, sink, "recheck", (Order(*key) for key in keys))
        return running and working.wait(base.settings.reconcile.settle_within)


def _named(base: Base, sink: str, arguments: argparse.Namespace) -> Iterator[tuple[str, str | None]]:
    """Keys of the records in the window."""
    topic, spans = base.topics(sink).memberships, arguments.offset
    for batch in read_to_end(base.connection, topic, _starts(base, topic, arguments.since, spans), base.clock):
        for message in batch:
            late = arguments.until is not None and message.timestamp_ms >= arguments.until.timestamp() * 1000
            if late or (spans and not any(span.holds(message.partition, message.offset) for span in spans)):
                continue
            try:
                key = decode_key(message.key)
            except KeyFault:
                continue  # poison: the consumer has set it aside
            match key:
                case (str(cohort), (str() | None) as student):
                    yield cohort, student
                case _:
                    continue


def _starts(base: Base, topic: str, since: datetime | None, spans: Sequence[Span]) -> dict[int, int]:
    """Where to begin reading, by partition."""
    wanted = starts_of(spans) if spans else dict.fromkeys(range(base.settings.kafka.partitions), BEGINNING)
    if since is None:
        return wanted
    found = offsets_at(base.connection, topic, wanted, int(since.timestamp() * 1000))
    return {partition: max(start, found.get(partition, BEGINNING)) for partition, start in wanted.items()}
