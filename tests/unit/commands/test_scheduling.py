"""When a reconciliation is due, and what becomes of one that cannot be done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.commands import check, scheduling, standing
from connector.commands.scheduling import AGAIN_AFTER, ReconcilerRole
from connector.commands.settings import Settings
from connector.commands.wiring import reconciler as wiring
from connector.commands.wiring.base import Base, base_for_command
from connector.commands.wiring.timetable import Timetable
from connector.runtime.errors import Busy, Halted, OperationalError, Unavailable
from connector.runtime.health import Health
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import unavailable
from connector.runtime.messages import CliMessage, ReconcilerMessage, message
from connector.runtime.telemetry import Count, Gauge, MemoryMetrics, start_telemetry
from consumers.cohorts.adoption import Standing
from consumers.reconciler.drift import Comparison, Difference, Drift
from consumers.reconciler.report import Report
from consumers.reconciler.settings import ReconcileSettings
from consumers.reconciler.sides import Scope
from schemas.codec import SingleObjectCodec
from schemas.records import Alert, AlertState

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
UNFINISHED, DIFFERENCES = "reconcile/moodle/unfinished", "reconcile/moodle/differences"
SILENT = message(ReconcilerMessage.ROLE_SILENT, role="consumer")


@pytest.mark.parametrize(
    ("settings", "last", "now", "due"),
    [
        ({"at": ["04:30"]}, "2026-11-22T04:31", "2026-11-23T04:29", False),
        ({"at": ["04:30"]}, "2026-11-22T04:31", "2026-11-23T04:30", True),
        ({"at": ["04:30"]}, "2026-11-23T04:45", "2026-11-23T23:00", False),
        # passed while nothing was running
        ({"at": ["04:30"]}, "2026-11-20T04:31", "2026-11-23T12:00", True),
        ({"at": ["04:30"], "timezone": "Europe/Paris"}, "2026-11-22T12:00", "2026-11-23T03:29", False),
        ({"at": ["04:30"], "timezone": "Europe/Paris"}, "2026-11-22T12:00", "2026-11-23T03:30", True),
        ({"every": "6h"}, "2026-11-23T04:30", "2026-11-23T10:29", False),
        ({"every": "6h"}, "2026-11-23T04:30", "2026-11-23T10:30", True),
        ({"every": "6h", "at": ["09:00"]}, "2026-11-23T04:30", "2026-11-23T09:00", True),
        ({}, "2020-01-01T00:00", "2026-11-23T09:00", False),
    ],
)
def test_it_is_due_at_its_times_and_after_its_interval(
    settings: dict[str, Any], last: str, now: str, *, due: bool
) -> None:
    """A time that passed while nothing was running is made up for."""
    table = Timetable(ReconcileSettings.model_validate(settings))
    moments = [datetime.fromisoformat(f"{text}+00:00") for text in (last, now)]

    assert (table.is_due(moments[0], moments[1]), table.empty) == (due, not settings)


class Clock:
    """Stops the process when its time has come."""

    def __init__(self, stopping: threading.Event, ends: timedelta) -> None:
        self._stopping, self._ends, self.seconds = stopping, ends.total_seconds(), 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.seconds >= self._ends:
            self._stopping.set()


class Topic:
    """The alerts, in memory; ``away`` while no broker answers."""

    def __init__(self) -> None:
        self.written: list[Alert] = []
        self.away = False

    def standing(self, _base: Base, key: str) -> Alert | None:
        self._answer()
        last = next((alert for alert in reversed(self.written) if alert.key == key), None)
        return last if last is not None and last.state is AlertState.RAISED else None

    def write(self, _base: Base, _sink: str, alerts: Iterable[Alert]) -> None:
        self._answer()
        self.written += alerts

    def of(self, key: str) -> list[AlertState]:
        return [alert.state for alert in self.written if alert.key == key]

    def _answer(self) -> None:
        if self.away:
            raise unavailable("nobody there")


class Stage:
    """A role whose reconciliations end as the test says."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        hours: float,
        last: datetime | None,
        *,
        mode: str = "apply",
        topic: Topic | None = None,
    ) -> None:
        settings = Settings.model_validate(
            {
                "kafka": {"bootstrap_servers": "nowhere:1"},
                "sinks": {
                    "moodle": {
                        "moodle": {"url": "https://moodle.example.test", "token": "t"},
                        "students": {"by": "idnumber"},
                        "mode": mode,
                    }
                },
                "reconcile": {"at": ["04:30"]},
            }
        )
        stopping = threading.Event()
        self.clock, self.metrics = Clock(stopping, timedelta(hours=hours)), MemoryMetrics()
        telemetry = start_telemetry(settings.telemetry, "command")
        object.__setattr__(telemetry, "metrics", self.metrics)
        self.health = Health(self.clock, self.metrics, settings.telemetry.stall_after)
        base = self.base = Base(
            settings, self.clock, telemetry, self.health, stopping, Connection(settings.kafka), SingleObjectCodec()
        )
        self.errors: list[OperationalError] = []
        self.began: list[datetime] = []
        self.shadow: list[bool] = []
        self.left: list[Difference] = []
        monkeypatch.setattr(scheduling, "last_finished", lambda *_: last)
        monkeypatch.setattr(standing, "standing_of", lambda *_: Standing())
        monkeypatch.setattr(scheduling, "open_reconciliation", self.open)
        self.topic = topic or Topic()
        self.kept = 0
        self.calls = 0
        """Calls of Moodle that a run makes without anything to tell between them; each takes a minute."""
        self.live: list[bool] = []
        monkeypatch.setattr(scheduling, "raised_alert", self.topic.standing)
        for module in (scheduling, wiring):
            monkeypatch.setattr(module, "write_alerts", self.topic.write)
        monkeypatch.setattr(wiring, "history_of", lambda *_: self)
        self.role = ReconcilerRole(base, "moodle")

    @contextmanager
    def open(
        self, _base: Base, _sink: str, _progress: object, *, shadow: bool, on_call: Callable[[], None]
    ) -> Iterator[Stage]:
        self.shadow.append(shadow)
        self._on_call = on_call
        yield self

    def keep(self, _report: Report) -> None:
        """The journal, which is out of reach."""
        self.kept += 1
        raise unavailable("no right to the journal")

    def run(self, _scope: Scope) -> Report:
        self.began.append(self.clock.now())
        if self.errors:
            raise self.errors.pop(0)
        self.clock.seconds += 60
        for _ in range(self.calls):
            self.clock.seconds += 60
            self._on_call()
            self.live.append(self.health.liveness().status == 200)
        found = Comparison(differences=self.left)
        report = Report(START, self.clock.now(), {}, found, None, dry_run=self.shadow[-1])
        wiring._keep(self.base, "moodle", report, shadow=self.shadow[-1])  # as every run does that comes to its end
        return report


def test_it_reconciles_once_a_day_at_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And tells what is left in the metrics."""
    stage = Stage(monkeypatch, 49, START - timedelta(hours=2))
    stage.left = [Difference(Drift.FOREIGN, "C", None, 9)]
    stage.role.run()

    assert [(moment - START) // timedelta(minutes=30) for moment in stage.began] == [1, 49, 97]
    assert stage.metrics.total(Count.RECONCILED, sink="moodle", outcome="complete") == 3
    assert stage.metrics.value(Gauge.DISCREPANCIES, sink="moodle", kind="foreign") == 1


def test_calls_of_moodle_are_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read every account may take longer than a role may be silent; begun anew, it would never come to its end."""
    stage = Stage(monkeypatch, 1, START - timedelta(days=2))
    stage.calls = 30
    stage.role.run()

    assert [True] * 30 == stage.live


def test_one_that_was_missed_is_made_up_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was running at the time."""
    stage = Stage(monkeypatch, 0.2, START - timedelta(days=2))
    stage.role.run()

    assert stage.began == [START]


def test_the_very_first_one_waits_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources and sink are about to be loaded when everything is new."""
    stage = Stage(monkeypatch, 1, None)
    stage.role.run()

    assert stage.began == [START + timedelta(minutes=30)]


def test_one_that_failed_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once: each attempt has the sources read whole."""
    stage = Stage(monkeypatch, 2, START - timedelta(hours=2))
    stage.errors = [Unavailable(SILENT)]
    stage.role.run()
    first = START + timedelta(minutes=30)

    assert stage.began == [first, first + AGAIN_AFTER]
    assert stage.metrics.total(Count.RECONCILED, sink="moodle", outcome="failed") == 1


def test_one_that_failed_is_an_alert_until_one_comes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised once, however often it is tried; with the reason, what to do about it, and how often it is tried again."""
    stage = Stage(monkeypatch, 2, START - timedelta(hours=2))
    stage.errors = [Unavailable(SILENT), Unavailable(SILENT), Unavailable(SILENT)]
    stage.role.run()
    raised, *_ = stage.topic.written

    assert len(stage.began) == 4
    assert stage.topic.of(UNFINISHED) == [AlertState.RAISED, AlertState.CLEARED]
    assert (raised.at, raised.role) == (START + timedelta(minutes=30), "reconcile")
    assert raised.parameters == {
        "sink": "moodle",
        "cause": "CS7001 The consumer does not answer.",
        "pause": "15m",
        "fix": SILENT.fix,
    }


def test_another_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has mended the first would else look for it for ever."""
    stage = Stage(monkeypatch, 0.8, START - timedelta(hours=2))
    stage.errors = [Unavailable(SILENT), Halted(message(CliMessage.INTERRUPTED))]
    stage.role.run()

    assert [alert.parameters["cause"][:6] for alert in stage.topic.written] == ["CS7001", CliMessage.INTERRUPTED.code]


def test_a_restart_neither_loses_nor_doubles_the_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands is in the topic, not in the process."""
    topic = Topic()
    for _ in range(3):
        stage = Stage(monkeypatch, 0.2, START - timedelta(days=2), topic=topic)
        stage.errors = [Unavailable(SILENT)]
        stage.role.run()

    assert topic.of(UNFINISHED) == [AlertState.RAISED]
    Stage(monkeypatch, 0.2, START - timedelta(days=2), topic=topic).role.run()
    assert topic.of(UNFINISHED) == [AlertState.RAISED, AlertState.CLEARED]


def test_an_alert_that_could_not_be_written_is_written_at_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Kafka is away nobody can be told, and the role goes on."""
    stage = Stage(monkeypatch, 0.8, START - timedelta(hours=2))
    stage.errors = [Unavailable(SILENT), Unavailable(SILENT)]
    stage.topic.away = True
    real = stage.clock.sleep

    def sleep(seconds: float) -> None:
        real(seconds)
        stage.topic.away = stage.clock.now() < START + timedelta(minutes=40)

    monkeypatch.setattr(stage.clock, "sleep", sleep)
    stage.role.run()

    assert [alert.at for alert in stage.topic.written] == [START + timedelta(minutes=45)]


def test_a_journal_out_of_reach_keeps_no_alert_from_being_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are separate rights."""
    stage = Stage(monkeypatch, 1, START - timedelta(hours=2))
    stage.errors = [Unavailable(SILENT)]
    stage.role.run()

    assert stage.kept == 1
    assert stage.topic.of(UNFINISHED) == [AlertState.RAISED, AlertState.CLEARED]
    assert stage.topic.of(DIFFERENCES) == [AlertState.CLEARED]


def test_one_that_finds_another_at_work_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one does what this one would have done."""
    stage = Stage(monkeypatch, 23, START - timedelta(hours=2))
    stage.errors = [Busy(message(ReconcilerMessage.AT_WORK, sink="moodle", process="there.1", since="now"))]
    stage.role.run()

    assert len(stage.began) == 1
    assert stage.metrics.total(Count.RECONCILED, sink="moodle", outcome="failed") == 0
    assert stage.topic.written == []


def test_a_sink_in_shadow_is_only_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by the command."""
    stage = Stage(monkeypatch, 1, START - timedelta(hours=2), mode="shadow")
    stage.role.run()

    assert stage.shadow == [True]


def test_the_rules_for_the_broker_know_the_group_of_reconciliations() -> None:
    """Whoever may not be in it cannot reconcile."""
    sink = {"moodle": {"url": "https://moodle.example.test", "token": "t"}, "students": {"by": "idnumber"}}
    settings = Settings.model_validate({"kafka": {"bootstrap_servers": "nowhere:1"}, "sinks": {"staging": sink}})
    told = check._commands(base_for_command(settings))

    assert [line for line in told if "--group cohortstream.staging.reconcile" in line]
