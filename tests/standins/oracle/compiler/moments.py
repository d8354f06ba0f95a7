"""Dates, timestamps and intervals: literals, arithmetic, zones, text."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler import masks, typed
from tests.standins.oracle.compiler.typed import Formats, Typed, inconsistent, instant, literal, local, to_number
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree

_UNITS = {"DAY": 86_400_000_000, "HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000}
_FIELDS = ("DAY", "HOUR", "MINUTE", "SECOND")


@cache
def _regions() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def zone_name(text: str) -> str:
    """An offset or a region as DuckDB knows it. Raises ORA-01882."""
    if found := re.fullmatch(r"\s*([+-])?(\d{1,2}):(\d{2})\s*", text):
        hours, minutes = int(found[2]), int(found[3])
        if hours > 15 or minutes > 59:
            raise OraError(1874, "time zone hour must be between -15 and 15")
        return f"{found[1] or '+'}{hours:02}:{minutes:02}"
    if region := _regions().get(text.strip().lower()):
        return region
    raise OraError(1882, "timezone region not found")


def zone_sql(zone: Typed) -> str:
    """SQL of a zone's name; a constant is checked here, anything else by DuckDB."""
    return literal(zone_name(zone.constant)) if zone.constant is not None else zone.sql


def literal_of(node: tree.Moment | tree.Interval) -> Typed:
    """DATE '...', TIMESTAMP '...' and INTERVAL '...'."""
    if isinstance(node, tree.Interval):
        return _interval(node)
    if node.kind == "DATE":
        try:
            when = datetime.strptime(node.text.strip(), "%Y-%m-%d")  # noqa: DTZ007 - a DATE has no zone
        except ValueError as error:
            raise OraError(1861, "literal does not match format string", node.pos) from error
        return Typed(f"TIMESTAMP '{when:%Y-%m-%d}'", dt.A_DATE)
    found = re.fullmatch(r"\s*(\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,9})?)\s*(\S.*)?", node.text)
    if not found:
        raise OraError(1861, "literal does not match format string", node.pos)
    stamp = f"TIMESTAMP {literal(found[1])}"
    digits = len(found[1].partition(".")[2])
    if not found[2]:
        return Typed(stamp, OraType(dt.TIMESTAMP, scale=digits or 0))
    zone = literal(zone_name(found[2]))
    return Typed(f"x_tstz(x_from_zone({stamp}, {zone}), {zone})", OraType(dt.TSTZ, scale=digits or 0))


def _interval(node: tree.Interval) -> Typed:
    if node.lead in ("YEAR", "MONTH"):
        found = re.fullmatch(r"\s*([+-]?)(\d+)(?:-(\d+))?\s*", node.text)
        if not found:
            raise OraError(1867, "the interval is invalid")
        months = int(found[2]) * (12 if node.lead == "YEAR" else 1) + int(found[3] or 0)
        return Typed(str(-months if found[1] == "-" else months), dt.A_YEAR_INTERVAL)
    numbers = re.fullmatch(r"\s*([+-]?)([\d\s:.]+)\s*", node.text)
    fields = _FIELDS[_FIELDS.index(node.lead) : _FIELDS.index(node.trail) + 1]
    parts = re.split(r"[\s:]+", numbers[2].strip()) if numbers else []
    if not numbers or len(parts) != len(fields):
        raise OraError(1867, "the interval is invalid")
    micros = sum(round(float(part) * _UNITS[name]) for part, name in zip(parts, fields, strict=True))
    return Typed(str(-micros if numbers[1] == "-" else micros), dt.AN_INTERVAL)


def at_zone(value: Typed, zone: Typed | None) -> Typed:
    """... AT TIME ZONE zone, ... AT LOCAL."""
    if value.kind not in dt.STAMPS:
        raise OraError(30084, "invalid data type for datetime primary with time zone modifier")
    name = "$zone" if zone is None else zone_sql(zone)
    return Typed(f"x_tstz({instant(value)}, {name})", OraType(dt.TSTZ, scale=value.type.scale))


def from_tz(value: Typed, zone: Typed) -> Typed:
    """FROM_TZ: a wall clock with a zone put on it."""
    if value.kind != dt.TIMESTAMP:
        raise inconsistent(dt.TIMESTAMP, value.kind)
    name = zone_sql(zone)
    return Typed(f"x_tstz(x_from_zone({value.sql}, {name}), {name})", OraType(dt.TSTZ, scale=value.type.scale))


def arithmetic(op: str, left: Typed, right: Typed) -> Typed:
    """+, -, *, / where a moment or an interval takes part."""
    if op in ("*", "/"):
        return _scaled(op, left, right)
    if op == "+" and right.kind in dt.MOMENTS:
        left, right = right, left
    if left.kind in dt.MOMENTS:
        if right.kind in dt.MOMENTS:
            return _difference(left, right) if op == "-" else _reject(left, right)
        return _moved(op, left, right)
    if left.kind == right.kind and left.kind in (dt.DAYS, dt.MONTHS):
        return Typed(f"({left.sql} {op} {right.sql})", left.type)
    return _reject(left, right)


def _reject(left: Typed, right: Typed) -> Typed:
    if left.kind in dt.MOMENTS and right.kind in dt.MOMENTS:
        raise OraError(975, "date + date not allowed")
    raise inconsistent(left.kind, right.kind)


def _scaled(op: str, left: Typed, right: Typed) -> Typed:
    if op == "*" and right.kind in (dt.DAYS, dt.MONTHS):
        left, right = right, left
    if left.kind not in (dt.DAYS, dt.MONTHS):
        raise inconsistent(dt.NUMBER, left.kind)
    factor = to_number(right).sql
    product = f"CAST({left.sql} AS DOUBLE) * CAST({factor} AS DOUBLE)" if op == "*" else f"x_div({left.sql}, {factor})"
    return Typed(f"CAST(round({product}) AS BIGINT)", left.type)


def _difference(left: Typed, right: Typed) -> Typed:
    """DATE - DATE is a number of days; with a TIMESTAMP it is an interval."""
    if left.kind == right.kind == dt.DATE:
        return typed.number(f"x_days(epoch_us({left.sql}) - epoch_us({right.sql}))")
    if {left.kind, right.kind} & {dt.TSTZ, dt.TSLTZ}:
        a, b = instant(left), instant(right)
    else:
        a, b = left.sql, right.sql
    return Typed(f"(epoch_us({a}) - epoch_us({b}))", dt.AN_INTERVAL)


def _moved(op: str, left: Typed, right: Typed) -> Typed:
    if right.kind == dt.UNKNOWN:
        return Typed("CAST(NULL AS TIMESTAMP)", dt.A_DATE)
    if right.kind == dt.DAYS:
        step = f"to_microseconds(CAST({right.sql} AS BIGINT))"
    elif right.kind == dt.MONTHS:
        step = f"to_months(CAST({right.sql} AS INTEGER))"
    else:  # a number of days: the result is a DATE, whatever the moment was
        days = to_number(right).sql
        return Typed(f"x_plus_days({local(left)}, {'-' if op == '-' else ''}({days}))", dt.A_DATE)
    if left.kind == dt.TSTZ:
        return Typed(f"x_tstz(({left.sql}).u {op} {step}, ({left.sql}).z)", left.type)
    return Typed(f"({left.sql} {op} {step})", left.type)


# --- text ---------------------------------------------------------------------------


def mask_of(value: Typed, formats: Formats) -> str:
    """The session's format for a moment type."""
    return {dt.DATE: formats.date, dt.TIMESTAMP: formats.timestamp, dt.TSLTZ: formats.timestamp}.get(
        value.kind, formats.timestamp_tz
    )


def moment_text(value: Typed, mask: str) -> Typed:
    """TO_CHAR of a moment."""
    zone = f"({value.sql}).z" if value.kind == dt.TSTZ else "$zone" if value.kind == dt.TSLTZ else None
    scale = value.type.scale if value.kind in dt.STAMPS else 0
    if value.kind == dt.DATE and any(e.name.startswith("FF") for e in masks.elements(mask)):
        raise OraError(1821, "date format not recognized")
    return typed.text(masks.moment_text(local(value), mask, zone, scale), 75)


def to_text(value: Typed, formats: Formats) -> Typed:
    """A value as text, as || and text functions convert it."""
    if value.kind in dt.TEXTUAL or value.kind == dt.UNKNOWN:
        return value
    if value.kind in dt.NUMERIC:
        return typed.text(typed.number_text(value), 40)
    if value.kind in dt.MOMENTS:
        return moment_text(value, mask_of(value, formats))
    if value.kind == dt.RAW:
        return typed.text(f"hex({value.sql})")
    if value.kind == dt.ROWID:
        return typed.text(value.sql, 18)
    raise OraError(3001, f"unimplemented feature: {value.kind} as text")


def read(value: Typed, mask: str, target: OraType) -> Typed:
    """TO_DATE, TO_TIMESTAMP, TO_TIMESTAMP_TZ."""
    reading = masks.read_moment(value.sql, mask, "$localnow", "$zone")
    if target.kind == dt.TSTZ:
        zone = reading.zone or "$zone"
        return Typed(f"x_tstz(x_from_zone({reading.local}, {zone}), {zone})", target)
    if reading.zone:
        raise OraError(1821, "date format not recognized")
    if target.kind == dt.DATE and any(e.name.startswith("FF") for e in masks.elements(mask)):
        raise OraError(1821, "date format not recognized")
    return Typed(reading.local, target)


def from_text(value: Typed, other: OraType, formats: Formats) -> Typed:
    """Text compared with a moment is read by the session's format."""
    if value.kind not in dt.TEXTUAL or other.kind not in dt.MOMENTS:
        return value
    probe = Typed("", other)
    target = OraType(other.kind if other.kind != dt.TSLTZ else dt.TIMESTAMP, scale=other.scale)
    return read(value, mask_of(probe, formats), target)
