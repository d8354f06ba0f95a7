"""When reconciliations are due. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from connector.source.schedule import is_due
from consumers.reconciler.settings import ReconcileSettings


@dataclass(frozen=True, slots=True)
class Timetable:
    """The times and the interval of the settings."""

    settings: ReconcileSettings

    @property
    def empty(self) -> bool:
        return self.settings.every is None and not self.settings.at

    def is_due(self, last: datetime, now: datetime) -> bool:
        """Whether it is time, given when the last one came to its end."""
        every = self.settings.every
        by_interval = every is not None and now - last >= every
        return by_interval or is_due(self.settings.at, ZoneInfo(self.settings.timezone), last, now)
