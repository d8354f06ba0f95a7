"""Whether scheduled reconciliations come to their end, told from what they say of themselves. Pure.

One of everything that comes to its end clears the alert that scheduled ones fail, raised or not, so its last word says when
that was. So this is noticed also while no process runs that would reconcile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.runtime.messages import NotifierMessage, message
from consumers.notifier.news import Seen
from consumers.notifier.watching import Watch
from schemas.records import Alert, AlertState

_GRACE = timedelta(hours=6)
"""A large site is read for an hour or two, a failed attempt is repeated, and one that was missed is made up for when
somebody starts everything after a long stop."""
_WATCH = Watch("reconciliation", _GRACE)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A sink that is reconciled by schedule."""

    key: str
    """Of the alert that scheduled ones fail."""
    is_due: Callable[[datetime, datetime], bool]
    """Whether it is time, given when the last one came to its end, and now."""


def overdue_alerts(
    scheduled: Mapping[str, Scheduled], standing: Mapping[str, Seen], watched_since: datetime, now: datetime
) -> Iterator[Alert]:
    """The alerts to write, for sinks whose reconciliation is long due and for those of which that is over. One that never
    came to an end is not watched: the first may wait for its time. One that fails is told already.
    """
    late = {
        sink: message(NotifierMessage.RECONCILIATION_OVERDUE, sink=sink, at=f"{ended:%Y-%m-%d %H:%M} UTC")
        for sink, one in scheduled.items()
        if (ended := _ended(standing.get(one.key))) is not None and one.is_due(ended, now - _GRACE)
    }
    raised = {key: seen.alert for key, seen in standing.items() if seen.alert.state is AlertState.RAISED}
    return _WATCH.alerts(late, raised, watched_since, now)


def overdue_key(sink: str) -> str:
    """Key of the alert that a sink is not reconciled."""
    return _WATCH.key(sink)


def _ended(last: Seen | None) -> datetime | None:
    """When the last one came to its end; None if none did, or if one has failed since."""
    return last.alert.at if last is not None and last.alert.state is AlertState.CLEARED else None
