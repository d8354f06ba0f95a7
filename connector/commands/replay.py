"""``cohortstream replay``: re-assert the current desired state of what the topic said in a window."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.wiring.base import Base, base_for_command
from connector.commands.wiring.reconciler import open_reconciliation
from connector.runtime.kafka.reading import BEGINNING, offsets_at, read_to_end
from connector.runtime.lifecycle import ExitCode
from consumers.reconciler.compare import Difference
from consumers.reconciler.report import Report
from consumers.reconciler.run import Scope
from schemas.keys import KeyFault, decode_key

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "replay",
        "bring Moodle back to what the topic says",
        description="""
            Shows what a replay would change in Moodle, and with --apply has the running consumers do it.

            A replay never goes back to an old state: the consumers compare Moodle with what is desired now, for every
            membership that the window names, and repair it through plan and guard. Resetting the group's offsets with
            Kafka's own tool does the same, without the preview.
        """,
        examples=[
            ("what would it change? nothing is changed", "cohortstream replay --since 2026-11-23T08:00"),
            ("change it", "cohortstream replay --since 2026-11-23T08:00 --apply"),
            ("one cohort", "cohortstream replay --cohort 2026-INFO-L1-02 --apply"),
            ("one student", "cohortstream replay --student 21900001"),
        ],
        run=run,
    )
    parser.add_argument(
        "--since", type=_moment, metavar="TIME", help="records from this time on (ISO 8601; UTC if no zone)"
    )
    parser.add_argument("--cohort", action="append", default=[], help="only this cohort; may be repeated")
    parser.add_argument("--student", action="append", default=[], help="only this student; may be repeated")
    parser.add_argument("--apply", action="store_true", help="have the consumers repair what was shown")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    base = base_for_command(settings)
    sink, _ = settings.sink(arguments.sink)
    scope = Scope(cohorts=tuple(arguments.cohort), students=tuple(arguments.student))
    named = None if arguments.since is None else frozenset(_named_since(base, sink, arguments.since))
    with open_reconciliation(base, sink) as reconciliation:

        def wanted(difference: Difference) -> bool:
            return named is None or (difference.cohort, difference.student) in named

        report = reconciliation.run(scope, dry_run=not arguments.apply, ask_source=False, only=wanted)
    _show(report, report.before.repairable, as_json=arguments.json, apply=arguments.apply)
    return ExitCode.FINDINGS if report.last.repairable else ExitCode.OK


def _named_since(base: Base, sink: str, since: datetime) -> Iterator[tuple[str, str | None]]:
    """Memberships that records since then name."""
    topic = base.topics(sink).memberships
    partitions = range(base.settings.kafka.partitions)
    starts = offsets_at(base.connection, topic, partitions, int(since.timestamp() * 1000))
    for batch in read_to_end(base.connection, topic, {p: starts.get(p, BEGINNING) for p in partitions}, base.clock):
        for message in batch:
            try:
                cohort, student = decode_key(message.key)
            except (KeyFault, ValueError):
                continue  # poison: the consumer has dead-lettered it
            yield str(cohort), None if student is None else str(student)


def _show(report: Report, differences: Sequence[Difference], *, as_json: bool, apply: bool) -> None:
    if as_json:
        changes = [{"op": d.kind.value, "cohort": d.cohort, "student": d.student} for d in differences]
        print_json(report.plain | {"changes": changes, "applied": apply})
        return
    for difference in differences:
        sign = "+" if difference.kind.value == "missing" else "-"
        print(f"{sign} {difference.cohort}  {difference.student}  (account {difference.user_id})")
    verb = "repaired" if apply else "would be repaired; --apply has the consumers do it"
    print(f"{len(differences)} memberships {verb}." if differences else "Moodle shows what is desired.")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
