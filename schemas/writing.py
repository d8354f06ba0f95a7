"""Records to Avro's binary form, by writers that are made once from a schema.

What a general Avro library spends on a record is mostly finding out of what type each value is. Here the record's own
type has said so: a writer takes the fields as they are, and the bytes are those that any Avro library writes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

Put = Callable[[bytes], object]
Write = Callable[[Any, Put], None]
"""Gives the bytes of a value to the second argument, piece by piece."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _number(value: int) -> bytes:
    """A whole number of 64 bits: zigzag, then seven bits a byte."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_NUMBERS = tuple(_number(value) for value in range(1024))
"""Lengths and places of symbols, mostly."""


def writer(schema: Any, names: dict[str, Write] | None = None) -> Write:
    """What writes values of this schema (as JSON values).

    Raises:
        ValueError: it has a type that no record of ours has.
    """
    names = {} if names is None else names
    if isinstance(schema, list):
        return _optional(schema, names)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return writer(kind, names)
    logical = schema.get("logicalType") if isinstance(schema, dict) else None
    if (kind, logical) == ("long", "timestamp-millis"):
        return _write_moment
    if kind in _PLAIN and logical is None:
        return _PLAIN[kind]
    if kind in _MADE and logical is None:
        made = _MADE[kind](schema, names)
        if "name" in schema:
            names[schema["name"]] = made
        return made
    if kind in names:
        return names[kind]
    raise ValueError(f"no writer for the type {kind!r}")


def _write_text(value: str, put: Put) -> None:
    data = value.encode()
    size = len(data)
    put(_NUMBERS[size] if size < 1024 else _number(size))
    put(data)


def _write_bytes(value: bytes, put: Put) -> None:
    put(_number(len(value)))
    put(value)


def _write_number(value: int, put: Put) -> None:
    if not -(2**63) <= value < 2**63:
        raise OverflowError(f"{value} has more than 64 bits")
    put(_number(value))


def _write_truth(value: bool, put: Put) -> None:  # noqa: FBT001 - the value itself
    put(b"\x01" if value else b"\x00")


def _write_moment(value: datetime, put: Put) -> None:
    passed = value - _EPOCH  # raises for a time without a zone
    put(_number((passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000))


def _optional(schema: list[Any], names: dict[str, Write]) -> Write:
    if len(schema) != 2 or schema[0] != "null":
        raise ValueError(f"no writer for the union {schema!r}")
    inner = writer(schema[1], names)

    def write(value: Any, put: Put) -> None:
        if value is None:
            put(b"\x00")
        else:
            put(b"\x02")
            inner(value, put)

    return write


def _enum(schema: Any, _: dict[str, Write]) -> Write:
    places = {symbol: _NUMBERS[place] for place, symbol in enumerate(schema["symbols"])}

    def write(value: str, put: Put) -> None:
        put(places[value])

    return write


def _array(schema: Any, names: dict[str, Write]) -> Write:
    inner = writer(schema["items"], names)

    def write(values: Any, put: Put) -> None:
        if values:
            put(_number(len(values)))
            for value in values:
                inner(value, put)
        put(b"\x00")

    return write


def _map(schema: Any, names: dict[str, Write]) -> Write:
    inner = writer(schema["values"], names)

    def write(values: Any, put: Put) -> None:
        if values:
            put(_number(len(values)))
            for key, value in values.items():
                _write_text(key, put)
                inner(value, put)
        put(b"\x00")

    return write


def _record(schema: Any, names: dict[str, Write]) -> Write:
    writers = [writer(field["type"], names) for field in schema["fields"]]
    fields = [field["name"] for field in schema["fields"]]
    if len(fields) == 1:
        only, read_one = writers[0], attrgetter(fields[0])
        return lambda value, put: only(read_one(value), put)
    read = attrgetter(*fields)

    def write(value: Any, put: Put) -> None:
        for write_field, content in zip(writers, read(value), strict=True):
            write_field(content, put)

    return write


_PLAIN: dict[str, Write] = {
    "string": _write_text,
    "bytes": _write_bytes,
    "int": _write_number,
    "long": _write_number,
    "boolean": _write_truth,
}
_MADE: dict[str, Callable[[Any, dict[str, Write]], Write]] = {
    "enum": _enum,
    "array": _array,
    "map": _map,
    "record": _record,
}
