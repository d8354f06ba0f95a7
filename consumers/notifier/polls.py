"""How old the last successful poll of each source is, told from the checkpoints. Pure.

A checkpoint holds the database's time at the last successful reading, and is written every ten seconds while nothing
happens. What counts is when a checkpoint with a newer one was written: the database's clock may differ from ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.runtime.messages import NotifierMessage, message
from connector.runtime.settings import format_duration
from schemas.records import Alert, AlertState, Checkpoint

ROLE = "notify"
_GRACE = timedelta(minutes=1)
"""Whoever starts everything after a long stop has the connector a moment to begin."""


@dataclass(frozen=True, slots=True)
class _Poll:
    read: datetime
    at: datetime


class PollAges:
    """The last poll of every source that has a checkpoint."""

    def __init__(self, watched_since: datetime) -> None:
        self._watched_since = watched_since
        self._polls: dict[str, _Poll] = {}

    def heard(self, checkpoint: Checkpoint, written_at: datetime) -> None:
        """A checkpoint, and when it was written; in the order of the topic."""
        if not checkpoint.fingerprint or checkpoint.database_time is None:
            self._polls.pop(checkpoint.source, None)  # retired, or never read yet
            return
        last = self._polls.get(checkpoint.source)
        if last is None or last.read != checkpoint.database_time:
            self._polls[checkpoint.source] = _Poll(checkpoint.database_time, written_at)

    def alerts(self, limits: Mapping[str, timedelta], standing: Mapping[str, Alert], now: datetime) -> Iterator[Alert]:
        """The alerts to write: for sources that were not polled for longer than their limit, and for those of which that
        is over. A source without a limit is not watched. ``standing`` are the alerts that are raised, by key.
        """
        overdue = {
            poll_key(source): (source, poll, limits[source])
            for source, poll in self._polls.items()
            if self._is_late(source, limits, now) and now - self._watched_since > _GRACE
        }
        for key, (source, poll, limit) in overdue.items():
            if key not in standing:
                told = message(
                    NotifierMessage.POLL_OVERDUE,
                    source=source,
                    at=f"{poll.at:%Y-%m-%d %H:%M} UTC",
                    limit=format_duration(limit),
                )
                yield Alert(key, AlertState.RAISED, told.code, ROLE, now, told.parameters)
        for key, alert in standing.items():
            # While the grace hides that it is late, it is not over.
            if _is_poll(key) and not self._is_late(key.split("/")[1], limits, now):
                yield Alert(key, AlertState.CLEARED, alert.code, ROLE, now, dict(alert.parameters))

    def _is_late(self, source: str, limits: Mapping[str, timedelta], now: datetime) -> bool:
        poll, limit = self._polls.get(source), limits.get(source)
        return poll is not None and limit is not None and now - poll.at > limit


def poll_key(source: str) -> str:
    """Key of the alert that a source is not polled."""
    return f"{ROLE}/{source}/poll"


def _is_poll(key: str) -> bool:
    return key.startswith(f"{ROLE}/") and key.endswith("/poll")
