"""A process that hosts roles, as production starts it: with real signals and real pages."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.commands.process import collecting_rarely, switching_often

SCRIPT = """
import sys
from connector.commands.process import hosting
from connector.runtime.telemetry import Count, Log, TelemetrySettings
settings = TelemetrySettings.model_validate_json(sys.argv[1])
with hosting(settings, "poll") as process:
    def loop():
        log = Log("test")
        process.health.ready("loop")
        while not process.stopping.is_set():
            process.health.turned("loop")
            with process.telemetry.tracer.span("turn"):
                log.info("turned")
            process.clock.sleep(3600)
        process.telemetry.metrics.count(Count.RECONCILED, sink="x", outcome="complete")
    def die():
        process.clock.sleep(float(sys.argv[2]))
        if not process.stopping.is_set():
            raise KeyError("lost")
    process.run({"loop": loop, "die": die})
"""


class Hosted:
    """The process, and its log line by line."""

    def __init__(self, settings: dict[str, Any], dies_after: float) -> None:
        command = [sys.executable, "-c", SCRIPT, json.dumps(settings), str(dies_after)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        """Read the log up to this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"event": line})
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"no {event} in {self.lines}")


@pytest.fixture
def hosted() -> Iterator[list[Hosted]]:
    """The processes of a test, ended at its end."""
    processes: list[Hosted] = []
    yield processes
    for one in processes:
        one.process.kill()
        one.process.wait()
        assert one.process.stderr is not None
        one.process.stderr.close()


def test_a_process_serves_its_pages_and_stops_when_asked(hosted: list[Hosted], tmp_path: Path) -> None:
    """A sleep of an hour ends at once, the spans are sent, and the exit status says that all is well."""
    hosted.append(Hosted({"trace_file": str(tmp_path / "spans")}, 3600))
    url = hosted[0].until("health.listening")["url"]
    turned = hosted[0].until("turned")

    assert httpx.get(f"{url}/readyz", trust_env=False).json() == {"ready": True, "parts": {"loop": {"ready": True}}}
    assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200
    assert "cohortstream_ready" in httpx.get(f"{url}/metrics", trust_env=False).text

    hosted[0].process.send_signal(signal.SIGTERM)
    hosted[0].until("process.stopped")

    assert hosted[0].process.wait(60) == 0
    assert json.loads((tmp_path / "spans").read_text())["trace_id"] == turned["trace_id"]


def test_a_role_that_dies_ends_the_process(hosted: list[Hosted]) -> None:
    """With its traceback in the log, for a supervisor to start it anew."""
    hosted.append(Hosted({}, 0))
    died = hosted[0].until("role.died")

    assert died["role"] == "die"
    assert "KeyError: 'lost'" in died["traceback"]
    assert hosted[0].process.wait(60) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hash_key": {"file": "/nowhere"}}, "CS1009"),
        ({"hash_key": "short"}, "CS1008"),
        ({"trace_file": "/dev/null/x"}, "CS1008"),
        ({"http_host": "192.0.2.1"}, "CS6002"),
    ],
)
def test_telemetry_that_cannot_start_is_a_fault_of_the_settings(
    hosted: list[Hosted], settings: dict[str, Any], words: str
) -> None:
    """It is known before the first row is read."""
    hosted.append(Hosted(settings, 0))
    assert hosted[0].process.stderr is not None

    assert words in hosted[0].process.stderr.read()
    assert hosted[0].process.wait(60) == 1


def test_garbage_is_looked_for_rarely_while_roles_work_and_as_before_afterwards() -> None:
    """What was there before is left alone meanwhile."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()

    with collecting_rarely():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > frozen

    assert (before, 0) == (gc.get_threshold(), gc.get_freeze_count())


def test_threads_take_turns_more_often_while_roles_run() -> None:
    """As before afterwards."""
    before = sys.getswitchinterval()

    with switching_often():
        assert sys.getswitchinterval() < before

    assert before == sys.getswitchinterval()
