"""``cohortstream reconcile``: compare both ends, and have the roles repair what differs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from connector.commands.command import add_command, print_json, writable
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.standing import standing_of, told
from connector.commands.wiring.base import Base, base_for_command
from connector.commands.wiring.reconciler import history_of, open_reconciliation
from connector.runtime.lifecycle import ExitCode
from consumers.reconciler.history import history_lines
from consumers.reconciler.page import RUNS, page
from consumers.reconciler.report import Progress, Verdict
from consumers.reconciler.sides import Scope

if TYPE_CHECKING:
    from connector.commands.command import Subparsers


def register(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "reconcile",
        "compare source, ledger and Moodle, and repair what differs",
        description="""
            Asks the connector to read everything again, compares Moodle with the ledger, asks the consumer to recheck exactly
            what differs, and reports. It never writes to Moodle and publishes nothing, so both roles must be running.

            Exit code 0: the ends agree, now if not before. 6: something is left that a person must look at.
        """,
        examples=[
            ("both ends, everything", "cohortstream reconcile"),
            ("only compare Moodle with the ledger", "cohortstream reconcile --dry-run"),
            ("one cohort", "cohortstream reconcile --cohort 2026-INFO-L1-02"),
            ("with a page to show around", "cohortstream reconcile --html report.html"),
            ("what earlier runs found", "cohortstream reconcile --history"),
        ],
        run=run,
    )
    parser.add_argument("--dry-run", action="store_true", help="compare only; ask nobody to change anything")
    parser.add_argument("--source", help="only this source")
    parser.add_argument("--cohort", action="append", default=[], help="only this cohort; may be repeated")
    parser.add_argument("--student", action="append", default=[], help="only this student; may be repeated")
    parser.add_argument(
        "--html", metavar="FILE", type=writable, help="also write the report as a page, with a chart of the last runs"
    )
    parser.add_argument("--history", action="store_true", help="only list the last runs; compare nothing")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    base = base_for_command(settings)
    if arguments.history:
        return _tell_history(arguments, base, settings.sink(arguments.sink)[0])
    scope = Scope(arguments.source, tuple(arguments.cohort), tuple(arguments.student))
    console = Console(stderr=True)
    with console.status("reconciling") as status:

        def show(progress: Progress) -> None:
            _show(console, status, progress)

        sink, section = settings.sink(arguments.sink)
        shadow = told(sink, standing_of(base, sink), section.mode) is not None
        with open_reconciliation(base, sink, show, shadow=shadow) as reconciliation:
            report = reconciliation.run(scope, dry_run=arguments.dry_run)
    if arguments.html is not None:
        past = history_of(base, sink).last(RUNS)
        arguments.html.write_text(page(report, past, sink), encoding="utf-8")
    if arguments.json:
        print_json(report.plain | {"shadow": shadow})
    else:
        for line in report.lines():
            print(line)
        if shadow:
            print('Nothing was asked for: the sink is in shadow; see "cohortstream status" and "cohortstream plan".')
    return ExitCode.FINDINGS if report.verdict is Verdict.ATTENTION else ExitCode.OK


def _tell_history(arguments: argparse.Namespace, base: Base, sink: str) -> ExitCode:
    """The earlier runs; nothing is compared."""
    past = history_of(base, sink).last(RUNS)
    if arguments.json:
        print_json([run.plain for run in past])
    else:
        print(*history_lines(past), sep="\n")
    return ExitCode.OK


def _show(console: Console, status: Status, progress: Progress) -> None:
    """On a terminal a line that changes; nothing otherwise, since the report follows."""
    if console.is_terminal:
        counts = ", ".join(f"{count} {name}" for name, count in progress.counts.items())
        status.update(f"{progress.step}: {counts}" if counts else progress.step)
