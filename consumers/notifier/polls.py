"""How old the last successful poll of each source is, told from the checkpoints. Pure.

A checkpoint holds the database's time at the last successful reading, and is written every ten seconds while nothing
happens. What counts is when a checkpoint with a newer one was written: the database's clock may differ from ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.runtime.messages import Message, NotifierMessage, message
from connector.runtime.settings import format_duration
from consumers.notifier.watching import Watch
from schemas.records import Alert, Checkpoint

_WATCH = Watch("poll", timedelta(minutes=1))


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
        late = {
            source: _overdue(source, poll, limit)
            for source, poll in self._polls.items()
            if (limit := limits.get(source)) is not None and now - poll.at > limit
        }
        return _WATCH.alerts(late, standing, self._watched_since, now)


def _overdue(source: str, poll: _Poll, limit: timedelta) -> Message:
    return message(
        NotifierMessage.POLL_OVERDUE,
        source=source,
        at=f"{poll.at:%Y-%m-%d %H:%M} UTC",
        limit=format_duration(limit),
    )


def poll_key(source: str) -> str:
    """Key of the alert that a source is not polled."""
    return _WATCH.key(source)
