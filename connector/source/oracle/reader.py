"""One source's Oracle database, as ``connector.source.reading.Source`` wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.messages import OracleMessage, message
from connector.source.hints import Group, HintRow, OpenTransactions, Position
from connector.source.hints.zones import NumberColumn, TimeColumn
from connector.source.mapping import Row, RowMapping, stamp_column, value_of
from connector.source.oracle import statements
from connector.source.oracle.account import Account
from connector.source.oracle.ahead import Ahead
from connector.source.oracle.columns import NUMBERS, READABLE, TEXTS, Described, bound_types, bound_value
from connector.source.oracle.dictionary import Dictionary
from connector.source.oracle.hinting import HintQueries, missing_column
from connector.source.oracle.identity import IdentityQuery
from connector.source.oracle.proof import Proof
from connector.source.oracle.session import Expected, Session
from connector.source.oracle.transactions import Transactions
from connector.source.oracle.watched import Watched
from connector.source.settings import SourceSettings
from schemas.records import DatabaseIdentity

_PATIENCE_S = 2.0
_TYPES_AGAIN_S = 600.0
"""Columns are described again after this time, since somebody may have altered a table."""


def polled_source(name: str, settings: SourceSettings, clock: Clock) -> OracleSource:
    """A source for the poller, which must not let one that does not answer hold up the others."""
    return OracleSource(name, settings, clock, patience_s=_PATIENCE_S)


class OracleSource:
    """Reads by statements of ``statements``. What the columns are is asked once, and again after a refused statement."""

    def __init__(self, name: str, settings: SourceSettings, clock: Clock, *, patience_s: float | None = None) -> None:
        """``patience_s`` is the longest wait for a log-on, which goes on behind it; None: as long as it takes."""
        self.name, self.settings, self._clock = name, settings, clock
        self.mapping = RowMapping.of(settings)
        self._account = Account(name, settings, clock)
        self._identity = IdentityQuery(name, clock.monotonic)
        self.session = Session(self._account, name, settings, clock, patience_s=patience_s, greet=self._identity.greet)
        self.hints = HintQueries(self.session, settings, self.mapping)
        self._watched = Watched(self.session, self.hints, self.mapping)
        self._transactions = Transactions(self.session, settings.timezone, clock.monotonic)
        self._proof = Proof(lambda: Dictionary(self.session), clock.monotonic)
        self._origin = statements.origin(settings.membership.table, settings.membership.query)
        self._columns: dict[str, Described] = {}
        self._described_at = clock.monotonic()
        self._role = ""
        self._reading: Ahead[Row] | None = None

    @property
    def busy(self) -> float:
        return self.session.busy

    def clock(self) -> datetime:
        ((now,),) = self.session.rows("clock", statements.CLOCK)
        read: datetime = now
        return read.replace(tzinfo=UTC)

    def identity(self) -> DatabaseIdentity:
        found = self._identity.ask(self.session)
        self._role = found.role
        return found

    def open_transactions(self) -> OpenTransactions:
        return self._transactions.open()

    def against_proof(self, hint: str) -> tuple[str, ...]:
        settings, membership = self.hints.settings[hint], self.settings.membership
        if not self._role:
            self.identity()
        own = settings.table is None and settings.query is None
        table, query = (membership.table, membership.query) if own else (settings.table, settings.query)
        numbered = settings.cursor is not None and isinstance(self.cursor_column(hint), NumberColumn)
        return self._proof.against(settings, table, query, self._role, numbered=numbered)

    def cursor_column(self, hint: str) -> TimeColumn | NumberColumn:
        if self._clock.monotonic() - self._described_at >= _TYPES_AGAIN_S:
            self._forget_types()
        return self.hints.terms(hint)

    def changed(self, hint: str, low: Position, high: Position | None = None) -> list[HintRow]:
        assert isinstance(low, datetime), "a hint by times"
        assert high is None or isinstance(high, datetime), "a hint by times"
        return self.hints.changed(hint, low, high)

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        return self.hints.numbered(hint, ranges)

    def highest(self, hint: str) -> int | None:
        return self.hints.highest(hint)

    def scan(self, hint: str) -> list[Group]:
        return self.hints.scan(hint)

    def truth(self, values: Sequence[str]) -> list[Row]:
        kind = self.student_type()
        column = self._columns[self.mapping.student_column]
        binds = [bind for value in values if (bind := bound_value(value, column)) is not None]
        if not binds:
            return []
        what, columns = self._selected()
        sql, size = statements.truth(self._origin, what, self.mapping.student_column, len(binds))
        filled = binds + binds[-1:] * (size - len(binds))
        named = {f"s{n}": bind for n, bind in enumerate(filled)}
        rows = self.session.rows("truth", sql, named, bound_types(named, kind), self._expected(columns))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def watched(self, values: Sequence[str]) -> list[Row] | None:
        return self._watched.rows(values)

    def students_of(self, cohort: tuple[object, ...]) -> list[str]:
        nulls = [part is None for part in cohort]
        sql = statements.members(self._origin, self.mapping.student_column, self.mapping.idnumber.columns, nulls)
        binds = {f"c{n}": part for n, part in enumerate(cohort) if part is not None}
        self.student_type()
        types: dict[str, Any] = {}
        for n, column in enumerate(self.mapping.idnumber.columns):
            if isinstance(binds.get(f"c{n}"), str):
                types |= bound_types([f"c{n}"], self._columns[column].type)
        return [value_of(row[0]) for row in self.session.rows("cohort", sql, binds, types) if row[0] is not None]

    def cohorts(self) -> list[Row] | None:
        query = self.settings.cohort.query
        if query is None:
            return None
        columns = self.mapping.cohort_columns
        rows = self.session.rows("cohorts", statements.cohorts(query, columns))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def snapshot(self) -> Iterator[list[Row]]:
        text = self.student_type() in TEXTS
        what, columns = self._selected()
        sql = statements.snapshot(self._origin, what, self.mapping.student_column, text=text)
        session, expected = self._second_session(), self._expected(columns)
        reading = Ahead(
            lambda: _named(session.stream("snapshot", sql, expected), columns),
            session.cancel,
            lambda: session.busy,
            self.settings.snapshot_share,
        )
        self._reading = reading
        try:
            yield from reading
        finally:
            reading.close()

    def sample(self, rows: int) -> list[Row]:
        """At most so many rows, whichever come first."""
        return [row for batch in self.some(rows) for row in batch]

    def some(self, rows: int | None) -> Iterator[list[Row]]:
        """Batches of at most so many rows, whichever come first, in a session of its own; None: of all. It waits for the
        database.
        """
        self.student_type()
        what, columns = self._selected()
        sql = statements.sample(self._origin, what, rows)
        yield from _named(self._second_session().stream("membership", sql, self._expected(columns)), columns)

    def refresh(self) -> None:
        self._forget_types()
        self._proof.refresh()

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()
        self.session.close()

    def student_type(self) -> Any:
        """The type of the student column, after all columns of the patterns were found.

        Raises:
            Halted: a column is missing or has no text, or the student column is neither text nor number.
        """
        if not self._columns:
            columns = self.session.columns("membership", statements.description(self._origin))
            mapping = self.mapping
            named = {"student": mapping.student, "idnumber": mapping.idnumber, "name": mapping.name}
            named |= {"category": mapping.category, "row_key": mapping.row_key}
            for what, pattern in named.items():
                if pattern is not None:
                    missing_column(self.name, "membership", columns, pattern.columns, f"the pattern of {what}")
            missing_column(self.name, "membership", columns, mapping.columns, "an active condition")
            self._look_at_types(columns)
            self._columns = columns
        return self._columns[self.mapping.student_column].type

    def _look_at_types(self, columns: Mapping[str, Described]) -> None:
        for column in self.mapping.columns:
            entry = None
            if column == self.mapping.student_column and columns[column].type not in TEXTS | NUMBERS:
                entry = OracleMessage.STUDENT_TYPE
            elif columns[column].type not in READABLE:
                entry = OracleMessage.COLUMN_UNREADABLE
            if entry is not None:
                raise Halted(message(entry, source=self.name, column=column, type=columns[column].name))

    def _selected(self) -> tuple[str, tuple[str, ...]]:
        """What is selected of memberships, and under which names."""
        stamps = {}
        for number, (name, hint) in enumerate(self.mapping.stamped.items(), 1):
            assert hint.cursor is not None, f"{name} has no cursor"
            stamps[stamp_column(number)] = statements.stamp("m", hint.cursor, self.cursor_column(name))
        return statements.selected(self.mapping.columns, stamps), (*self.mapping.columns, *stamps)

    def _expected(self, columns: Sequence[str]) -> Expected:
        """A student column that changes between text and number would be compared as what it was."""
        kinds = TEXTS if self.student_type() in TEXTS else NUMBERS
        return {columns.index(self.mapping.student_column): kinds}

    def _second_session(self) -> Session:
        timeout = self.settings.snapshot_timeout.total_seconds()
        greet = self._identity.greet
        return Session(self._account, self.name, self.settings, self._clock, timeout_s=timeout, greet=greet)

    def _forget_types(self) -> None:
        self._described_at = self._clock.monotonic()
        self._columns = {}
        self.hints.refresh()
        self._watched.refresh()


def _named(batches: Iterator[list[tuple[Any, ...]]], columns: Sequence[str]) -> Iterator[list[Row]]:
    for batch in batches:
        yield [dict(zip(columns, row, strict=True)) for row in batch]
