"""Waiting for rows that other transactions hold."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from tests.standins.oracle.errors import OraError, usual_text
from tests.standins.oracle.mvcc import Blocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.engine import EngineSession

POLL = 0.5  # seconds between looks at the interrupt flag
T = TypeVar("T")


def patiently(session: EngineSession, attempt: Callable[[], T], limit: float | None) -> T:
    """Try under the write lock; where others hold rows, wait for them and try anew.

    Oracle restarts the statement after such a wait, so that it sees what they committed.
    `limit`: seconds (0: ORA-00054 at once; more: ORA-30006 when they are over); None: for ever.
    """
    deadline = None if limit is None else time.monotonic() + limit
    while True:
        try:
            with session.database.writing:
                return attempt()
        except Blocked as blocked:
            if limit == 0:
                raise OraError(54, usual_text(54)) from blocked
            _wait_for(session, blocked.by, deadline)


def _wait_for(session: EngineSession, by: set[int], deadline: float | None) -> None:
    ledger = session.database.ledger
    ledger.start_waiting(session.transaction, by)
    try:
        with ledger.changed:
            while by & ledger.others(session.transaction):
                session.require_wanted()
                left = POLL if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise OraError(30006, usual_text(30006))
                ledger.changed.wait(min(left, POLL))
    finally:
        ledger.stop_waiting(session.transaction)
