"""One source's Oracle database, as ``connector.source.reading.Source`` wants it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import oracledb

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.messages import OracleMessage, message
from connector.source.hints import HintRow
from connector.source.hints.zones import Grain, TimeColumn
from connector.source.mapping import Row, RowMapping, value_of
from connector.source.oracle import statements
from connector.source.oracle.errors import DriverError
from connector.source.oracle.session import Session
from connector.source.reading import OpenTransactions
from connector.source.settings import HintSettings, SourceSettings, hint_name
from schemas.records import DatabaseIdentity

_GRAINS = {
    oracledb.DB_TYPE_DATE: Grain.DATE,
    oracledb.DB_TYPE_TIMESTAMP: Grain.TIMESTAMP,
    oracledb.DB_TYPE_TIMESTAMP_TZ: Grain.ZONED,
    oracledb.DB_TYPE_TIMESTAMP_LTZ: Grain.ZONED,
}
_TEXTS = {oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_NVARCHAR, oracledb.DB_TYPE_NCHAR}
_PATIENCE_S = 2.0
_LOOK_AGAIN_S = 600.0
"""After this time it is tried again whether open transactions may be seen."""


def polled_source(name: str, settings: SourceSettings, clock: Clock) -> OracleSource:
    """A source for the poller, which must not let one that does not answer hold up the others."""
    return OracleSource(name, settings, clock, patience_s=_PATIENCE_S)


class OracleSource:
    """Reads by statements of ``statements``. What the columns are is asked once, and again after a refused statement."""

    def __init__(self, name: str, settings: SourceSettings, clock: Clock, *, patience_s: float | None = None) -> None:
        """``patience_s`` is the longest wait for a log-on, which goes on behind it; None: as long as it takes."""
        self.name, self.settings, self._clock = name, settings, clock
        self.mapping = RowMapping(settings.membership, settings.cohort, settings.maps)
        self.session = Session(name, settings, clock, patience_s=patience_s)
        self._hints = {hint_name(hint, n): hint for n, hint in enumerate(settings.hints, 1)}
        self._origin = statements.origin(settings.membership.table, settings.membership.query)
        self._student_type: Any = None
        self._cursors: dict[str, TimeColumn] = {}
        self._transactions_view: str | None = "GV$TRANSACTION"
        self._hidden_since = 0.0

    @property
    def busy(self) -> float:
        return self.session.busy

    def clock(self) -> datetime:
        ((now,),) = self.session.rows("clock", statements.CLOCK)
        return _utc(now)

    def identity(self) -> DatabaseIdentity:
        ((name, container, unique, role),) = self.session.rows("identity", statements.IDENTITY)
        # A pluggable database that is cloned keeps its container's names.
        full = f"{name}/{container}" if container and container != name else str(name or "")
        return DatabaseIdentity(full, str(unique or ""), str(role or ""))

    def open_transactions(self) -> OpenTransactions:
        if self._transactions_view is None:
            if self._clock.monotonic() - self._hidden_since < _LOOK_AGAIN_S:
                return OpenTransactions(visible=False)
            self._transactions_view = "GV$TRANSACTION"
        try:
            sql = statements.OPEN_TRANSACTIONS.format(view=self._transactions_view)
            ((oldest, now),) = self.session.rows("transactions", sql)
        except Halted as fault:
            if not _hidden(fault):
                raise
            self._transactions_view = "V$TRANSACTION" if self._transactions_view.startswith("G") else None
            self._hidden_since = self._clock.monotonic()
            return self.open_transactions()
        return OpenTransactions(visible=True, oldest_age_s=(now - oldest).total_seconds() if oldest else None)

    def cursor_column(self, hint: str) -> TimeColumn:
        if hint not in self._cursors:
            settings = self._hints[hint]
            columns = self.columns(f"hint {hint}", self.hint_origin(settings))
            self._require(columns, self._subject(settings), f"hint {hint}", f"hint {hint}")
            self._require(columns, [settings.cursor], f"hint {hint}", "its cursor")
            kind = columns[settings.cursor]
            if kind not in _GRAINS:
                raise Halted(
                    message(
                        OracleMessage.CURSOR_TYPE, source=self.name, hint=hint, column=settings.cursor, type=kind.name
                    )
                )
            self._cursors[hint] = TimeColumn(_GRAINS[kind], ZoneInfo(self.settings.timezone))
        return self._cursors[hint]

    def changed(self, hint: str, low: datetime) -> list[HintRow]:
        settings, column = self._hints[hint], self.cursor_column(hint)
        subject = self._subject(settings)
        sql = statements.hint(self.hint_origin(settings), subject, settings.cursor, column.grain)
        # The driver binds a datetime as a DATE, without its fraction, unless told otherwise.
        kind = oracledb.DB_TYPE_DATE if column.grain is Grain.DATE else oracledb.DB_TYPE_TIMESTAMP
        rows = self.session.rows(f"hint {hint}", sql, {"low": low}, {"low": kind})
        if settings.by_cohort:
            return [HintRow(tuple(row[:-2]), row[-2], int(row[-1])) for row in rows]
        return [HintRow(value_of(row[0]), row[1], int(row[2])) for row in rows if row[0] is not None]

    def truth(self, values: Sequence[str]) -> list[Row]:
        binds = [bind for value in values if (bind := self._bound(value)) is not None]
        if not binds:
            return []
        columns = self.mapping.columns
        sql, size = statements.truth(self._origin, columns, self.mapping.student_column, len(binds))
        filled = binds + binds[-1:] * (size - len(binds))
        rows = self.session.rows("truth", sql, {f"s{n}": bind for n, bind in enumerate(filled)})
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def students_of(self, cohort: tuple[object, ...]) -> list[str]:
        nulls = [part is None for part in cohort]
        sql = statements.members(self._origin, self.mapping.student_column, self.mapping.idnumber.columns, nulls)
        binds = {f"c{n}": part for n, part in enumerate(cohort) if part is not None}
        return [value_of(row[0]) for row in self.session.rows("cohort", sql, binds) if row[0] is not None]

    def cohorts(self) -> list[Row] | None:
        query = self.settings.cohort.query
        if query is None:
            return None
        columns = self.mapping.cohort_columns
        rows = self.session.rows("cohorts", statements.cohorts(query, columns))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def snapshot(self) -> Iterator[list[Row]]:
        columns = self.mapping.columns
        text = self.student_type() in _TEXTS
        sql = statements.snapshot(self._origin, columns, self.mapping.student_column, text=text)
        timeout = self.settings.snapshot_timeout.total_seconds()
        session = Session(self.name, self.settings, self._clock, timeout_s=timeout)
        for batch in session.stream("snapshot", sql):
            yield [dict(zip(columns, row, strict=True)) for row in batch]

    def sample(self, rows: int) -> list[Row]:
        """At most so many rows, whichever come first."""
        return [row for batch in self.some(rows) for row in batch]

    def some(self, rows: int) -> Iterator[list[Row]]:
        """Batches of at most so many rows, whichever come first, in a session of its own."""
        self.student_type()
        sql = statements.sample(self._origin, self.mapping.columns, rows)
        timeout = self.settings.snapshot_timeout.total_seconds()
        session = Session(self.name, self.settings, self._clock, timeout_s=timeout)
        for batch in session.stream("membership", sql):
            yield [dict(zip(self.mapping.columns, row, strict=True)) for row in batch]

    def close(self) -> None:
        self.session.close()

    def hint_origin(self, hint: HintSettings) -> str:
        """What the hint query reads."""
        if hint.table is None and hint.query is None:
            return self._origin
        return statements.origin(hint.table, hint.query)

    def columns(self, query: str, origin: str) -> dict[str, Any]:
        """Names and types of what is read."""
        return self.session.columns(query, statements.description(origin))

    def student_type(self) -> Any:
        """The type of the student column, after all columns of the patterns were found.

        Raises:
            Halted: a column is missing, or the student column is neither text nor number.
        """
        if self._student_type is None:
            columns = self.columns("membership", self._origin)
            mapping = self.mapping
            named = {"student": mapping.student, "idnumber": mapping.idnumber, "name": mapping.name}
            named |= {"category": mapping.category, "row_key": mapping.row_key}
            for what, pattern in named.items():
                if pattern is not None:
                    self._require(columns, pattern.columns, "membership", f"the pattern of {what}")
            self._require(columns, mapping.columns, "membership", "an active condition")
            kind = columns[mapping.student_column]
            if kind not in _TEXTS and kind is not oracledb.DB_TYPE_NUMBER:
                raise Halted(
                    message(OracleMessage.STUDENT_TYPE, source=self.name, column=mapping.student_column, type=kind.name)
                )
            self._student_type = kind
        return self._student_type

    def refresh(self) -> None:
        self._student_type = None
        self._cursors.clear()

    def _subject(self, hint: HintSettings) -> list[str]:
        if hint.by_cohort:
            return list(self.mapping.idnumber.columns)
        return [hint.student or self.mapping.student_column]

    def _require(self, found: dict[str, Any], wanted: Sequence[str], query: str, pattern: str) -> None:
        for column in wanted:
            if column not in found:
                raise Halted(
                    message(
                        OracleMessage.COLUMN_MISSING,
                        source=self.name,
                        query=query,
                        column=column,
                        pattern=pattern,
                        columns=", ".join(found),
                    )
                )

    def _bound(self, value: str) -> str | int | Decimal | None:
        """A value of the student column to compare with; None if the column cannot have it. A number is bound as such:
        Oracle would convert the column of a text comparison, and its index would be lost.
        """
        if self.student_type() in _TEXTS:
            return value
        try:
            return int(value) if value.lstrip("-").isdecimal() else Decimal(value)
        except InvalidOperation:
            return None


def _utc(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)


def _hidden(fault: Halted) -> bool:
    """Whether the view cannot be seen, as opposed to something being wrong."""
    cause = fault.__cause__
    return isinstance(cause, oracledb.Error) and DriverError.of(cause).no_such_object
