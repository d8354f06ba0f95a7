"""Bringing a value to a declared type: CAST, and storing into a column."""

from __future__ import annotations

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler import moments
from tests.standins.oracle.compiler.typed import Formats, Typed, inconsistent, literal, to_moment, to_number, to_raw
from tests.standins.oracle.datatypes import OraType


def cast(value: Typed, target: OraType, formats: Formats) -> Typed:
    """CAST(value AS target): text too long is cut, as in Oracle."""
    if target.kind in dt.TEXTUAL:
        sql = f"nullif(left({moments.to_text(value, formats).sql}, {target.chars}), '')"
        return Typed(f"rpad({sql}, {target.chars}, ' ')" if target.kind == dt.CHAR else sql, target)
    return Typed(_converted(value, target, formats), target)


def assign(value: Typed, target: OraType, formats: Formats, column: str) -> str:
    """SQL of a value as a column keeps it; too large a value is an error that names `column`."""
    if value.kind == dt.UNKNOWN:
        return f"CAST(NULL AS {dt.stored_as(target)})"
    if target.kind in dt.TEXTUAL:
        return _stored_text(moments.to_text(value, formats), target, column)
    return _converted(value, target, formats)


def _stored_text(value: Typed, target: OraType, column: str) -> str:
    sql = value.sql
    if target.kind == dt.CHAR:
        missing = f"{target.chars} - length({sql})" if target.in_chars else f"{target.size} - strlen({sql})"
        sql = f"rpad({sql}, CAST(length({sql}) + greatest({missing}, 0) AS INTEGER), ' ')"
    measure = "x_fit" if target.in_chars else "x_fit_bytes"
    most = target.chars if target.in_chars else target.size
    return f"{measure}({sql}, {most}, {literal(column)})"


def _converted(value: Typed, target: OraType, formats: Formats) -> str:
    stored = dt.stored_as(target)
    if value.kind == dt.UNKNOWN:
        return f"CAST(NULL AS {stored})"
    if target.kind in dt.NUMERIC:
        if value.kind in dt.MOMENTS:
            raise inconsistent(target.kind, value.kind)
        return _number(to_number(value).sql, target)
    if target.kind in dt.MOMENTS:
        value = moments.from_text(value, target, formats)
        if value.kind not in dt.MOMENTS:
            raise inconsistent(target.kind, value.kind)
        return to_moment(value, target).sql
    if target.kind == dt.RAW:
        return to_raw(value).sql
    if target.kind == dt.ROWID:
        return moments.to_text(value, formats).sql
    if value.kind == target.kind:
        return value.sql
    raise inconsistent(target.kind, value.kind)


def _number(sql: str, target: OraType) -> str:
    stored = dt.stored_as(target)
    if stored == "DOUBLE" or not target.precision:
        return f"CAST({sql} AS {stored})"
    rounded = f"round(CAST({sql} AS DECIMAL(38, 10)), {target.scale})" if target.scale < 10 else sql
    fault = literal("ORA-01438: value larger than specified precision allowed for this column")
    return (
        f"coalesce(TRY_CAST({rounded} AS {stored}), "
        f"CAST(CASE WHEN {sql} IS NULL THEN NULL ELSE error({fault}) END AS {stored}))"
    )
