"""``cohortstream reconcile``: compare both ends, and have the roles repair what differs."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from rich.console import Console

from connector.commands.asking import named_source
from connector.commands.command import add_command, print_json, writable
from connector.commands.process import hosting
from connector.commands.progress import shown
from connector.commands.scheduling import ReconcilerRole
from connector.commands.settings import Settings, require_secrets
from connector.commands.sinks import add_sink
from connector.commands.standing import shadow_of
from connector.commands.wiring.base import Base, base_for_command, make_base
from connector.commands.wiring.reconciler import history_of, open_reconciliation
from connector.commands.wiring.timetable import Timetable
from connector.runtime.errors import Fault, SettingsFaults
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import SettingsMessage, message
from connector.runtime.messages.translation import translation_for
from consumers.reconciler.history import history_lines
from consumers.reconciler.page import RUNS, page
from consumers.reconciler.report import Verdict
from consumers.reconciler.sides import Scope
from consumers.reconciler.words import Words

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

            Exit code 0: the ends agree, now if not before. 6: something is left that a person must look at. 7: another
            reconciliation of this sink is at work, and nothing was begun. With --tell-repaired also 8: they agree now, and
            did not before.
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
    parser.add_argument("--source", help="only this source is read again")
    parser.add_argument("--cohort", action="append", default=[], help="only this cohort; may be repeated")
    parser.add_argument("--student", action="append", default=[], help="only this student; may be repeated")
    parser.add_argument(
        "--html", metavar="FILE", type=writable, help="also write the report as a page, with a chart of the last runs"
    )
    parser.add_argument(
        "--tell-repaired", action="store_true", help="exit code 8 rather than 0 if something had to be repaired"
    )
    parser.add_argument("--history", action="store_true", help="only list the last runs; compare nothing")
    parser.add_argument(
        "--schedule",
        action="store_true",
        help="stay, and reconcile at the times of the section reconcile, until stopped",
    )
    add_sink(parser)


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    if arguments.schedule:
        return _keep_at_it(arguments, settings)
    base, (sink, _) = base_for_command(settings), settings.sink(arguments.sink)
    if arguments.history:
        return _tell_history(arguments, base, sink)
    if arguments.source is not None:
        named_source(settings, arguments.source)
    if not arguments.dry_run:
        settings.required_sources()  # it waits for the snapshots of those that it knows
    scope = Scope(arguments.source, tuple(arguments.cohort), tuple(arguments.student))
    shadow = shadow_of(base, sink) is not None
    with (
        shown(Console(stderr=True), base.clock) as show,
        open_reconciliation(base, sink, show, shadow=shadow) as reconciliation,
    ):
        report = reconciliation.run(scope, dry_run=arguments.dry_run)
    if arguments.json:
        print_json(report.plain | {"shadow": shadow})
    else:
        for line in report.lines():
            print(line)
        if shadow:
            print('Nothing was asked for: the sink is in shadow; see "cohortstream status" and "cohortstream plan".')
    if arguments.html is not None:  # last, since it may fail, and what was found is told all the same
        past = history_of(base, sink).last(RUNS)
        words = Words(translation_for(os.environ))
        arguments.html.write_text(page(report, past, sink, words), encoding="utf-8")
    return exit_code_of(report.verdict, tell_repaired=arguments.tell_repaired)


def exit_code_of(verdict: Verdict, *, tell_repaired: bool) -> ExitCode:
    """What a run that came to its end says to its caller."""
    if verdict is Verdict.ATTENTION:
        return ExitCode.FINDINGS
    return ExitCode.REPAIRED if tell_repaired and verdict is Verdict.REPAIRED else ExitCode.OK


def _keep_at_it(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """A role of its own, until the process is asked to stop."""
    sink, section = settings.sink(arguments.sink)
    if Timetable(settings.reconcile).empty:
        fault = message(
            SettingsMessage.MISSING_KEY, key="reconcile.at", meaning="the times of the day at which to reconcile."
        )
        raise SettingsFaults([Fault(fault, "reconcile.at")])
    settings.required_sources()
    require_secrets(section, "sinks", sink)
    require_secrets(settings.kafka, "kafka")
    with hosting(settings.telemetry, "reconcile") as process:
        role = ReconcilerRole(make_base(settings, process), sink)
        process.run({role.part: role.run})
    return ExitCode.OK


def _tell_history(arguments: argparse.Namespace, base: Base, sink: str) -> ExitCode:
    """The earlier runs; nothing is compared."""
    past = history_of(base, sink).last(RUNS)
    if arguments.json:
        print_json([run.plain for run in past])
    else:
        print(*history_lines(past), sep="\n")
    return ExitCode.OK
