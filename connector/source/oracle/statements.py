"""The text of every statement that is sent to Oracle, as functions of the settings.

The user's table or query is an inline view; columns are named as Oracle spells them, in double quotes. Values are
always bound, never spelt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.source.hints.zones import Grain, NumberColumn, TimeColumn

CLOCK = "SELECT SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM DUAL"
WALL = "SELECT CAST(SYSTIMESTAMP AS TIMESTAMP), SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM DUAL"
IDENTITY = (
    "SELECT SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), "
    "SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'DATABASE_ROLE') FROM DUAL"
)
IDENTITY_11 = IDENTITY.replace("SYS_CONTEXT('USERENV', 'CON_NAME')", "NULL")
"""Oracle 11.2 has no containers, and refuses to be asked for one."""
INCARNATION = "SELECT DBID, CON_DBID, RESETLOGS_CHANGE# FROM V$DATABASE"
INCARNATION_11 = "SELECT DBID, 0, RESETLOGS_CHANGE# FROM V$DATABASE"
MOST_TRANSACTIONS = 5000
OPEN_TRANSACTIONS = (  # a view of two is filled in
    "SELECT XIDUSN, XIDSLOT, XIDSQN, START_DATE, CAST(SYSTIMESTAMP AS TIMESTAMP), SYS_EXTRACT_UTC(SYSTIMESTAMP) "
    "FROM {view} WHERE START_DATE IS NOT NULL AND ROWNUM <= " + str(MOST_TRANSACTIONS + 1)
)
READ_ONLY = "SET TRANSACTION READ ONLY"

MOST_STUDENTS = 500
"""Students a truth statement may name. Oracle allows 1,000 expressions in a list; half of it keeps a statement short."""
_SIZES = (1, 5, 25, 100, MOST_STUDENTS)
_RANGES = (1, 5, 17, 65)
"""Ranges of a query by numbers: some gaps, and what is above all."""
MOST_RANGES = _RANGES[-1]


def origin(table: str | None, query: str | None) -> str:
    """What stands after FROM."""
    return table if table is not None else f"(\n{query}\n)"


def quoted(column: str) -> str:
    return f'"{column}"'


def listed(columns: Sequence[str], alias: str) -> str:
    return ", ".join(f"{alias}.{quoted(column)}" for column in columns)


def description(source: str) -> str:
    """Tells the columns of a table or query, and reads no row."""
    return f"SELECT t.* FROM {source} t WHERE 1 = 0"  # noqa: S608


def stamp(alias: str, cursor: str, terms: TimeColumn | NumberColumn) -> str:
    """A cursor's value in its own terms: the driver drops zones, so UTC is selected."""
    column = f"{alias}.{quoted(cursor)}"
    zoned = isinstance(terms, TimeColumn) and terms.grain is Grain.ZONED
    return f"SYS_EXTRACT_UTC({column})" if zoned else column


def selected(columns: Sequence[str], stamps: Mapping[str, str]) -> str:
    """What a query for memberships selects: columns, and expressions by the name they get."""
    named = [f"{expression} AS {quoted(name)}" for name, expression in stamps.items()]
    return ", ".join([*(f"m.{quoted(column)}" for column in columns), *named])


def truth(source: str, what: str, student: str, students: int) -> tuple[str, int]:
    """All rows of some students, and how many values to bind. There are a few sizes only, so that statements are parsed
    once; the last value is repeated to fill the list. ``what`` is as ``selected`` makes it.
    """
    size = next(size for size in _SIZES if size >= students)
    binds = ", ".join(f":s{n}" for n in range(size))
    return f"SELECT {what} FROM {source} m WHERE m.{quoted(student)} IN ({binds})", size  # noqa: S608


def told_deletes(operation: str, values: int) -> str:
    """1 if one of the rows tells of a delete. CHAR columns are padded."""
    binds = ", ".join(f":d{n}" for n in range(values))
    return f"MAX(CASE WHEN RTRIM(h.{quoted(operation)}) IN ({binds}) THEN 1 ELSE 0 END)"


def changed(
    source: str, subject: Sequence[str], cursor: str, terms: TimeColumn, *, high: bool, deleted: str | None = None
) -> str:
    """Which subjects bear which times from ``:low`` on, and before ``:high``; and on how many rows.

    A DATE is compared with a DATE: Oracle converts a DATE column that meets a TIMESTAMP, and its index is lost.
    """
    column = f"h.{quoted(cursor)}"
    bind = "FROM_TZ({}, 'UTC')" if terms.grain is Grain.ZONED else "{}"
    where = f"{column} >= {bind.format(':low')}" + (f" AND {column} < {bind.format(':high')}" if high else "")
    return _grouped(source, subject, stamp("h", cursor, terms), where, deleted)


def numbered(source: str, subject: Sequence[str], cursor: str, ranges: int, deleted: str | None) -> tuple[str, int]:
    """Which subjects bear which numbers of some ranges, and on how many rows; and how many ranges to bind.

    The first condition says it all to an index: what is asked for is new, so few rows lie between the ranges.
    """
    size = next(size for size in _RANGES if size >= ranges)
    column = f"h.{quoted(cursor)}"
    within = " OR ".join(f"{column} BETWEEN :l{n} AND :h{n}" for n in range(size))
    return _grouped(source, subject, column, f"{column} >= :least AND ({within})", deleted), size


def highest(source: str, cursor: str) -> str:
    """The highest number."""
    return f"SELECT MAX(h.{quoted(cursor)}) FROM {source} h"  # noqa: S608


def scan(source: str, subject: Sequence[str], row_hash: str) -> str:
    """Counts and hashes of all groups."""
    names = listed(subject, "h")
    return f"SELECT {names}, COUNT(*), SUM({row_hash}) FROM {source} h GROUP BY {names}"  # noqa: S608


def _grouped(source: str, subject: Sequence[str], value: str, where: str, deleted: str | None) -> str:
    names = listed(subject, "h")
    more = f", {deleted} AS DELETED_" if deleted is not None else ""
    return (
        f"SELECT {names}, {value} AS STAMP_, COUNT(*) AS ROWS_{more} FROM {source} h "  # noqa: S608
        f"WHERE {where} GROUP BY {names}, {value}"
    )


def members(source: str, student: str, cohort: Sequence[str], nulls: Sequence[bool]) -> str:
    """The students of the rows whose cohort columns have these values."""
    tests = [
        f"m.{quoted(column)} IS NULL" if null else f"m.{quoted(column)} = :c{n}"
        for n, (column, null) in enumerate(zip(cohort, nulls, strict=True))
    ]
    return f"SELECT DISTINCT m.{quoted(student)} FROM {source} m WHERE {' AND '.join(tests)}"  # noqa: S608


def cohorts(query: str, columns: Sequence[str]) -> str:
    """All cohorts that the cohort query names."""
    return f"SELECT DISTINCT {listed(columns, 'c')} FROM {origin(None, query)} c"  # noqa: S608


def snapshot(source: str, what: str, student: str, *, text: bool) -> str:
    """Every row, student by student. Text is ordered by its bytes, whatever the session's language is."""
    column = f"m.{quoted(student)}"
    order = f"NLSSORT({column}, 'NLS_SORT=BINARY')" if text else column
    return f"SELECT {what} FROM {source} m ORDER BY {order}"  # noqa: S608


def sample(source: str, what: str, rows: int | None) -> str:
    """Some rows, as they come; or all."""
    limit = "" if rows is None else f" WHERE ROWNUM <= {rows:d}"  # Oracle 11.2 has no FETCH FIRST
    return f"SELECT {what} FROM {source} m{limit}"  # noqa: S608
