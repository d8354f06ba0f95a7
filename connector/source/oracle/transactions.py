"""Open transactions, as far as V$TRANSACTION shows them: that they are open and since when, none of their data.

START_DATE is the wall clock of the database's host, without a zone. One statement tells it together with that wall clock
and with UTC, so nothing that takes time can come between them. Wall clocks are set back in autumn; then a start would
look an hour too late, and an hour too early is what is safe:

- A start in the future is an hour earlier (or of another instance whose clock is a little ahead).
- If the source's ``timezone`` has the host's offset now, a start is also read in that zone, the hour that comes twice as
  its first.
- What was told of a transaction once is not told later: a start that was first seen before clocks were set back stays.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import oracledb

from connector.runtime.errors import Halted, OperationalError
from connector.source.hints import OpenTransaction, OpenTransactions
from connector.source.oracle import statements
from connector.source.oracle.errors import DriverError
from connector.source.oracle.session import Session

LOOK_AGAIN_S = 600.0
"""After this time it is tried again whether more may be seen."""
_EVERYWHERE, _HERE = "GV$TRANSACTION", "V$TRANSACTION"
_NO_SLAVES = {"ORA-12801", "ORA-12805", "ORA-12850"}
"""Another instance could not be asked."""
_QUARTER = timedelta(minutes=15)
_SETBACK = timedelta(hours=1)
_SKEW = timedelta(seconds=30)


class Transactions:
    """Looks at them for one source. Not for use by several threads."""

    def __init__(self, session: Session, zone: str, monotonic: Callable[[], float]) -> None:
        self._session, self._zone, self._monotonic = session, ZoneInfo(zone), monotonic
        self._view: str | None = _EVERYWHERE
        self._lowered_at = 0.0
        self._starts: dict[str, datetime] = {}

    def open(self) -> OpenTransactions:
        """All that are open now. More than 5,000 count as not visible: to leave one out would prove too much."""
        if self._view != _EVERYWHERE and self._monotonic() - self._lowered_at >= LOOK_AGAIN_S:
            self._view = _EVERYWHERE
        while self._view is not None:
            try:
                rows = self._session.rows("transactions", statements.OPEN_TRANSACTIONS.format(view=self._view))
            except OperationalError as fault:
                if not _closed(fault):
                    raise
                self._view = _HERE if self._view == _EVERYWHERE else None
                self._lowered_at = self._monotonic()
                continue
            if len(rows) > statements.MOST_TRANSACTIONS:
                break
            found: dict[str, datetime] = {}
            for undo, slot, number, shown, wall, utc in rows:
                name = f"{undo}.{slot}.{number}"
                start = started(shown, wall, utc, self._zone)
                # What has not got its number yet may share one; the earliest stands for all.
                found[name] = min(start, found.get(name, start), self._starts.get(name, start))
            self._starts = found
            everything = tuple(OpenTransaction(name, start) for name, start in sorted(found.items()))
            return OpenTransactions(visible=True, open=everything, everywhere=self._view == _EVERYWHERE)
        return OpenTransactions(visible=False)


def started(shown: datetime, wall: datetime, utc: datetime, zone: tzinfo) -> datetime:
    """When a transaction began, UTC, to the second and never too late. ``shown`` is its START_DATE; ``wall`` and ``utc``
    are the host's wall clock and UTC, all three naive; ``zone`` is a guess at the host's.
    """
    offset = round((wall - utc) / _QUARTER) * _QUARTER
    now = utc.replace(microsecond=0)
    start = shown - offset
    if start > now:
        start = now if start - now <= _SKEW else min(start - _SETBACK, now)
    in_zone = utc.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    if in_zone == offset:
        start = min(start, shown.replace(tzinfo=zone, fold=0).astimezone(UTC).replace(tzinfo=None))
    return start.replace(tzinfo=UTC)


def _closed(fault: OperationalError) -> bool:
    """Whether the view cannot be seen, or not for all instances, as opposed to something being wrong."""
    cause = fault.__cause__
    if not isinstance(cause, oracledb.Error):
        return False
    said = DriverError.of(cause)
    return (isinstance(fault, Halted) and said.no_such_object) or (said.told in _NO_SLAVES)
