"""The text of every statement that is sent to Oracle, as functions of the settings.

The user's table or query is an inline view; columns are named as Oracle spells them, in double quotes. Values are
always bound, never spelt.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.source.hints.zones import Grain

CLOCK = "SELECT SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM DUAL"
IDENTITY = (
    "SELECT SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), "
    "SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'DATABASE_ROLE') FROM DUAL"
)
OPEN_TRANSACTIONS = "SELECT MIN(START_DATE), SYSDATE FROM {view}"
READ_ONLY = "SET TRANSACTION READ ONLY"

MOST_STUDENTS = 500
"""Students a truth statement may name. Oracle allows 1,000 expressions in a list; half of it keeps a statement short."""
_SIZES = (1, 5, 25, 100, MOST_STUDENTS)


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


def truth(source: str, columns: Sequence[str], student: str, students: int) -> tuple[str, int]:
    """All rows of some students, and how many values to bind. There are a few sizes only, so that statements are parsed
    once; the last value is repeated to fill the list.
    """
    size = next(size for size in _SIZES if size >= students)
    binds = ", ".join(f":s{n}" for n in range(size))
    return (
        f"SELECT {listed(columns, 'm')} FROM {source} m WHERE m.{quoted(student)} IN ({binds})",  # noqa: S608
        size,
    )


def hint(source: str, subject: Sequence[str], cursor: str, grain: Grain) -> str:
    """Which subjects bear which cursor values from ``:low`` on, and on how many rows.

    A DATE is compared with a DATE: Oracle converts a DATE column that meets a TIMESTAMP, and its index is lost.
    """
    column = f"h.{quoted(cursor)}"
    stamp = f"SYS_EXTRACT_UTC({column})" if grain is Grain.ZONED else column
    low = "FROM_TZ(:low, 'UTC')" if grain is Grain.ZONED else ":low"
    names = listed(subject, "h")
    return (
        f"SELECT {names}, {stamp} AS STAMP_, COUNT(*) AS ROWS_ FROM {source} h "  # noqa: S608
        f"WHERE {column} >= {low} GROUP BY {names}, {stamp}"
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


def snapshot(source: str, columns: Sequence[str], student: str, *, text: bool) -> str:
    """Every row, student by student. Text is ordered by its bytes, whatever the session's language is."""
    column = f"m.{quoted(student)}"
    order = f"NLSSORT({column}, 'NLS_SORT=BINARY')" if text else column
    return f"SELECT {listed(columns, 'm')} FROM {source} m ORDER BY {order}"  # noqa: S608


def sample(source: str, columns: Sequence[str], rows: int) -> str:
    """Some rows, as they come."""
    return f"SELECT {listed(columns, 'm')} FROM {source} m FETCH FIRST {rows:d} ROWS ONLY"  # noqa: S608
