"""Logging on, with an end to waiting.

The driver bounds the TCP connection only: a port that accepts and says nothing (a firewall, another service, a listener
that hangs) would hold the poller for ever. So the log-on runs in a thread of its own that is waited for; one that hangs
is left behind, and no second one is begun beside it for a while, so that such threads do not pile up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import oracledb

_ABANDONED_AFTER_S = 600.0


class NoAnswer(Exception):
    """The log-on did not end in time."""


@dataclass
class _Attempt:
    began: float
    done: threading.Event = field(default_factory=threading.Event)
    connection: oracledb.Connection | None = None
    error: BaseException | None = None
    abandoned: bool = False


class LogOn:
    """Makes one session's connections, one at a time; ``monotonic`` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._pending: _Attempt | None = None

    def __call__(self, connect: Callable[[], oracledb.Connection], timeout_s: float) -> oracledb.Connection:
        """A new connection, by ``connect`` or by an earlier call's that is still under way.

        Raises:
            NoAnswer: not within ``timeout_s``.
            oracledb.Error: as the driver says.
        """
        attempt = self._pending
        if attempt is not None and self._monotonic() - attempt.began > _ABANDONED_AFTER_S:
            attempt.abandoned = True
            attempt = None
        if attempt is None:
            attempt = self._pending = _Attempt(self._monotonic())
            threading.Thread(target=_run, args=(attempt, connect), name="oracle-log-on", daemon=True).start()
        if not attempt.done.wait(timeout_s):
            raise NoAnswer
        self._pending = None
        if attempt.error is not None:
            raise attempt.error
        assert attempt.connection is not None
        return attempt.connection


def _run(attempt: _Attempt, connect: Callable[[], oracledb.Connection]) -> None:
    try:
        attempt.connection = connect()
    except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
        attempt.error = error
    attempt.done.set()
    if attempt.abandoned and attempt.connection is not None:
        with suppress(oracledb.Error):
            attempt.connection.close()
