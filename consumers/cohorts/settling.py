"""Quarantines whose time is over: Moodle is asked what it shows. Where it does not say, it is asked ever less often.

It does not say for a cohort that the service user may not look into, or that is not there at the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.runtime.patience import growing_pause
from consumers.cohorts.desk import Desk
from consumers.cohorts.rechecks import Rechecks

_EVERY = timedelta(seconds=1)
"""How often ends of quarantines are looked for."""
_FIRST_S = 5.0
"""Until a cohort is asked about again: longer than a read takes, its window included."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A cohort with such entries was asked about."""

    again_at: datetime
    times: int


class Settling:
    """Asks for rechecks. ``turn`` once a turn."""

    def __init__(self, desk: Desk, rechecks: Rechecks) -> None:
        self._desk, self._rechecks = desk, rechecks
        self._looked_at: datetime | None = None
        self._asked: dict[str, _Asked] = {}

    def turn(self, now: datetime) -> None:
        """Ask about the cohorts whose turn it is; all of a cohort's entries cost one read."""
        if self._looked_at is not None and now - self._looked_at < _EVERY:
            return
        self._looked_at = now
        over: dict[str, list[str]] = {}
        for store in self._desk.ledger.stores():
            for entry in store.quarantined_before(now - self._desk.settings.moodle_settle):
                over.setdefault(entry.cohort, []).append(entry.student)
        self._asked = {cohort: asked for cohort, asked in self._asked.items() if cohort in over}
        longest = self._desk.settings.cohort_retry.total_seconds()
        for cohort, students in over.items():
            asked = self._asked.get(cohort)
            if asked is not None and now < asked.again_at:
                continue
            times = 0 if asked is None else asked.times
            pause = timedelta(seconds=growing_pause(min(_FIRST_S, longest), longest, times))
            self._asked[cohort] = _Asked(now + pause, times + 1)
            for student in students:
                self._rechecks.ask(cohort, student, now)
