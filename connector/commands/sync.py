"""``cohortstream sync``: do everything that there is to do, then end. The manual run."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from connector.commands import status
from connector.commands.command import add_command, print_json
from connector.commands.process import Process, hosting
from connector.commands.run import require_all_secrets
from connector.commands.settings import Settings
from connector.commands.wiring.base import Base, make_base
from connector.commands.wiring.connector import PART, ConnectorRole
from connector.commands.wiring.consumer import ConsumerRole
from connector.runtime.errors import Unavailable
from connector.runtime.kafka.signals import Signals
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages import CliMessage, message
from connector.source.service import Connector
from consumers.cohorts.building import CohortConsumer
from consumers.reconciler.kafka_side import ConsumerByTopics

if TYPE_CHECKING:
    from connector.commands.command import Subparsers

_LOOK_EVERY_S = 0.2
_ELECTED_WITHIN_S = 20.0
"""Longer than the session of a process that was killed a moment ago."""
_FAILS_FOR_S = 60.0
"""An end that is away for so long ends a run that somebody waits for."""
_AFTER_DUE = timedelta(seconds=5)


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "sync",
        "do everything that there is to do now, then end",
        description="""
            Polls every source, reads each one whole, applies everything to Moodle, waits for removals that are about to
            become due, and ends when all is quiet: the manual run, and the scheduled one of sites that need no seconds.
            No other connector may be running.

            What must wait on purpose (suspected absences, held removals, students without an account) is named at the
            end, and taken up by the next run. A Moodle that is in shadow is not written to; the end says so, and what to do.
            Exit code 6 then.
        """,
        examples=[
            ("the manual run", "cohortstream sync --once"),
            ("only what polling sees, quicker", "cohortstream sync --once --quick"),
            ("from cron", "cohortstream --config /etc/cohortstream.toml sync --once --json"),
        ],
        run=run,
    )
    parser.add_argument("--once", action="store_true", required=True, help="end when all is quiet")
    parser.add_argument("--quick", action="store_true", help="do not read the sources whole")
    parser.add_argument(
        "--within", type=float, default=120.0, metavar="MINUTES", help="give up after so long (default: %(default)g)"
    )


def run(arguments: argparse.Namespace, settings: Settings) -> ExitCode:
    """Until all is quiet."""
    require_all_secrets(settings)
    with hosting(settings.telemetry, "run") as process:
        base = make_base(settings, process)
        standing = _Standing()
        roles: dict[str, Callable[[], None]] = {PART: ConnectorRole(base, standing.connector_turned).run}
        for sink, section in settings.sinks.items():
            role = ConsumerRole(base, sink, standing.listener(sink, section.removal_settle))
            roles[role.part] = role.run
        conductor = _Conductor(base, process, standing, quick=arguments.quick, within=arguments.within)
        process.run(roles | {"sync": conductor.run})
        found = status.describe(base)
        if arguments.json:
            print_json(found)
        else:
            print("\n".join(status.lines(found)))
    if not conductor.finished:
        return ExitCode.INTERRUPTED
    waits = any(sink["adoption"]["code"] is not None for sink in found["sinks"].values())
    return ExitCode.FINDINGS if waits else ExitCode.OK


@dataclass
class _Standing:
    """What the roles said of themselves at their last turn."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    active: bool = False
    quiet: bool = False
    idle: dict[str, bool] = field(default_factory=dict)
    removes_soon: dict[str, bool] = field(default_factory=dict)

    def connector_turned(self, connector: Connector) -> None:
        with self.lock:
            self.active, self.quiet = connector.active, connector.quiet

    def listener(self, sink: str, settle: timedelta) -> Callable[[CohortConsumer], None]:
        def turned(consumer: CohortConsumer) -> None:
            soon = consumer.removes_within(settle + _AFTER_DUE)
            with self.lock:
                self.idle[sink] = consumer.idle
                self.removes_soon[sink] = soon

        return turned


class _Conductor:
    """Watches the roles and stops the process when there is nothing left to do."""

    def __init__(self, base: Base, process: Process, standing: _Standing, *, quick: bool, within: float) -> None:
        self._base, self._process, self._standing = base, process, standing
        self._quick, self._minutes = quick, within
        self._deadline = base.clock.monotonic() + within * 60
        self._failing: dict[str, float] = {}
        self.finished = False

    def run(self) -> None:
        base, standing = self._base, self._standing
        elected_by = base.clock.monotonic() + _ELECTED_WITHIN_S
        self._until("election", lambda: standing.active, elected_by)
        self._until("first load", lambda: standing.quiet)
        if not self._quick:
            self._snapshots()
        self._until("connector", lambda: standing.quiet)
        for sink in base.settings.sinks:
            self._work_off(sink)
        self._removals()
        if not base.stopping.is_set():
            self.finished = True
            self._process.stopping.set()

    def _snapshots(self) -> None:
        base = self._base
        signals = Signals(base.connection, base.topics(), base.codec, base.clock, "sync")
        try:
            number = signals.ask("snapshot")
            waiting = set(base.settings.sources)

            def finished() -> bool:
                for heard in signals.heard():
                    if heard.signal_id == number and heard.phase in ("finished", "refused"):
                        waiting.discard(heard.source)
                return not waiting

            self._until("snapshot", finished)
        finally:
            signals.close()

    def _work_off(self, sink: str) -> None:
        base, standing = self._base, self._standing
        side = ConsumerByTopics(base.connection, base.topics(sink), base.codec, f"cohortstream.{sink}", base.clock)
        try:
            self._until(
                f"consumer of {sink}", lambda: standing.idle.get(sink, False) and side.backlog(side.target()) == 0
            )
        finally:
            side.close()

    def _removals(self) -> None:
        """Wait for those that become due soon; one that waits for a sibling, or for a person, is left to a later run."""
        base = self._base
        longest = max((s.removal_settle for s in base.settings.sinks.values()), default=timedelta()) + 2 * _AFTER_DUE
        until = base.clock.monotonic() + longest.total_seconds()
        standing = self._standing
        while base.clock.monotonic() < until and not base.stopping.is_set():
            if not any(standing.removes_soon.values()) and all(standing.idle.values()):
                return
            self._look()

    def _until(self, what: str, reached: Callable[[], bool], by: float | None = None) -> None:
        base = self._base
        while not base.stopping.is_set() and not reached():
            if by is not None and base.clock.monotonic() > by:
                raise Unavailable(message(CliMessage.ANOTHER_WORKS))
            if base.clock.monotonic() > self._deadline:
                raise Unavailable(message(CliMessage.NOT_QUIET, minutes=f"{self._minutes:g}", parts=what))
            self._look()

    def _look(self) -> None:
        """Rest a little, unless a part has failed for too long."""
        base = self._base
        now, problems = base.clock.monotonic(), base.health.problems()
        self._failing = {part: self._failing.get(part, now) for part in problems}
        for part, since in self._failing.items():
            if now - since > _FAILS_FOR_S:
                raise Unavailable(
                    message(CliMessage.PART_FAILS, part=part, seconds=f"{_FAILS_FOR_S:g}", reason=problems[part])
                )
        base.clock.sleep(_LOOK_EVERY_S)
