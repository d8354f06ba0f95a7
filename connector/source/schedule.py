"""Whether a snapshot is due by its time of the day. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = 2
"""Calendar days behind today's that may hold the last time: a zone may leave out a whole day."""


def is_due(snapshot_at: Sequence[time], zone: ZoneInfo, last: datetime | None, now: datetime) -> bool:
    """Whether one of these times of the day has passed since the last complete snapshot began.

    Of several times that passed meanwhile one snapshot makes up for all. A time that a day shows twice is its first
    moment; one that it leaves out, in spring, is the moment as long after midnight by the clock as it was. ``last`` and
    ``now`` are aware; ``last`` is None if there was none.
    """
    passed = _latest(snapshot_at, zone, now)
    return passed is not None and (last is None or last < passed)


def _latest(snapshot_at: Sequence[time], zone: ZoneInfo, now: datetime) -> datetime | None:
    """The last moment, now included, that shows one of these times; None for no times."""
    today = now.astimezone(zone).date()
    moments = (
        datetime.combine(today - timedelta(days=back), at, zone).astimezone(UTC)
        for back in range(_DAYS + 1)
        for at in snapshot_at
    )
    return max((moment for moment in moments if moment <= now), default=None)
