"""A value's DuckDB SQL beside its Oracle type, and the conversions Oracle makes unasked."""

from __future__ import annotations

from dataclasses import dataclass

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError


@dataclass(frozen=True, slots=True)
class Formats:
    """The session's NLS settings that steer conversions."""

    date: str = "DD-MON-RR"
    timestamp: str = "DD-MON-RR HH.MI.SSXFF AM"
    timestamp_tz: str = "DD-MON-RR HH.MI.SSXFF AM TZR"


@dataclass(frozen=True, slots=True)
class Typed:
    """DuckDB SQL for a value of an Oracle type."""

    sql: str
    type: OraType
    constant: str | None = None
    """The text of a literal: format masks and zone names are wanted when compiling."""

    @property
    def kind(self) -> str:
        return self.type.kind


def quoted(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text literal for DuckDB."""
    return "'" + text.replace("'", "''") + "'"


LONGEST_TEXT = 4000  # bytes of a VARCHAR2 where MAX_STRING_SIZE is STANDARD
NULL = Typed("NULL", dt.A_NULL)


def number(sql: str) -> Typed:
    return Typed(sql, dt.ANY_NUMBER)


def whole(sql: str) -> Typed:
    return Typed(sql, dt.WHOLE_NUMBER)


def text(sql: str, chars: int = 4000) -> Typed:
    """A VARCHAR2; the empty string is NULL."""
    size = min(chars * dt.BYTES_PER_CHAR, 4000)
    return Typed(sql, OraType(dt.VARCHAR, size=size, chars=min(chars, size), in_chars=False))


def joined(a: Typed, b: Typed) -> Typed:
    """Two texts as one, which may have 4000 bytes."""
    name = "x_cat_fit" if a.type.size + b.type.size > LONGEST_TEXT else "x_cat"
    return text(f"{name}({a.sql}, {b.sql})", min(a.type.chars + b.type.chars, LONGEST_TEXT))


def inconsistent(expected: str, got: str) -> OraError:
    return OraError(932, f"inconsistent datatypes: expected {expected} got {got}")


def to_number(value: Typed) -> Typed:
    if value.kind in dt.NUMERIC or value.kind == dt.UNKNOWN:
        return value
    if value.kind in dt.TEXTUAL:
        return number(f"x_num({value.sql})")
    raise inconsistent(dt.NUMBER, value.kind)


def number_text(value: Typed) -> str:
    """A number's text as TO_CHAR without a mask gives it."""
    if value.type.whole:
        return f"CAST(CAST({value.sql} AS HUGEINT) AS VARCHAR)"
    return f"x_text({value.sql})"


def local(value: Typed) -> str:
    """A moment's wall clock: a zoned value's at its own offset, a local-zone one's in the session's."""
    if value.kind == dt.TSTZ:
        return f"x_local({value.sql})"
    if value.kind == dt.TSLTZ:
        return f"x_to_zone({value.sql}, $zone)"
    return value.sql


def instant(value: Typed) -> str:
    """A moment in UTC: one without a zone is taken in the session's."""
    if value.kind == dt.TSTZ:
        return f"({value.sql}).u"
    if value.kind == dt.TSLTZ:
        return value.sql
    return f"x_from_zone({value.sql}, $zone)"


def to_moment(value: Typed, target: OraType) -> Typed:
    """One moment type to another, as CAST does."""
    if value.kind == dt.UNKNOWN:
        return Typed("CAST(NULL AS TIMESTAMP)" if target.kind != dt.TSTZ else "NULL", target)
    if value.kind not in dt.MOMENTS:
        raise inconsistent(target.kind, value.kind)
    if target.kind == value.kind:
        return Typed(_scaled(value.sql, value.type, target), target)
    if target.kind == dt.DATE:
        return Typed(f"x_second({local(value)})", target)
    if target.kind == dt.TIMESTAMP:
        return Typed(_scaled(local(value), value.type, target), target)
    if target.kind == dt.TSLTZ:
        return Typed(instant(value), target)
    return Typed(f"x_tstz({instant(value)}, $zone)", target)


def _scaled(sql: str, have: OraType, want: OraType) -> str:
    """Fewer digits of a second are a rounding."""
    if want.kind not in dt.STAMPS or want.kind == dt.TSTZ or want.scale >= min(have.scale, 6):
        return sql
    step = 10 ** (6 - want.scale)
    return f"make_timestamp(CAST(round(epoch_us({sql}) / {step}.0) AS BIGINT) * {step})"


def comparable(op: str, left: Typed, right: Typed) -> tuple[str, str]:
    """Both sides' SQL, brought to one type by Oracle's rules of precedence."""
    kinds = {left.kind, right.kind}
    if dt.UNKNOWN in kinds:
        return _plain(left), _plain(right)
    if kinds & dt.MOMENTS:
        if not kinds <= dt.MOMENTS:
            raise inconsistent(left.kind, right.kind)
        if kinds & {dt.TSTZ, dt.TSLTZ}:
            return instant(left), instant(right)
        return left.sql, right.sql
    if kinds & dt.NUMERIC:
        return to_number(left).sql, to_number(right).sql
    if dt.RAW in kinds and kinds & dt.TEXTUAL:
        return to_raw(left).sql, to_raw(right).sql
    if kinds == {dt.CHAR}:
        return _padded(left, right), _padded(right, left)
    if kinds <= dt.TEXTUAL | {dt.ROWID} or len(kinds) == 1:
        return left.sql, right.sql
    raise inconsistent(left.kind, right.kind)


def _plain(value: Typed) -> str:
    return f"({value.sql}).u" if value.kind == dt.TSTZ else value.sql


def _padded(value: Typed, other: Typed) -> str:
    """Blank-padded comparison of two CHARs. As they are where their lengths agree or a literal can be padded."""
    if value.constant is None and other.constant is None and value.type == other.type:
        return value.sql
    if value.constant is not None and other.constant is None:
        if (padded := pad(value.constant, other.type)) is not None:
            return literal(padded)
    elif value.constant is None and other.constant is not None and pad(other.constant, value.type) is not None:
        return value.sql
    return f"rtrim({value.sql}, ' ')"


def pad(constant: str, kind: OraType) -> str | None:
    """A text as a CHAR type keeps it; None if it is too long."""
    missing = kind.chars - len(constant) if kind.in_chars else kind.size - len(constant.encode())
    return constant + " " * missing if missing >= 0 else None


def to_raw(value: Typed) -> Typed:
    if value.kind in (dt.RAW, dt.UNKNOWN):
        return value
    if value.kind in dt.TEXTUAL:
        return Typed(f"unhex({value.sql})", dt.ANY_RAW)
    raise inconsistent(dt.RAW, value.kind)


def sort_key(value: Typed) -> str:
    """What to order by."""
    return _plain(value)
