"""How old the last successful poll of each source is, told from the checkpoints. Pure.

A checkpoint holds the database's time at the last successful reading, and is written every ten seconds while nothing
happens. What counts is when a checkpoint with a newer one was written: the database's clock may differ from ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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

    def alerts(
        self, sources: Collection[str], limit: timedelta, standing: Mapping[str, Alert], now: datetime
    ) -> Iterator[Alert]:
        """The alerts to write: for sources of the settings that were not polled for longer than ``limit`` (0: never), and
        for those of which that is over. ``standing`` are the alerts that are raised, by key.
        """
        overdue = {
            poll_key(source): (source, poll)
            for source, poll in self._polls.items()
            if source in sources and limit and now - poll.at > limit and now - self._watched_since > min(limit, _GRACE)
        }
        for key, (source, poll) in overdue.items():
            if key not in standing:
                told = message(
                    NotifierMessage.POLL_OVERDUE,
                    source=source,
                    at=f"{poll.at:%Y-%m-%d %H:%M} UTC",
                    limit=format_duration(limit),
                )
                yield Alert(key, AlertState.RAISED, told.code, ROLE, now, told.parameters)
        for key, alert in standing.items():
            if _is_poll(key) and key not in overdue and self._over(key, sources, limit, now):
                yield Alert(key, AlertState.CLEARED, alert.code, ROLE, now, dict(alert.parameters))

    def _over(self, key: str, sources: Collection[str], limit: timedelta, now: datetime) -> bool:
        """Whether the source is polled again, or is none of ours any more; not while the grace hides it only."""
        source = key.split("/")[1]
        poll = self._polls.get(source)
        return poll is None or source not in sources or not limit or now - poll.at <= limit


def poll_key(source: str) -> str:
    """Key of the alert that a source is not polled."""
    return f"{ROLE}/{source}/poll"


def _is_poll(key: str) -> bool:
    return key.startswith(f"{ROLE}/") and key.endswith("/poll")
