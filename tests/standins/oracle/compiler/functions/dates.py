"""Functions of dates, timestamps and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler import moments, typed
from tests.standins.oracle.compiler.moments import moment_text
from tests.standins.oracle.compiler.typed import Typed, inconsistent, instant, local, number, to_number, whole
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.sql.tree import Call

_UNITS = {
    **dict.fromkeys(("DD", "DDD", "J"), "day"),
    **dict.fromkeys(("MM", "MON", "MONTH", "RM"), "month"),
    **dict.fromkeys(("YYYY", "YEAR", "YY", "Y", "YYY", "SYYYY"), "year"),
    **dict.fromkeys(("HH", "HH24", "HH12"), "hour"),
    "Q": "quarter",
    "IW": "week",
    "MI": "minute",
}
_DAY_NAMES = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")


def cut(name: str, value: Typed, unit: Typed | None) -> Typed:
    """TRUNC and ROUND of a moment: the result is a DATE."""
    if unit is not None and unit.constant is None:
        raise OraError(3001, "unimplemented feature: a date unit that is not a literal")
    word = unit.constant.upper() if unit and unit.constant else "DD"
    clock = local(value)
    if word in ("D", "DAY", "DY"):
        start = f"(x_day({clock}) - to_days(CAST(dayofweek({clock}) AS INTEGER)))"
        return Typed(start, dt.A_DATE)
    if word not in _UNITS:
        raise OraError(1898, "too many precision specifiers")
    step = _UNITS[word]
    if name == "round":
        half = {"day": "INTERVAL 12 HOUR", "hour": "INTERVAL 30 MINUTE", "minute": "INTERVAL 30 SECOND"}.get(step)
        if half is None:
            raise OraError(3001, f"unimplemented feature: ROUND of a date to {word}")
        clock = f"({clock} + {half})"
    return Typed(f"CAST(date_trunc('{step}', {clock}) AS TIMESTAMP)", dt.A_DATE)


def _reader(target: OraType) -> Callable[[Expressions, Call], Typed]:
    def function(c: Expressions, node: Call) -> Typed:
        value, *rest = c.required(node, 1, 3)
        if value.kind in dt.MOMENTS:  # Oracle converts to text and back
            value = c.text_of(value)
        if value.kind == dt.UNKNOWN:
            return typed.to_moment(value, target)
        if rest:
            mask = rest[0].constant
            if mask is None:
                raise OraError(3001, "unimplemented feature: a format mask that is not a literal")
        else:
            mask = moments.mask_of(Typed("", target), c.context.formats)
        return moments.read(c.text_of(value), mask, target)

    return function


def _moment(c: Expressions, value: Typed) -> Typed:
    """An argument that must be a moment; text is read by the session's format."""
    if value.kind in dt.TEXTUAL:
        return moments.from_text(value, dt.A_DATE, c.context.formats)
    if value.kind == dt.UNKNOWN:
        return Typed("CAST(NULL AS TIMESTAMP)", dt.A_DATE)
    if value.kind not in dt.MOMENTS:
        raise inconsistent(dt.DATE, value.kind)
    return value


def _clock(c: Expressions, value: Typed) -> str:
    """The wall clock as a DATE has it."""
    found = _moment(c, value)
    return found.sql if found.kind == dt.DATE else f"x_second({local(found)})"


def _add_months(c: Expressions, node: Call) -> Typed:
    value, count = c.required(node, 2, 2)
    return Typed(f"x_add_months({_clock(c, value)}, {to_number(count).sql})", dt.A_DATE)


def _months_between(c: Expressions, node: Call) -> Typed:
    a, b = c.required(node, 2, 2)
    return number(f"x_months_between({_clock(c, a)}, {_clock(c, b)})")


def _last_day(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return Typed(f"x_last_day({_clock(c, a)})", dt.A_DATE)


def _next_day(c: Expressions, node: Call) -> Typed:
    a, day = c.required(node, 2, 2)
    name = (day.constant or "").upper()
    found = [i for i, full in enumerate(_DAY_NAMES) if len(name) >= 3 and full.startswith(name[:3])]
    if not found:
        raise OraError(1846, "not a valid day of the week")
    clock = _clock(c, a)
    return Typed(f"({clock} + to_days(CAST((({found[0]} - dayofweek({clock}) + 6) % 7) + 1 AS INTEGER)))", dt.A_DATE)


def _extract(c: Expressions, node: Call) -> Typed:
    """EXTRACT takes a zoned value's fields in UTC, as Oracle does."""
    (a,) = (c.value(arg) for arg in node.args)
    field = node.option
    if a.kind in (dt.DAYS, dt.MONTHS):
        return _extract_interval(a, field)
    value = _moment(c, a)
    if field in ("TIMEZONE_HOUR", "TIMEZONE_MINUTE") and value.kind in (dt.TSTZ, dt.TSLTZ):
        offset = f"date_diff('minute', {instant(value)}, {local(value)})"
        return whole(f"({offset} // 60)" if field == "TIMEZONE_HOUR" else f"({offset} % 60)")
    clock = instant(value) if value.kind in (dt.TSTZ, dt.TSLTZ) else value.sql
    if field in ("YEAR", "MONTH", "DAY"):
        return whole(f"{field.lower()}({clock})")
    if value.kind == dt.DATE or field not in ("HOUR", "MINUTE", "SECOND"):
        raise OraError(30076, "invalid extract field for extract source")
    if field == "SECOND":
        return number(f"((epoch_us({clock}) % 60000000) / 1000000.0)")
    return whole(f"{field.lower()}({clock})")


def _extract_interval(a: Typed, field: str) -> Typed:
    micros = {"DAY": (86_400_000_000, 10**9), "HOUR": (3_600_000_000, 24), "MINUTE": (60_000_000, 60)}
    if a.kind == dt.MONTHS and field in ("YEAR", "MONTH"):
        return whole(f"(({a.sql}) // 12)" if field == "YEAR" else f"(({a.sql}) % 12)")
    if a.kind == dt.DAYS and field in micros:
        step, wrap = micros[field]
        return whole(f"(CAST(trunc(({a.sql}) / {step}.0) AS BIGINT) % {wrap})")
    if a.kind == dt.DAYS and field == "SECOND":
        return number(f"((({a.sql}) % 60000000) / 1000000.0)")
    raise OraError(30076, "invalid extract field for extract source")


def _from_tz(c: Expressions, node: Call) -> Typed:
    value, zone = c.required(node, 2, 2)
    return moments.from_tz(value, zone)


def _sys_extract_utc(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    if a.kind not in dt.STAMPS:
        raise OraError(30175, "invalid type given for an argument")
    return Typed(instant(a), OraType(dt.TIMESTAMP, scale=a.type.scale))


def _num_to_ds(c: Expressions, node: Call) -> Typed:
    amount, unit = c.required(node, 2, 2)
    micros = {"DAY": 86_400_000_000, "HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000}
    word = (unit.constant or "").upper()
    if word not in micros:
        raise OraError(1760, "illegal argument for function")
    return Typed(f"CAST(round(CAST({to_number(amount).sql} AS DOUBLE) * {micros[word]}) AS BIGINT)", dt.AN_INTERVAL)


def _num_to_ym(c: Expressions, node: Call) -> Typed:
    amount, unit = c.required(node, 2, 2)
    months = {"YEAR": 12, "MONTH": 1}.get((unit.constant or "").upper())
    if months is None:
        raise OraError(1760, "illegal argument for function")
    return Typed(f"CAST(round({to_number(amount).sql} * {months}) AS BIGINT)", dt.A_YEAR_INTERVAL)


def _tz_offset(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    zone = moments.zone_sql(a)
    probe = Typed(f"x_tstz($now, {zone})", dt.A_TSTZ)
    return moment_text(probe, "TZH:TZM")


def _timestamp_to_scn(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return number(f'(SELECT max(scn) FROM "X$TX" WHERE committed <= {instant(_moment(c, a))})')


def _scn_to_timestamp(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return Typed(f'(SELECT max(committed) FROM "X$TX" WHERE scn <= {to_number(a).sql})', dt.A_TIMESTAMP)


def _sysdate(_: Expressions, __: Call) -> Typed:
    return Typed("CAST($sysdate AS TIMESTAMP)", dt.A_DATE)


def _systimestamp(_: Expressions, __: Call) -> Typed:
    return Typed("x_tstz(CAST($now AS TIMESTAMP), $syszone)", dt.A_TSTZ)


def _current_timestamp(_: Expressions, __: Call) -> Typed:
    return Typed("x_tstz(CAST($now AS TIMESTAMP), $zone)", dt.A_TSTZ)


def _local_timestamp(_: Expressions, __: Call) -> Typed:
    return Typed("CAST($localnow AS TIMESTAMP)", dt.A_TIMESTAMP)


def _current_date(_: Expressions, __: Call) -> Typed:
    return Typed("x_second(CAST($localnow AS TIMESTAMP))", dt.A_DATE)


BARE = {
    "SYSDATE": _sysdate,
    "SYSTIMESTAMP": _systimestamp,
    "CURRENT_TIMESTAMP": _current_timestamp,
    "LOCALTIMESTAMP": _local_timestamp,
    "CURRENT_DATE": _current_date,
}
FUNCTIONS = {
    "TO_DATE": _reader(dt.A_DATE),
    "TO_TIMESTAMP": _reader(dt.A_TIMESTAMP),
    "TO_TIMESTAMP_TZ": _reader(dt.A_TSTZ),
    "ADD_MONTHS": _add_months,
    "MONTHS_BETWEEN": _months_between,
    "LAST_DAY": _last_day,
    "NEXT_DAY": _next_day,
    "EXTRACT": _extract,
    "FROM_TZ": _from_tz,
    "SYS_EXTRACT_UTC": _sys_extract_utc,
    "NUMTODSINTERVAL": _num_to_ds,
    "NUMTOYMINTERVAL": _num_to_ym,
    "TZ_OFFSET": _tz_offset,
    "TIMESTAMP_TO_SCN": _timestamp_to_scn,
    "SCN_TO_TIMESTAMP": _scn_to_timestamp,
}
__all__ = ["BARE", "FUNCTIONS", "cut", "moment_text"]
