"""Liveness, readiness and their pages."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connector.runtime.errors import SettingsFaults
from connector.runtime.health import Health, HealthServer
from connector.runtime.messages import CliMessage, message
from connector.runtime.telemetry import Gauge, MemoryMetrics


class HandClock:
    """A clock that only its owner moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def metrics() -> MemoryMetrics:
    return MemoryMetrics()


@pytest.fixture
def health(clock: HandClock, metrics: MemoryMetrics) -> Health:
    return Health(clock, metrics, timedelta(seconds=60))


def told(content: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(content)
    return parsed


def test_a_process_is_not_ready_before_its_parts_have_said_so(health: Health, metrics: MemoryMetrics) -> None:
    """Nobody has reported, or one is still starting: not ready."""
    assert health.readiness().status == 503

    health.expect("kafka")
    health.ready("moodle")

    assert health.readiness().status == 503
    assert told(health.readiness().content)["parts"] == {
        "kafka": {"ready": False, "reason": "starting"},
        "moodle": {"ready": True},
    }

    health.ready("kafka")

    assert health.readiness().status == 200
    assert metrics.value(Gauge.READY, part="kafka") == 1


def test_a_part_that_is_not_ready_says_why_and_what_to_do(health: Health, metrics: MemoryMetrics) -> None:
    """A message is shown with its code and its fix."""
    health.not_ready("poll", message(CliMessage.ROLE_DIED, role="poll", reason="r"))
    (part,) = told(health.readiness().content)["parts"].values()

    assert part["code"] == "CS6003"
    assert part["reason"] == 'The role "poll" stopped: r.'
    assert part["fix"]
    assert metrics.value(Gauge.READY, part="poll") == 0


def test_a_loop_that_has_stalled_is_not_alive(health: Health, clock: HandClock) -> None:
    """A loop that turns lives; an end that is down does not kill."""
    health.not_ready("moodle", "down")
    health.turned("consume")
    clock.seconds = 60

    assert health.liveness().status == 200

    clock.seconds = 61

    assert health.liveness().status == 503
    assert told(health.liveness().content)["parts"] == {"consume": {"live": False, "turned_seconds_ago": 61}}

    health.turned("consume")

    assert health.liveness().status == 200


def test_a_process_lives_before_its_first_turn(health: Health) -> None:
    """A long start, such as the restoring of the state, is no stall."""
    assert health.liveness().status == 200


def test_a_part_that_left_is_forgotten(health: Health, clock: HandClock, metrics: MemoryMetrics) -> None:
    """It makes the process neither unready nor dead."""
    health.ready("other")
    health.not_ready("part", "down")
    health.turned("part")
    health.forget("part")
    clock.seconds = 1000

    assert (health.readiness().status, health.liveness().status) == (200, 200)
    assert metrics.value(Gauge.READY, part="part") is None


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    server = HealthServer(health, lambda: ("text/plain; version=x", b"metric 1\n"), "127.0.0.1", 0)
    yield server
    server.close()


def test_the_pages_are_served(server: HealthServer, health: Health) -> None:
    """On the free port that was found."""
    base = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=base, trust_env=False) as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez?verbose").json() == {"live": True, "parts": {}}
        assert client.get("/metrics").text == "metric 1\n"
        assert client.get("/metrics").headers["Content-Type"] == "text/plain; version=x"
        assert client.get("/").status_code == 404

        health.ready("kafka")

        assert client.head("/readyz").status_code == 200
        assert client.post("/readyz").status_code == 501


def test_a_port_that_is_taken_is_a_fault_of_the_settings(health: Health) -> None:
    """It names the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsFaults, match=f"CS6002 The health page cannot listen on 127.0.0.1:{port}"):
            HealthServer(health, lambda: ("", b""), "127.0.0.1", port)
