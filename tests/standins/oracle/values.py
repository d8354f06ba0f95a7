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
INTERVAL_YM, INTERVAL_DS = 182, 183

CHARSET_UTF8, CHARSET_UTF16 = 873, 2000
TEXT_TYPES = frozenset({VARCHAR, CHAR, LONG, ROWID, UROWID})
ROWS_PER_BLOCK = 50  # how synthetic row numbers map onto ROWID block and slot
B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True)
class Column:
    """What a describe tells the client about one column."""

    name: str
    type: int = VARCHAR
    size: int = 4000  # bytes on the wire
    precision: int = 0
    scale: int = 0
    chars: int = 0  # declared length of a character column
    nullable: bool = True

    def named(self, name: str) -> Column:
        return replace(self, name=name)

    def describe(self, position: int) -> bytes:
        """Column metadata as laid out for TTC field versions 12.2 to 19.1."""
        text = self.type in (VARCHAR, CHAR, LONG)
        name = self.name.encode()
        return b"".join(
            (
                struct.pack(">BBbb", self.type, 0, self.precision, self.scale),
                uint(self.size),
                uint(0),  # max array elements
                uint(0),  # flags
                uint(0),  # type OID
                uint(0),  # type version
                uint(CHARSET_UTF8 if text else 0),
                bytes((1 if text else 0,)),  # character set form: implicit
                uint(self.chars or (self.size if text else 0)),
                uint(0),  # oaccolid (12.2+)
                bytes((self.nullable, min(len(name), 255))),
                sized_value(name),
                sized_value(None),  # type schema
                sized_value(None),  # type name
                uint(position),
                uint(0),  # user-defined type flags
            )
        )


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
    digits = bytes(int((whole + fraction)[i : i + 2]) for i in range(0, len(whole + fraction), 2))
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


_DIGITS = bytes(min(b // 16 * 10 + b % 16 + 1, 255) for b in range(256))  # from two decimal digits to one of base 100
_HEADS = [[bytes((size + 1, 193 + size + zeros - 1)) for zeros in range(20)] for size in range(21)]


def whole_number(number: int) -> bytes:
    """A whole number with its length byte: the way that most numbers go, and by far the quickest."""
    if not 0 < number < 10**38:
        return value(encode_number(number))
    text = str(number)
    pairs = bytes.fromhex(text if len(text) % 2 == 0 else "0" + text).translate(_DIGITS)
    digits = pairs.rstrip(b"\x01")
    return _HEADS[len(digits)][len(pairs) - len(digits)] + digits


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
        return mantissa * int(100**shift)
    text = f"{mantissa}E{2 * shift}"  # by way of text: exact beyond the decimal context
    return Decimal(text[: text.index("E") - 1] + f"E{2 * shift + 1}" if mantissa % 10 == 0 else text)


# --- DATE and the TIMESTAMP family -----------------------------------------------

_TIMES = [bytes((h + 1, m + 1, s + 1)) for h in range(24) for m in range(60) for s in range(60)]


@lru_cache(maxsize=1 << 16)
def _encode_day(year: int, month: int, day: int) -> bytes:
    return bytes((year // 100 + 100, year % 100 + 100, month, day))


def encode_date(when: dt.datetime) -> bytes:
    return _encode_day(when.year, when.month, when.day) + _TIMES[when.hour * 3600 + when.minute * 60 + when.second]


REGION = b"\xd1\x78"  # Europe/Paris's number; the driver refuses every region, whichever it is


def encode_timestamp_tz(item: tuple[dt.datetime, int | None]) -> bytes:
    """UTC fields, then the offset's hours (+20) and minutes (+60).

    The offset comes in minutes; None stands for a named region, whose first byte has the top
    bit set: thin drivers refuse it (DPY-3022).
    """
    when, offset = item
    head = encode_date(when) + (when.microsecond * 1000).to_bytes(4, "big")
    if offset is None:
        return head + REGION
    sign = -1 if offset < 0 else 1
    hours, minutes = divmod(abs(offset), 60)
    return head + bytes((sign * hours + 20, sign * minutes + 60))


def encode_interval_ds(micros: int) -> bytes:
    """Days, hours, minutes, seconds and nanoseconds, each offset to be positive."""
    sign, rest = (-1, -micros) if micros < 0 else (1, micros)
    seconds, fraction = divmod(rest, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = (sign * days + 2**31, sign * hours + 60, sign * minutes + 60, sign * seconds + 60)
    return struct.pack(">IBBBI", *parts, sign * fraction * 1000 + 2**31)


def decode_interval_ds(data: bytes) -> int:
    """An interval in microseconds."""
    days, hours, minutes, seconds, nanos = struct.unpack(">IBBBI", data)
    total = (days - 2**31) * 86_400 + (hours - 60) * 3600 + (minutes - 60) * 60 + seconds - 60
    return int(total * 1_000_000 + (nanos - 2**31) // 1000)


def encode_interval_ym(months: int) -> bytes:
    """Years and months, each offset to be positive."""
    sign = -1 if months < 0 else 1
    years, rest = divmod(abs(months), 12)
    return struct.pack(">IB", sign * years + 2**31, sign * rest + 60)


def decode_interval_ym(data: bytes) -> int:
    """An interval in months."""
    years, months = struct.unpack(">IB", data)
    return int((years - 2**31) * 12 + months - 60)


def decode_date(data: bytes) -> dt.datetime:
    """Any of the above; aware when the value carries an offset."""
    year = (data[0] - 100) * 100 + data[1] - 100
    micros = int.from_bytes(data[7:11], "big") // 1000 if len(data) >= 11 else 0
    when = dt.datetime(year, data[2], data[3], data[4] - 1, data[5] - 1, data[6] - 1, micros)  # noqa: DTZ001 - DATEs have no zone
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


def rowid_text(object_id: int, row: int) -> str:
    """The 18 characters of a row's identity, as the engine's own SQL makes them."""

    def digits(number: int, width: int) -> str:
        return "".join(B64[(number >> (6 * i)) & 63] for i in range(width - 1, -1, -1))

    return f"{digits(object_id, 6)}AAE{digits(row // ROWS_PER_BLOCK, 6)}{digits(row % ROWS_PER_BLOCK, 3)}"


def rowid_fields(text: str | None) -> bytes:
    if not text:
        return bytes(5)
    parts = (text[:6], text[6:9], text[9:15], text[15:18])
    obj, file, block, slot = map(_b64_int, parts)
    return uint(obj) + uint(file) + b"\0" + uint(block) + uint(slot)


# --- putting it together ---------------------------------------------------------


_LENGTHS = [bytes((size,)) for size in range(MAX_SHORT + 1)]
_REMEMBERED = 20_000  # encoded values of a column: groups and states repeat, keys do not


class Encoded(dict[Any, bytes]):
    """Values of one column to their bytes. Looking up is far quicker than encoding again."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        super().__init__({None: b"\0"})
        self._encode = encode

    def __missing__(self, item: Any) -> bytes:
        if len(self) > _REMEMBERED:
            self.clear()
            self[None] = b"\0"
        raw = self[item] = self._encode(item)
        return raw


def _number(number: int | float | Decimal) -> bytes:
    return whole_number(number) if isinstance(number, int) else value(encode_number(number))


def _text(item: Any) -> bytes:
    raw = item.encode() if isinstance(item, str) else str(item).encode()
    return _LENGTHS[len(raw)] + raw if len(raw) <= MAX_SHORT else value(raw)


def _date(item: Any) -> bytes:
    return b"\x07" + encode_date(item)


def _timestamp(item: dt.datetime) -> bytes:
    """A zero fraction is left out, making the value seven bytes like a DATE."""
    if item.microsecond:
        return b"\x0b" + encode_date(item) + (item.microsecond * 1000).to_bytes(4, "big")
    return b"\x07" + encode_date(item)


def encoder(column: Column) -> Callable[[Any], bytes]:
    """The function turning a Python value of `column` into wire bytes. To be used for one query's rows."""
    encode = _encoder(column)
    if column.type == BINARY_DOUBLE:  # 0.0 and -0.0 are equal, but not the same
        return lambda item: b"\0" if item is None else encode(item)
    return Encoded(encode).__getitem__


def _encoder(column: Column) -> Callable[[Any], bytes]:
    if column.type == CHAR:
        return _text  # padded when it was stored
    if column.type in (TIMESTAMP, TIMESTAMP_LTZ):
        return _timestamp
    if column.type == TIMESTAMP_TZ:
        return lambda item: b"\x0d" + encode_timestamp_tz(item)
    if column.type == INTERVAL_DS:
        return lambda item: b"\x0b" + encode_interval_ds(item)
    if column.type == INTERVAL_YM:
        return lambda item: b"\x05" + encode_interval_ym(item)
    if column.type == BINARY_DOUBLE:
        return lambda item: b"\x08" + encode_double(item)
    plain: dict[int, Callable[[Any], bytes]] = {
        VARCHAR: _text,
        LONG: _text,
        NUMBER: _number,
        DATE: _date,
        ROWID: encode_rowid,
        RAW: value,
    }
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
    if kind == INTERVAL_DS:
        return decode_interval_ds(raw)
    if kind == INTERVAL_YM:
        return decode_interval_ym(raw)
    if kind in (BINARY_DOUBLE, BINARY_FLOAT):
        return decode_binary_float(raw)
    return raw
