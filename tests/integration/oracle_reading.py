"""What tests of the Oracle adapter share: the stand-in with a table, and a source that reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.errors import OperationalError
from connector.source.mapping import Row
from connector.source.oracle.reader import OracleSource
from connector.source.settings import SourceSettings

HINT = "timestamp1"
WAITING = 60.0
"""Seconds after which something that must happen has not."""


@contextmanager
def reading(settings: SourceSettings) -> Iterator[OracleSource]:
    """A source, closed in the end."""
    source = OracleSource("apogee", settings, SystemClock())
    try:
        yield source
    finally:
        source.close()


def fault_of(kind: type[OperationalError], call: Any, *arguments: Any) -> str:
    """Code and text of the fault that a call raises."""
    with pytest.raises(kind) as caught:
        call(*arguments)
    return str(caught.value.message)


def wait_for(condition: Callable[[], Any]) -> None:
    """Look again and again, until it holds."""
    pause, left = threading.Event(), WAITING
    while not condition():
        assert left > 0, "did not happen in time"
        pause.wait(0.01)
        left -= 0.01


def all_of(batches: Iterator[list[Row]]) -> list[Row]:
    """All rows, waiting for the database where they have not come yet."""
    found: list[Row] = []
    pause = threading.Event()
    for batch in batches:
        found += batch
        if not batch:
            pause.wait(0.01)
    return found
