"""Whether a snapshot is due by its time of the day, and when the next one is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = 2
"""Calendar days before and after today's that may hold the nearest time: a zone may leave out a whole day."""


def is_due(snapshot_at: Sequence[time], zone: ZoneInfo, last: datetime | None, now: datetime) -> bool:
    """Whether one of these times of the day has passed since the last complete snapshot began.

    Of several times that passed meanwhile one snapshot makes up for all. A time that a day shows twice is its first
    moment; one that it leaves out, in spring, is the moment as long after midnight by the clock as it was. ``last`` and
    ``now`` are aware; ``last`` is None if there was none.
    """
    passed = _latest(snapshot_at, zone, now)
    return passed is not None and (last is None or last < passed)


def upcoming(snapshot_at: Sequence[time], zone: ZoneInfo, now: datetime) -> datetime | None:
    """The first moment after ``now`` that shows one of these times, UTC; None for no times."""
    return min((moment for moment in _moments(snapshot_at, zone, now) if moment > now), default=None)


def _latest(snapshot_at: Sequence[time], zone: ZoneInfo, now: datetime) -> datetime | None:
    """The last moment, now included, that shows one of these times; None for no times."""
    return max((moment for moment in _moments(snapshot_at, zone, now) if moment <= now), default=None)


def _moments(snapshot_at: Sequence[time], zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    """Every moment about now that shows one of these times."""
    today = now.astimezone(zone).date()
    for days in range(-_DAYS, _DAYS + 1):
        for at in snapshot_at:
            yield datetime.combine(today + timedelta(days=days), at, zone).astimezone(UTC)
