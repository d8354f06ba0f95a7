"""Time columns without a zone, and what UTC they mean.

Going from UTC to a wall clock is exact, but wall clocks run back in autumn: a row that is stamped later may show an
earlier time. A bound on the wall clock must therefore not exceed any wall clock that is shown from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

_STEP = timedelta(minutes=15)
_LONGEST_SETBACK = timedelta(hours=3)


def wall(moment: datetime, zone: tzinfo) -> datetime:
    """The naive wall clock of this moment."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def wall_floor(moment: datetime, zone: tzinfo) -> datetime:
    """The least wall clock that is shown at ``moment`` or later: in the hours before clocks go back it is the beginning
    of the hour that comes twice.
    """
    lowest = wall(moment, zone)
    # Clocks are set at quarters of an hour, UTC, everywhere; and by no more than a few hours.
    step = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0) + _STEP
    while step <= moment + _LONGEST_SETBACK:
        lowest = min(lowest, wall(step, zone))
        step += _STEP
    return lowest


def utc_of(shown: datetime, zone: tzinfo, now: datetime) -> datetime:
    """The moment that a wall clock means: of two, the later that is not in the future; of none (spring), the moment an
    hour on. For display and freshness only, never for a bound.
    """
    try:
        first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:  # 9999-12-31, which stands for "never", is no moment west of Greenwich
        return shown.replace(tzinfo=UTC)
    return second if second <= now else first


class Grain(StrEnum):
    """Sorts of time columns, as far as they are compared differently."""

    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """A cursor column's own terms: naive wall clock of ``zone``, or naive UTC if the column knows its zone."""

    grain: Grain
    zone: ZoneInfo
    digits: int = 6
    """Digits of the second that the column keeps. A TIMESTAMP is rounded to them, a DATE is cut."""

    def bound(self, moment: datetime) -> datetime:
        """The least stamp that a row changed at ``moment`` or later can bear."""
        zoned = self.grain is Grain.ZONED
        lowest = moment.astimezone(UTC).replace(tzinfo=None) if zoned else wall_floor(moment, self.zone)
        unit = 10 ** (6 - (0 if self.grain is Grain.DATE else min(self.digits, 6)))
        return lowest.replace(microsecond=lowest.microsecond // unit * unit)

    def shown(self, moment: datetime) -> datetime:
        """What a row that is stamped at ``moment`` shows."""
        return wall(moment, UTC if self.grain is Grain.ZONED else self.zone)

    def utc(self, stamp: datetime, now: datetime) -> datetime:
        """The moment of a stamp, as ``utc_of`` says."""
        return stamp.replace(tzinfo=UTC) if self.grain is Grain.ZONED else utc_of(stamp, self.zone, now)


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A cursor column whose values are numbers of a sequence."""
