"""``cohortstream reconcile``: compare both ends, and have the roles repair what differs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from connector.commands.command import add_command, print_json
from connector.commands.settings import Settings
from connector.commands.sinks import add_sink
from connector.commands.standing import standing_of, told
from connector.commands.wiring.base import base_for_command
from connector.commands.wiring.reconciler import open_reconciliation
from connector.runtime.lifecycle import ExitCode
from consumers.reconciler.report import Progress, Verdict
from consumers.reconciler.run import Scope

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
        ],
        run=run,
    )
    parser.add_argument("--dry-run", action="store_true", help="compare only; ask nobody to change anything")
    parser.add_argument("--source", help="only this source")
    parser.add_argument("--cohort", action="append", default=[], help="only this cohort; may be repeated")
    parser.add_argument("--student", action="append", default=[], help="only this student; may be repeated")
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    base = base_for_command(settings)
    scope = Scope(arguments.source, tuple(arguments.cohort), tuple(arguments.student))
    console = Console(stderr=True)
    with console.status("reconciling") as status:

        def show(progress: Progress) -> None:
            _show(console, status, progress)

        sink, section = settings.sink(arguments.sink)
        shadow = told(sink, standing_of(base, sink), section.mode) is not None
        with open_reconciliation(base, sink, show, shadow=shadow) as reconciliation:
            report = reconciliation.run(scope, dry_run=arguments.dry_run)
    if arguments.json:
        print_json(report.plain | {"shadow": shadow})
    else:
        for line in report.lines():
            print(line)
        if shadow:
            print('Nothing was asked for: the sink is in shadow; see "cohortstream status" and "cohortstream plan".')
    return ExitCode.FINDINGS if report.verdict is Verdict.ATTENTION else ExitCode.OK


def _show(console: Console, status: Status, progress: Progress) -> None:
    """On a terminal a line that changes; nothing otherwise, since the report follows."""
    if console.is_terminal:
        counts = ", ".join(f"{count} {name}" for name, count in progress.counts.items())
        status.update(f"{progress.step}: {counts}" if counts else progress.step)
