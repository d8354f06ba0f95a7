"""Oracle data types: what a declaration means, how a value is kept in DuckDB, what a client is told.

| Oracle | kept in DuckDB as |
|---|---|
| NUMBER(p,s) | DECIMAL(p,s); NUMBER alone DECIMAL(38,10) |
| VARCHAR2, CHAR (blank-padded), ROWID | VARCHAR |
| DATE, TIMESTAMP, TIMESTAMP WITH LOCAL TIME ZONE (in UTC) | TIMESTAMP |
| TIMESTAMP WITH TIME ZONE | STRUCT(u TIMESTAMP in UTC, z VARCHAR: an offset or a region) |
| INTERVAL DAY TO SECOND | BIGINT microseconds |
| INTERVAL YEAR TO MONTH | BIGINT months |
| RAW | BLOB |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.standins.oracle import values
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.values import Column

if TYPE_CHECKING:
    from tests.standins.oracle.sql.tree import TypeName

BYTES_PER_CHAR = 4  # AL32UTF8
PLAIN_NUMBER = -127  # the scale by which a describe says "no scale declared"


@dataclass(frozen=True, slots=True)
class OraType:
    """A data type. `kind` is one of the module's constants."""

    kind: str
    precision: int = 0
    scale: int = 0
    size: int = 0
    """Bytes of a character or RAW type."""
    chars: int = 0
    """Characters of a character type; equals `size` with byte semantics."""
    in_chars: bool = False
    """Declared in characters, not bytes."""

    @property
    def whole(self) -> bool:
        """A NUMBER declared without decimals."""
        return self.kind == NUMBER and self.precision > 0 and self.scale <= 0


NUMBER, DOUBLE, FLOAT = "NUMBER", "BINARY_DOUBLE", "BINARY_FLOAT"
VARCHAR, CHAR, ROWID, RAW = "VARCHAR2", "CHAR", "ROWID", "RAW"
DATE, TIMESTAMP, TSTZ, TSLTZ = "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"
DAYS, MONTHS = "INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH"
UNKNOWN = "NULL"

NUMERIC = frozenset((NUMBER, DOUBLE, FLOAT))
TEXTUAL = frozenset((VARCHAR, CHAR))
MOMENTS = frozenset((DATE, TIMESTAMP, TSTZ, TSLTZ))
STAMPS = frozenset((TIMESTAMP, TSTZ, TSLTZ))

ANY_NUMBER = OraType(NUMBER, 0, PLAIN_NUMBER)
WHOLE_NUMBER = OraType(NUMBER, 38, 0)
ANY_TEXT = OraType(VARCHAR, size=4000, chars=4000)
ANY_RAW = OraType(RAW, size=2000)
A_DATE = OraType(DATE)
A_TIMESTAMP = OraType(TIMESTAMP, scale=6)
A_TSTZ = OraType(TSTZ, scale=6)
A_TSLTZ = OraType(TSLTZ, scale=6)
AN_INTERVAL = OraType(DAYS, 2, 6)
A_YEAR_INTERVAL = OraType(MONTHS, 2)
A_ROWID = OraType(ROWID, size=18, chars=18)
A_NULL = OraType(UNKNOWN)

_BINDS = {
    values.VARCHAR: ANY_TEXT,
    values.LONG: ANY_TEXT,
    values.CHAR: OraType(CHAR, size=2000, chars=2000),
    values.ROWID: ANY_TEXT,
    values.UROWID: ANY_TEXT,
    values.NUMBER: ANY_NUMBER,
    values.BINARY_INTEGER: ANY_NUMBER,
    values.DATE: A_DATE,
    values.TIMESTAMP: A_TIMESTAMP,
    values.TIMESTAMP_TZ: A_TSTZ,
    values.TIMESTAMP_LTZ: A_TSLTZ,
    values.RAW: ANY_RAW,
    values.BINARY_DOUBLE: OraType(DOUBLE),
    values.BINARY_FLOAT: OraType(DOUBLE),
    values.INTERVAL_DS: AN_INTERVAL,
    values.INTERVAL_YM: A_YEAR_INTERVAL,
}


def text_type(chars: int, kind: str = VARCHAR) -> OraType:
    """A computed character type of so many characters."""
    return OraType(kind, size=max(chars, 1) * BYTES_PER_CHAR, chars=max(chars, 1), in_chars=True)


def bind_type(number: int) -> OraType:
    """The type of a bind, from the driver's type number."""
    if found := _BINDS.get(number):
        return found
    raise OraError(3115, f"unsupported network datatype or representation: bind type {number}")


def declared(name: TypeName) -> OraType:
    """The type a declaration means."""
    base, sizes = name.name, name.sizes
    if base in ("NUMBER", "NUMERIC", "DECIMAL", "DEC"):
        if not sizes:
            return ANY_NUMBER if base == "NUMBER" else WHOLE_NUMBER
        precision, scale = sizes[0], sizes[1] if len(sizes) > 1 else 0
        if not 1 <= precision <= 38:
            raise OraError(1727, "numeric precision specifier is out of range (1 to 38)", name.pos)
        return OraType(NUMBER, precision, scale)
    if base in ("INTEGER", "INT", "SMALLINT"):
        return WHOLE_NUMBER
    if base in ("FLOAT", "REAL", "DOUBLE"):
        return OraType(NUMBER, 126, PLAIN_NUMBER)
    if base in (DOUBLE, FLOAT, DATE, ROWID):
        return OraType(base, size=18 if base == ROWID else 0)
    if base in STAMPS:
        return OraType(base, scale=sizes[0] if sizes else 6)
    if base in ("INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH"):
        return AN_INTERVAL if base == DAYS else A_YEAR_INTERVAL
    if base == RAW and sizes:
        return OraType(RAW, size=sizes[0])
    kinds = {"VARCHAR2": VARCHAR, "VARCHAR": VARCHAR, "NVARCHAR2": VARCHAR, "CHARACTER VARYING": VARCHAR}
    kinds |= {"CHAR": CHAR, "NCHAR": CHAR, "CHARACTER": CHAR}
    if kind := kinds.get(base):
        if not sizes and kind == VARCHAR:
            raise OraError(906, "missing left parenthesis", name.pos)
        chars = sizes[0] if sizes else 1
        in_chars = name.unit == "CHAR" or base.startswith("N")
        return OraType(kind, size=chars * BYTES_PER_CHAR if in_chars else chars, chars=chars, in_chars=in_chars)
    if base in ("CLOB", "BLOB", "NCLOB", "LONG", "XMLTYPE", "JSON", "BFILE"):
        raise OraError(3001, f"unimplemented feature: {base} columns", name.pos)
    raise OraError(902, "invalid datatype", name.pos)


def stored_as(kind: OraType) -> str:
    """The DuckDB type that keeps it."""
    if kind.kind == NUMBER:
        if kind.precision == 126:
            return "DOUBLE"
        if not kind.precision:
            return "DECIMAL(38, 10)"
        return f"DECIMAL({min(max(kind.precision, kind.scale), 38)}, {max(kind.scale, 0)})"
    return {
        DOUBLE: "DOUBLE",
        FLOAT: "DOUBLE",
        TSTZ: "STRUCT(u TIMESTAMP, z VARCHAR)",
        DAYS: "BIGINT",
        MONTHS: "BIGINT",
        RAW: "BLOB",
    }.get(kind.kind, "TIMESTAMP" if kind.kind in MOMENTS else "VARCHAR")


def described(name: str, kind: OraType, *, nullable: bool = True) -> Column:
    """What a describe tells the client."""
    wire = {
        NUMBER: (values.NUMBER, 22),
        DOUBLE: (values.BINARY_DOUBLE, 8),
        FLOAT: (values.BINARY_DOUBLE, 8),
        VARCHAR: (values.VARCHAR, kind.size or 1),
        CHAR: (values.CHAR, kind.size or 1),
        UNKNOWN: (values.VARCHAR, 1),
        ROWID: (values.ROWID, 18),
        RAW: (values.RAW, kind.size or 2000),
        DATE: (values.DATE, 7),
        TIMESTAMP: (values.TIMESTAMP, 11),
        TSTZ: (values.TIMESTAMP_TZ, 13),
        TSLTZ: (values.TIMESTAMP_LTZ, 11),
        DAYS: (values.INTERVAL_DS, 11),
        MONTHS: (values.INTERVAL_YM, 5),
    }
    number, size = wire[kind.kind]
    chars = kind.chars if kind.kind in TEXTUAL else 0
    return Column(name, number, size, kind.precision, kind.scale, chars=chars, nullable=nullable)


def dictionary_name(kind: OraType) -> str:
    """DATA_TYPE in ALL_TAB_COLUMNS."""
    if kind.kind == NUMBER and kind.precision == 126:
        return "FLOAT"
    if kind.kind in STAMPS:
        return kind.kind.replace("TIMESTAMP", f"TIMESTAMP({kind.scale})", 1)
    if kind.kind == DAYS:
        return f"INTERVAL DAY({kind.precision}) TO SECOND({kind.scale})"
    if kind.kind == MONTHS:
        return f"INTERVAL YEAR({kind.precision}) TO MONTH"
    return VARCHAR if kind.kind == UNKNOWN else kind.kind


def common(left: OraType, right: OraType) -> OraType | None:
    """The type of a set operation's or CASE's column fed by both; None: inconsistent."""
    if left == right or right.kind == UNKNOWN:
        return left
    if left.kind == UNKNOWN:
        return right
    if {left.kind, right.kind} <= NUMERIC:
        if left.kind == right.kind == NUMBER:
            return ANY_NUMBER
        return OraType(DOUBLE)
    if {left.kind, right.kind} <= TEXTUAL | {ROWID}:
        same = left.kind == right.kind == CHAR and left.chars == right.chars
        size, chars = max(left.size, right.size), max(left.chars, right.chars)
        return OraType(CHAR if same else VARCHAR, size=size, chars=chars, in_chars=left.in_chars or right.in_chars)
    if {left.kind, right.kind} <= MOMENTS:
        ranks = [DATE, TIMESTAMP, TSLTZ, TSTZ]
        top = max(left.kind, right.kind, key=ranks.index)
        return OraType(top, scale=max(left.scale, right.scale) or 6 if top != DATE else 0)
    if left.kind == right.kind:
        return OraType(left.kind, max(left.precision, right.precision), size=max(left.size, right.size))
    return None
