"""The hint queries of one source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import oracledb

from connector.runtime.errors import Halted
from connector.runtime.messages import OracleMessage, message
from connector.source.hint_settings import followed
from connector.source.hints import Group, HintRow
from connector.source.hints.zones import Grain, NumberColumn, TimeColumn
from connector.source.mapping import RowMapping, value_of
from connector.source.oracle import columns, hashing, statements
from connector.source.oracle.columns import PADDED, Described
from connector.source.oracle.session import Row, Session
from connector.source.settings import SourceSettings

Subject = str | tuple[object, ...]
_NO_END = 10**28 - 1
"""The highest number that a sequence of Oracle can give."""


class HintQueries:
    """Runs them. What their columns are is asked once, and again after ``refresh``."""

    def __init__(self, session: Session, settings: SourceSettings, mapping: RowMapping) -> None:
        self._session, self._settings, self._mapping = session, settings, mapping
        self.settings = followed(settings.hints)
        """By name."""
        self._described: dict[str, dict[str, Described]] = {}
        self._hashes: dict[str, str] = {}

    def refresh(self) -> None:
        """Ask anew what the columns are."""
        self._described.clear()
        self._hashes.clear()

    def origin(self, hint: str) -> str:
        """What stands after FROM."""
        settings, membership = self.settings[hint], self._settings.membership
        if settings.table is None and settings.query is None:
            return statements.origin(membership.table, membership.query)
        return statements.origin(settings.table, settings.query)

    def columns(self, hint: str) -> dict[str, Described]:
        """What the hint reads, by column.

        Raises:
            Halted: it lacks the columns that name who is concerned.
        """
        found = self._described.get(hint)
        if found is None:
            found = self._session.columns(f"hint {hint}", statements.description(self.origin(hint)))
            self._require(hint, found, self.subject(hint), "naming who is concerned")
            self._described[hint] = found
        return found

    def subject(self, hint: str) -> list[str]:
        """The columns that name who is concerned."""
        settings = self.settings[hint]
        if settings.by_cohort:
            return list(self._mapping.idnumber.columns)
        return [settings.student or self._mapping.student_column]

    def terms(self, hint: str) -> TimeColumn | NumberColumn:
        """As ``HintSource.cursor_column``.

        Raises:
            Halted: the column is missing, or of a type that the hint's kind cannot follow.
        """
        settings, cursor = self.settings[hint], self._cursor(hint)
        found = self.columns(hint)
        self._require(hint, found, [cursor], "its cursor")
        terms = columns.cursor_terms(found[cursor], settings.kind, ZoneInfo(self._settings.timezone))
        if terms is None:
            named = {"hint": hint, "column": cursor, "type": found[cursor].name}
            raise self._halted(OracleMessage.CURSOR_TYPE, **named, fitting=columns.fitting(settings.kind))
        return terms

    def changed(self, hint: str, low: datetime, high: datetime | None = None) -> list[HintRow]:
        """As ``HintSource.changed``."""
        terms = self.terms(hint)
        assert isinstance(terms, TimeColumn), f"{hint} is followed by numbers"
        # The driver binds a datetime as a DATE, without its fraction, unless told otherwise.
        coarse = terms.grain is Grain.DATE
        kind = oracledb.DB_TYPE_DATE if coarse else oracledb.DB_TYPE_TIMESTAMP
        binds: dict[str, object] = {"low": low}
        if high is not None:
            # A column may keep more digits than the driver brings: all of the last microsecond counts.
            grain = timedelta(seconds=1) if coarse else timedelta(microseconds=1)
            binds["high"] = (high.replace(microsecond=0) if coarse else high) + grain
        types = dict.fromkeys(binds, kind)
        deleted = self._deleted(hint, binds)
        where = self.origin(hint), self.subject(hint), self._cursor(hint)
        sql = statements.changed(*where, terms, high=high is not None, deleted=deleted)
        return self._rows(hint, sql, binds, types, terms)

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        """As ``HintSource.numbered``."""
        terms = self.terms(hint)
        found: list[HintRow] = []
        for start in range(0, len(ranges), statements.MOST_RANGES):
            part = ranges[start : start + statements.MOST_RANGES]
            binds: dict[str, object] = {"least": min(low for low, _ in part)}
            deleted = self._deleted(hint, binds)
            where = self.origin(hint), self.subject(hint), self._cursor(hint)
            sql, size = statements.numbered(*where, len(part), deleted)
            for n in range(size):
                low, high = part[min(n, len(part) - 1)]
                binds |= {f"l{n}": low, f"h{n}": _NO_END if high is None else high}
            found += self._rows(hint, sql, binds, {}, terms)
        return found

    def highest(self, hint: str) -> int | None:
        """The highest number of the cursor column; None if there is none."""
        expected = {0: columns.returned_types(self.terms(hint))}
        sql = statements.highest(self.origin(hint), self._cursor(hint))
        ((value,),) = self._session.rows(f"hint {hint}", sql, expected=expected)
        return None if value is None else self._whole(hint, value)

    def scan(self, hint: str) -> list[Group]:
        """As ``HintSource.scan``.

        Raises:
            Halted: a column is missing, or cannot be hashed.
        """
        sql = statements.scan(self.origin(hint), self.subject(hint), self._row_hash(hint))
        rows = self._session.rows(f"hint {hint}", sql)
        subjects = self._subjects(hint)
        return [Group(subject, int(row[-2]), int(row[-1])) for row in rows for subject in subjects(row[:-2])]

    def _row_hash(self, hint: str) -> str:
        if hint not in self._hashes:
            wanted, found = self.settings[hint].columns or self._mapping.columns, self.columns(hint)
            self._require(hint, found, wanted, "its setting columns")
            refused = hashing.unhashable(wanted, found)
            if refused is not None:
                raise self._halted(OracleMessage.SCAN_TYPE, hint=hint, column=refused, type=found[refused].name)
            self._hashes[hint] = hashing.row_hash(wanted, found, "h")
        return self._hashes[hint]

    def _rows(
        self,
        hint: str,
        sql: str,
        binds: Mapping[str, object],
        types: Mapping[str, Any],
        terms: TimeColumn | NumberColumn,
    ) -> list[HintRow]:
        width = len(self.subject(hint))
        expected = {width: columns.returned_types(terms)}
        rows = self._session.rows(f"hint {hint}", sql, binds, types, expected)
        tells, subjects = self.settings[hint].operation is not None, self._subjects(hint)
        found = []
        for row in rows:
            for subject in subjects(row[:width]):
                stamp = self._whole(hint, row[width]) if isinstance(terms, NumberColumn) else row[width]
                found.append(HintRow(subject, stamp, int(row[width + 1]), tells and bool(row[width + 2])))
        return found

    def _subjects(self, hint: str) -> Callable[[Row], list[Subject]]:
        """Whom the columns of a row name: nobody where the student is NULL.

        Where a CHAR column of another table names them, once with the blanks that pad it and once without: nobody knows
        with how many the memberships have the same value, and Oracle tells a VARCHAR2 with blanks from one without.
        """
        settings, found = self.settings[hint], self.columns(hint)
        other = not self._mapping.reads_rows_of(settings)
        padded = [other and found[name].type in PADDED for name in self.subject(hint)]

        def named(values: Row) -> Subject:
            return tuple(values) if settings.by_cohort else value_of(values[0])

        def subjects(values: Row) -> list[Subject]:
            if not settings.by_cohort and values[0] is None:
                return []
            if not any(padded):
                return [named(values)]
            bare = tuple(
                value.rstrip(" ") if blanks and isinstance(value, str) else value
                for value, blanks in zip(values, padded, strict=True)
            )
            return [named(values)] if bare == values else [named(values), named(bare)]

        return subjects

    def _deleted(self, hint: str, binds: dict[str, object]) -> str | None:
        """For a journal: the expression that tells of deletes, whose values are added to ``binds``."""
        settings = self.settings[hint]
        if settings.operation is None:
            return None
        self._require(hint, self.columns(hint), [settings.operation], "its operation")
        binds.update({f"d{n}": text.rstrip(" ") for n, text in enumerate(settings.deletes)})
        return statements.told_deletes(settings.operation, len(settings.deletes))

    def _whole(self, hint: str, value: object) -> int:
        if not isinstance(value, int):
            cursor = self._cursor(hint)
            raise self._halted(OracleMessage.NUMBER_BROKEN, hint=hint, column=cursor, value=value)
        return value

    def _cursor(self, hint: str) -> str:
        cursor = self.settings[hint].cursor
        assert cursor is not None, f"{hint} has no cursor"
        return cursor

    def _require(self, hint: str, found: Mapping[str, Described], wanted: Sequence[str], what: str) -> None:
        missing_column(self._session.source, f"hint {hint}", found, wanted, what)

    def _halted(self, entry: OracleMessage, **parameters: object) -> Halted:
        return Halted(message(entry, source=self._session.source, **parameters))


def missing_column(
    source: str, query: str, found: Mapping[str, Described], wanted: Sequence[str], pattern: str
) -> None:
    """Raises:
    Halted: a wanted column is not there.
    """
    for column in wanted:
        if column not in found:
            named = {"source": source, "query": query, "column": column, "pattern": pattern}
            raise Halted(message(OracleMessage.COLUMN_MISSING, **named, columns=", ".join(found)))
