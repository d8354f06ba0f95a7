"""Builds the server's messages. Pure: values in, bytes out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any

from tests.standins.oracle import ttc, values, wire
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.values import CHARSET_UTF8, CHARSET_UTF16, Column
from tests.standins.oracle.wire import sized_value, uint, value

ENCODED_AT_ONCE = 500  # rows turned into bytes together, column by column


def accept(sdu: int) -> bytes:
    """The ACCEPT packet: the driver uses the packet size given here."""
    return wire.packet(wire.ACCEPT, struct.pack(">HH10xB9xI5xI", ttc.TNS_VERSION, 0, 0, sdu, 0), large=False)


def refuse(code: int) -> bytes:
    """The REFUSE packet: the driver searches its text for (ERR=n)."""
    reason = f"(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code}))))".encode()
    return wire.packet(wire.REFUSE, struct.pack(">BBH", 0x22, 0, len(reason)) + reason, large=False)


def protocol() -> bytes:
    """The answer to PROTOCOL: character sets and capabilities."""
    compile_caps = bytearray(45)
    compile_caps[7] = ttc.FIELD_VERSION
    runtime_caps = bytearray(11)
    runtime_caps[6] = 0x04  # 32767-byte VARCHAR2
    charsets = bytes(9) + struct.pack(">H", CHARSET_UTF16)
    return b"".join(
        (
            bytes((ttc.PROTOCOL, 6, 0)),
            ttc.BANNER,
            struct.pack("<HBH", CHARSET_UTF8, 1, 0),
            struct.pack(">H", len(charsets)),
            charsets,
            value(bytes(compile_caps)),
            value(bytes(runtime_caps)),
        )
    )


def data_types() -> bytes:
    """The answer to DATA TYPES: an empty list, no conversions to announce."""
    return bytes((ttc.DATA_TYPES, 0, 0))


def parameters(pairs: list[tuple[str, str, int]]) -> bytes:
    """A PARAMETER message of (key, value, flags)."""
    body = b"".join(sized_value(key) + sized_value(text) + uint(flags) for key, text, flags in pairs)
    return bytes((ttc.PARAMETER,)) + uint(len(pairs)) + body


def status(*, in_transaction: bool) -> bytes:
    """STATUS: a pool rolls a returned connection back only if this says a transaction is open."""
    return bytes((ttc.STATUS,)) + uint(_call_status(in_transaction=in_transaction)) + uint(0)


def _call_status(*, in_transaction: bool) -> int:
    return ttc.CALL_TXN_IN_PROGRESS if in_transaction else 0


def describe(columns: list[Column]) -> bytes:
    """DESCRIBE: the columns of a query."""
    body = b"".join(column.describe(i) for i, column in enumerate(columns, 1))
    return b"".join(
        (
            bytes((ttc.DESCRIBE, 0)),
            uint(sum(c.size for c in columns)),
            uint(len(columns)),
            b"\0" if columns else b"",
            body,
            sized_value(None),
            bytes(4),
            sized_value(None),
        )
    )


def row_header() -> bytes:
    """ROW HEADER, which goes ahead of the rows of each answer."""
    return bytes((ttc.ROW_HEADER, 0)) + bytes(6)


def encode_rows(columns: list[Column], rows: Iterator[tuple[Any, ...]], zoned: tuple[int, ...] = ()) -> Iterator[bytes]:
    """ROW DATA messages, one per row; encodes a few hundred rows at a time, as they are asked for.

    `zoned`: positions of the zoned columns, whose offsets in minutes come after the row's columns.
    """
    return chain.from_iterable(_encoded(columns, rows, zoned))


def _encoded(
    columns: list[Column], rows: Iterator[tuple[Any, ...]], zoned: tuple[int, ...]
) -> Iterator[Iterator[bytes]]:
    encoders = [values.encoder(column) for column in columns]
    head = repeat(bytes((ttc.ROW_DATA,)))
    while chunk := list(islice(rows, ENCODED_AT_ONCE)):
        found = list(zip(*chunk, strict=True))
        for extra, position in enumerate(zoned):
            offsets = found[len(columns) + extra]
            found[position] = tuple(
                None if when is None else (when, offset) for when, offset in zip(found[position], offsets, strict=True)
            )
        encoded = [map(encode, items) for encode, items in zip(encoders, found[: len(columns)], strict=True)]
        yield map(b"".join, zip(head, *encoded))  # noqa: B905 - the head goes on for ever


def end(
    cursor_id: int = 0,
    *,
    in_transaction: bool,
    rowcount: int = 0,
    rowid: str | None = None,
    error: OraError | None = None,
) -> bytes:
    """The ERROR message, which also ends every successful execute and fetch."""
    code = error.code if error else 0
    out = b"".join(
        (
            bytes((ttc.ERROR,)),
            uint(_call_status(in_transaction=in_transaction)),
            uint(0),  # end-to-end sequence
            uint(rowcount & 0xFFFFFFFF),
            uint(code),
            uint(0),
            uint(0),  # array element errors
            uint(cursor_id),
            uint(error.offset if error else 0),
            bytes(6),  # SQL type, fatal, flags, options, UPI, warnings
            values.rowid_fields(rowid),
            uint(0),  # OS error
            bytes(2),  # statement and call numbers
            uint(0),  # padding
            uint(0),  # successful iterations
            sized_value(None),  # logical rowid
            uint(0),
            uint(0),
            uint(0),  # batch error codes, offsets and messages
            uint(code),
            uint(rowcount),
        )
    )
    return out + value(str(error).encode()) if error else out
