"""The database's clock: real time plus an offset, or a standstill."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Clock:
    """What SYSDATE and SYSTIMESTAMP say. May be set while the database runs."""

    def __init__(self, source: Callable[[], dt.datetime] = _now) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._offset = dt.timedelta()
        self._frozen: dt.datetime | None = None

    def now(self) -> dt.datetime:
        """The present instant, in UTC."""
        with self._lock:
            return self._frozen or self._source().astimezone(dt.UTC) + self._offset

    @property
    def offset(self) -> dt.timedelta:
        """How far this clock is ahead of its source."""
        with self._lock:
            return self._offset

    @offset.setter
    def offset(self, by: dt.timedelta) -> None:
        with self._lock:
            self._offset, self._frozen = by, None

    def set(self, now: dt.datetime) -> None:
        """Go on from `now`, which must know its zone."""
        with self._lock:
            self._offset, self._frozen = now.astimezone(dt.UTC) - self._source().astimezone(dt.UTC), None

    def freeze(self, now: dt.datetime | None = None) -> None:
        """Stand still at `now` (default: the present)."""
        at = (now or self.now()).astimezone(dt.UTC)
        with self._lock:
            self._frozen = at

    def advance(self, by: dt.timedelta) -> None:
        """Move on, standing still or not."""
        with self._lock:
            if self._frozen:
                self._frozen += by
            else:
                self._offset += by
