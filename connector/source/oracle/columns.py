"""What columns are: how the driver describes them, and which are fit for what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import oracledb

from connector.source.hints.zones import Grain, NumberColumn, TimeColumn

TEXTS = frozenset({oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_NVARCHAR, oracledb.DB_TYPE_NCHAR})
PADDED = frozenset({oracledb.DB_TYPE_CHAR, oracledb.DB_TYPE_NCHAR})
"""Texts that are filled up with blanks."""
_LONGEST_CHAR, _LONGEST_VARCHAR2 = 2000, 4000
"""Bytes; where MAX_STRING_SIZE is EXTENDED, a VARCHAR2 can be longer, and says so."""
NUMBERS = frozenset({oracledb.DB_TYPE_NUMBER})
GRAINS = {
    oracledb.DB_TYPE_DATE: Grain.DATE,
    oracledb.DB_TYPE_TIMESTAMP: Grain.TIMESTAMP,
    oracledb.DB_TYPE_TIMESTAMP_TZ: Grain.ZONED,
    oracledb.DB_TYPE_TIMESTAMP_LTZ: Grain.ZONED,
}
READABLE = (
    TEXTS
    | NUMBERS
    | GRAINS.keys()
    | {oracledb.DB_TYPE_BINARY_DOUBLE, oracledb.DB_TYPE_BINARY_FLOAT, oracledb.DB_TYPE_BOOLEAN}
    | {oracledb.DB_TYPE_ROWID, oracledb.DB_TYPE_UROWID, oracledb.DB_TYPE_LONG}
)
"""What a pattern or a condition can read."""
_UNSCALED = -127
"""The scale of a NUMBER that was declared without any, and of a FLOAT."""
_LEAST, _MOST, _DIGITS = -130, 125, 40
"""Powers of ten that a NUMBER can begin with, and how many digits it can have; the driver refuses to bind others."""
_TIMES = {
    oracledb.DB_TYPE_TIMESTAMP: "TIMESTAMP",
    oracledb.DB_TYPE_TIMESTAMP_TZ: "TIMESTAMP WITH TIME ZONE",
    oracledb.DB_TYPE_TIMESTAMP_LTZ: "TIMESTAMP WITH LOCAL TIME ZONE",
}


@dataclass(frozen=True, slots=True)
class Described:
    """One column of a statement."""

    type: Any
    """The driver's type."""
    precision: int = 0
    scale: int = 0
    """Of a NUMBER, its decimals; of a TIMESTAMP, the digits of its seconds."""
    size: int = 0
    """Of a text, the bytes that it can have."""

    @staticmethod
    def of(column: Any) -> Described:
        """From an entry of a cursor's description."""
        return Described(column[1], column[4] or 0, column[5] or 0, column[3] or 0)

    @property
    def name(self) -> str:
        """The type as Oracle calls it."""
        if self.type in _TIMES:
            return _TIMES[self.type]
        if self.type is oracledb.DB_TYPE_NUMBER and self.precision:
            if self.scale == _UNSCALED:
                return "FLOAT"
            return f"NUMBER({self.precision},{self.scale})" if self.scale else f"NUMBER({self.precision})"
        return str(self.type.name).removeprefix("DB_TYPE_").replace("VARCHAR", "VARCHAR2")

    @property
    def whole_number(self) -> bool:
        """Whether it may hold nothing but whole numbers, or does not say."""
        if self.type is not oracledb.DB_TYPE_NUMBER:
            return False
        return self.scale <= 0 and not (self.precision and self.scale == _UNSCALED)


def cursor_terms(column: Described, kind: str, zone: ZoneInfo) -> TimeColumn | NumberColumn | None:
    """In which terms a hint of this kind is stamped by the column; None if it cannot follow it."""
    if column.type in GRAINS and kind in ("timestamp", "due", "journal"):
        grain = GRAINS[column.type]
        return TimeColumn(grain, zone, 0 if grain is Grain.DATE else column.scale)
    if column.whole_number and kind in ("sequence", "journal"):
        return NumberColumn()
    return None


def fitting(kind: str) -> str:
    """The types that a hint of this kind can follow."""
    number, time = "NUMBER without decimals", "DATE or TIMESTAMP"
    return {"sequence": number, "journal": f"{time}, or {number}"}.get(kind, time)


def returned_types(terms: TimeColumn | NumberColumn) -> frozenset[Any]:
    """What the driver says of such a cursor as ``statements.stamp`` selects it."""
    if isinstance(terms, NumberColumn):
        return NUMBERS
    return frozenset({oracledb.DB_TYPE_DATE if terms.grain is Grain.DATE else oracledb.DB_TYPE_TIMESTAMP})


def bound_value(value: str, column: Described) -> str | int | Decimal | None:
    """A value to compare a column like this with; None if the column cannot have it. A number is bound as such:
    Oracle would convert the column of a text comparison, and its index would be lost.
    """
    if column.type in TEXTS:
        # Not by the column's size alone: somebody may have made it longer since.
        longest = _LONGEST_CHAR if column.type in PADDED else max(column.size, _LONGEST_VARCHAR2)
        return value if len(value.rstrip(" ")) <= longest else None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not (number.is_finite() and _LEAST <= number.adjusted() <= _MOST and _digits(number) <= _DIGITS):
        return None
    return int(value) if value.lstrip("-").isdecimal() else number


def bound_types(binds: Iterable[str], column: Any) -> dict[str, Any]:
    """As what values are bound to be compared with a column of this type. A CHAR is compared without regard to the
    blanks at its end, but with a CHAR only.
    """
    return dict.fromkeys(binds, column) if column in PADDED else {}


def _digits(number: Decimal) -> int:
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))
