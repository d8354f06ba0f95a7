"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from connector.runtime.messages import CliMessage, message
from connector.runtime.telemetry.logs import Log, start_logging
from connector.runtime.telemetry.tracing import TraceContext

CONTEXT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs of a test go; the root logger is given back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    start_logging("info", "json", lambda: CONTEXT, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_an_event_its_keys_and_the_trace(stream: io.StringIO) -> None:
    """One JSON object a line; percent signs and line breaks are data."""
    Log("source").info("poll.done", hints=3, note="100 %s\n")
    (line,) = lines(stream)

    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "log": "source",
        "event": "poll.done",
        "hints": 3,
        "note": "100 %s\n",
        "trace_id": CONTEXT.trace_id,
        "span_id": CONTEXT.span_id,
    }


def test_a_message_is_logged_with_its_code(stream: io.StringIO) -> None:
    """Whoever greps for a code finds the line."""
    Log("x").warning("role.died", message=message(CliMessage.ROLE_DIED, role="poll", reason="r"))
    (line,) = lines(stream)

    assert line["code"] == "CS6003"
    assert line["message"].startswith('The role "poll" stopped: r. The whole')


def test_levels_are_respected(stream: io.StringIO) -> None:
    """Below the configured level nothing is written, libraries write from warning on."""
    Log("x").debug("hidden")
    logging.getLogger("library").info("hidden")
    logging.getLogger("library").warning("shown %d", 1)
    (line,) = lines(stream)

    assert (line["event"], line["text"], line["log"]) == ("library", "shown 1", "library")


def test_an_unexpected_exception_has_its_traceback(stream: io.StringIO) -> None:
    """Faults of the program can be found from the log alone."""
    try:
        int("lost")
    except ValueError as error:
        Log("x").crash("role.died", error, role="poll")
        Log("x").error("role.died", error=error)
    traced, told = lines(stream)

    assert "test_logs.py" in traced["traceback"]
    assert told["error"] == "ValueError: invalid literal for int() with base 10: 'lost'"
    assert "traceback" not in told


def test_lines_for_a_terminal_are_plain(stream: io.StringIO) -> None:
    """A person sees time, level, event and keys."""
    start_logging("debug", "text", lambda: None, stream)
    Log("x").debug("poll.done", hints=3)

    assert stream.getvalue()[13:] == "DEBUG   poll.done log=x hints=3\n"
