"""Oracle column values: wire encodings and column descriptions."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.standins.oracle.wire import MAX_SHORT, Reader, sized_value, uint, value

# Oracle data type numbers (the external type codes seen in describes and binds).
VARCHAR, NUMBER, BINARY_INTEGER, LONG, ROWID, DATE = 1, 2, 3, 8, 11, 12
RAW, CHAR, BINARY_FLOAT, BINARY_DOUBLE = 23, 96, 100, 101
TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ, UROWID = 180, 181, 231, 208

CHARSET_UTF8, CHARSET_UTF16 = 873, 2000
TEXT_TYPES = frozenset({VARCHAR, CHAR, LONG, ROWID, UROWID})
ROWS_PER_BLOCK = 50   # how synthetic row numbers map onto ROWID block and slot
B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True)
class Column:
    """What a describe tells the client about one column."""

    name: str
    type: int = VARCHAR
    size: int = 4000           # bytes on the wire
    precision: int = 0
    scale: int = 0
    chars: int = 0             # declared length of a character column
    nullable: bool = True

    def named(self, name: str) -> Column:
        return replace(self, name=name)

    def describe(self, position: int) -> bytes:
        """Column metadata as laid out for TTC field versions 12.2 to 19.1."""
        text = self.type in (VARCHAR, CHAR, LONG)
        name = self.name.encode()
        return b"".join((
            struct.pack(">BBbb", self.type, 0, self.precision, self.scale),
            uint(self.size),
            uint(0),                                   # max array elements
            uint(0),                                   # flags
            uint(0),                                   # type OID
            uint(0),                                   # type version
            uint(CHARSET_UTF8 if text else 0),
            bytes((1 if text else 0,)),                # character set form: implicit
            uint(self.chars or (self.size if text else 0)),
            uint(0),                                   # oaccolid (12.2+)
            bytes((self.nullable, min(len(name), 255))),
            sized_value(name),
            sized_value(None),                         # type schema
            sized_value(None),                         # type name
            uint(position),
            uint(0),                                   # user-defined type flags
        ))


# --- NUMBER: an exponent byte, then base-100 digits ---------------------------------

def encode_number(number: int | float | Decimal) -> bytes:
    if isinstance(number, float):
        number = Decimal(repr(number))
    text = str(int(number)) if isinstance(number, int) else format(number, "f")
    negative = text.startswith("-")
    whole, _, fraction = text.lstrip("-").partition(".")
    whole = whole.lstrip("0")
    whole = whole.zfill(len(whole) + len(whole) % 2)
    fraction += "0" * (len(fraction) % 2)
    digits = bytes(int((whole + fraction)[i:i + 2]) for i in range(0, len(whole + fraction), 2))
    exponent = len(whole) // 2 - 1
    stripped = digits.lstrip(b"\0")
    exponent -= len(digits) - len(stripped)
    digits = stripped.rstrip(b"\0")[:20]
    if not digits:
        return b"\x80"
    if not negative:
        return bytes((193 + exponent, *(d + 1 for d in digits)))
    tail = b"\x66" if len(digits) < 20 else b""
    return bytes((62 - exponent, *(101 - d for d in digits))) + tail


def decode_number(data: bytes) -> int | Decimal:
    if data == b"\x80":
        return 0
    positive = data[0] >= 0x80
    if positive:
        exponent, digits = data[0] - 193, [b - 1 for b in data[1:]]
    else:
        exponent = 62 - data[0]
        digits = [101 - b for b in data[1:] if b != 102]
    mantissa = 0
    for digit in digits:
        mantissa = mantissa * 100 + digit
    mantissa = mantissa if positive else -mantissa
    shift = exponent - len(digits) + 1
    if shift >= 0:
        return mantissa * int(100 ** shift)
    text = f"{mantissa}E{2 * shift}"      # by way of text: exact beyond the decimal context
    return Decimal(text[:text.index("E") - 1] + f"E{2 * shift + 1}" if mantissa % 10 == 0 else text)


# --- DATE and the TIMESTAMP family -----------------------------------------------

_TIMES = [bytes((h + 1, m + 1, s + 1)) for h in range(24) for m in range(60) for s in range(60)]


@lru_cache(maxsize=1 << 16)
def _encode_day(year: int, month: int, day: int) -> bytes:
    return bytes((year // 100 + 100, year % 100 + 100, month, day))


def encode_date(when: dt.datetime) -> bytes:
    return (_encode_day(when.year, when.month, when.day)
            + _TIMES[when.hour * 3600 + when.minute * 60 + when.second])


def encode_timestamp(when: dt.datetime) -> bytes:
    """A zero fraction is left out, making the value seven bytes like a DATE."""
    if when.microsecond:
        return encode_date(when) + (when.microsecond * 1000).to_bytes(4, "big")
    return encode_date(when)


def encode_timestamp_tz(when: dt.datetime) -> bytes:
    """UTC fields, then the offset's hours (+20) and minutes (+60); naive values are UTC."""
    if when.tzinfo is None:
        return encode_date(when) + (when.microsecond * 1000).to_bytes(4, "big") + b"\x14\x3c"
    offset = when.utcoffset() or dt.timedelta()
    utc = (when - offset).replace(tzinfo=None)
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    sign = -1 if offset < dt.timedelta() else 1
    return encode_timestamp_tz(utc)[:11] + bytes((sign * hours + 20, sign * minutes + 60))


def decode_date(data: bytes) -> dt.datetime:
    """Any of the above; aware when the value carries an offset."""
    year = (data[0] - 100) * 100 + data[1] - 100
    micros = int.from_bytes(data[7:11], "big") // 1000 if len(data) >= 11 else 0
    when = dt.datetime(year, data[2], data[3], data[4] - 1, data[5] - 1, data[6] - 1, micros)
    if len(data) < 13:
        return when
    zone = dt.timezone(dt.timedelta(hours=data[11] - 20, minutes=data[12] - 60))
    return when.replace(tzinfo=dt.UTC).astimezone(zone)


# --- binary floating point: sign-adjusted so that bytes compare in order ----------

def encode_double(number: float) -> bytes:
    raw = struct.pack(">d", number)
    return bytes((raw[0] | 0x80,)) + raw[1:] if raw[0] < 0x80 else bytes(b ^ 0xFF for b in raw)


def decode_binary_float(data: bytes) -> float:
    raw = bytes((data[0] & 0x7F,)) + data[1:] if data[0] >= 0x80 else bytes(b ^ 0xFF for b in data)
    result: float = struct.unpack(">d" if len(raw) == 8 else ">f", raw)[0]
    return result


# --- ROWID: object, file, block and slot, shown as 18 base-64 characters ----------

def _b64_int(text: str) -> int:
    number = 0
    for char in text:
        number = number * 64 + B64.index(char)
    return number


def encode_rowid(text: str) -> bytes:
    """Includes the leading length byte: a ROWID is not an ordinary value."""
    return b"\x0d" + rowid_fields(text)


def rowid_fields(text: str | None) -> bytes:
    if not text:
        return bytes(5)
    parts = (text[:6], text[6:9], text[9:15], text[15:18])
    obj, file, block, slot = map(_b64_int, parts)
    return uint(obj) + uint(file) + b"\0" + uint(block) + uint(slot)


# --- putting it together ---------------------------------------------------------

@lru_cache(maxsize=1 << 17)
def _number(number: int | float | Decimal) -> bytes:
    return value(encode_number(number))


def _text(item: Any) -> bytes:
    raw = item.encode() if isinstance(item, str) else str(item).encode()
    return bytes((len(raw),)) + raw if len(raw) <= MAX_SHORT else value(raw)


def _date(item: Any) -> bytes:
    """A DATE; DuckDB's own DATE type comes without a time of day."""
    return b"\x07" + encode_date(item if isinstance(item, dt.datetime)
                                 else dt.datetime(item.year, item.month, item.day))


def encoder(column: Column) -> Callable[[Any], bytes]:
    """The function turning a non-NULL Python value of `column` into wire bytes."""
    if column.type == CHAR:
        width = column.chars or column.size
        return lambda item: _text(str(item).ljust(width))
    if column.type in (TIMESTAMP, TIMESTAMP_LTZ):
        return lambda item: value(encode_timestamp(item))
    if column.type == TIMESTAMP_TZ:
        return lambda item: b"\x0d" + encode_timestamp_tz(item)
    if column.type == BINARY_DOUBLE:
        return lambda item: b"\x08" + encode_double(item)
    plain: dict[int, Callable[[Any], bytes]] = {
        VARCHAR: _text, LONG: _text, NUMBER: _number, DATE: _date, ROWID: encode_rowid, RAW: value}
    return plain[column.type]


def decode_bind(kind: int, charset_form: int, reader: Reader) -> Any:
    """One bind value, as a Python object the SQL engine takes."""
    raw = reader.value()
    if raw is None:
        return None
    if kind in TEXT_TYPES:
        return raw.decode("utf-16-be" if charset_form == 2 else "utf-8")
    if kind in (NUMBER, BINARY_INTEGER):
        return decode_number(raw)
    if kind in (DATE, TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ):
        return decode_date(raw)
    if kind in (BINARY_DOUBLE, BINARY_FLOAT):
        return decode_binary_float(raw)
    return raw
