"""What tests of the Oracle adapter share: the stand-in with a table, and a source that reads it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.errors import OperationalError
from connector.source.mapping import Row
from connector.source.oracle.reader import OracleSource
from connector.source.settings import SourceSettings

HINT = "timestamp1"


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


def all_of(batches: Iterator[list[Row]]) -> list[Row]:
    """All rows, waiting for the database where they have not come yet."""
    found: list[Row] = []
    pause = threading.Event()
    for batch in batches:
        found += batch
        if not batch:
            pause.wait(0.01)
    return found
