"""Decodes one client request: the piggybacks that ride ahead of it, and the function itself.

Requests carry no length, so each is parsed exactly, field by field; running out of bytes
raises NeedMoreData and the caller tries again when more has arrived. Nothing here has
effects, so trying again is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.standins.oracle import ttc, values
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.wire import Reader


@dataclass(frozen=True, slots=True)
class Bind:
    """The declared type of one bind position."""

    type: int
    charset_form: int
    size: int


@dataclass(frozen=True, slots=True)
class Hello:
    """The PROTOCOL or DATA TYPES message of the handshake."""

    kind: int


@dataclass(frozen=True, slots=True)
class Logon:
    """One of the two log-on phases."""

    phase: int
    user: str
    pairs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Execute:
    """Execute a new statement (sql set) or the one of an open cursor."""

    cursor_id: int
    sql: str
    options: int
    fetch_rows: int
    binds: list[Bind]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class Fetch:
    """More rows of an open cursor."""

    cursor_id: int
    rows: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function without arguments: commit, rollback, ping, log off."""

    code: int


@dataclass(slots=True)
class Piggybacks:
    """Housekeeping that rides ahead of a request and is never answered."""

    closed_cursors: list[int] = field(default_factory=list)
    schema: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


Request = Hello | Logon | Execute | Fetch | Call
BindsOf = Callable[[int], list[Bind]]  # the bind types an open cursor was last executed with


def decode(r: Reader, binds_of: BindsOf) -> tuple[Piggybacks, Request]:
    """One whole request. Raises NeedMoreData, ValueError (not understood) or OraError."""
    ahead = Piggybacks()
    while True:
        kind = r.u8()
        if kind == ttc.PROTOCOL:
            r.skip(2)
            r.cstring()
            return ahead, Hello(kind)
        if kind == ttc.DATA_TYPES:
            r.skip(r.remaining)
            return ahead, Hello(kind)
        if kind not in (ttc.FUNCTION, ttc.PIGGYBACK):
            raise ValueError(f"message type {kind} is not supported")
        code, _sequence = r.u8(), r.u8()
        if kind == ttc.FUNCTION:
            return ahead, _function(code, r, binds_of)
        _piggyback(code, r, ahead)


def _function(code: int, r: Reader, binds_of: BindsOf) -> Request:
    if code == ttc.F_AUTH_ONE:
        return Logon(1, *_logon(r))
    if code == ttc.F_AUTH_TWO:
        return Logon(2, *_logon(r))
    if code == ttc.F_EXECUTE:
        return _execute(r)
    if code in (ttc.F_REEXECUTE, ttc.F_REEXECUTE_FETCH):
        return _reexecute(r, binds_of, fetch=code == ttc.F_REEXECUTE_FETCH)
    if code == ttc.F_FETCH:
        return Fetch(r.uint(), r.uint())
    if code in (ttc.F_COMMIT, ttc.F_ROLLBACK, ttc.F_PING, ttc.F_LOGOFF):
        return Call(code)
    raise ValueError(f"function {code} is not supported")


def _piggyback(code: int, r: Reader, ahead: Piggybacks) -> None:
    if code == ttc.F_CLOSE_CURSORS:
        r.skip(1)
        ahead.closed_cursors += [r.uint() for _ in range(r.uint())]
    elif code == ttc.F_SET_SCHEMA:
        r.skip(1)
        ahead.schema = (r.sized_value() or b"").decode()
    elif code == ttc.F_SESSION_STATE:
        r.uint()
    elif code == ttc.F_SET_ATTRIBUTES:
        ahead.attributes |= _attributes(r)
    elif code == ttc.F_SET_CONTEXT:
        r.skip(1)
        r.uint()
        r.skip(1)
        pairs = r.uint()
        r.uint()
        r.skip(1)
        r.value()
        for _ in range(pairs):
            r.sized_value()
            r.sized_value()
            r.uint()
    else:
        raise ValueError(f"piggyback {code} is not supported")


def _attributes(r: Reader) -> dict[str, str]:
    """End-to-end attributes: a header for each, then the texts of those that have one."""
    r.skip(2)
    r.uint()
    headers: list[tuple[str, int, int]] = []
    for name in ("client_identifier", "module", "action", "", "", "client_info", "", "", "dbop"):
        present = r.u8()
        headers.append((name, present, r.uint()))
    found = {}
    for name, present, length in headers:
        if name and length:
            found[name] = (r.value() or b"").decode()
        elif name and present:
            found[name] = ""
    return found


def _logon(r: Reader) -> tuple[str, dict[str, str]]:
    has_user = r.u8()
    r.uint()  # user name length
    r.uint()  # mode
    r.skip(1)
    count = r.uint()
    r.skip(2)
    user = (r.value() or b"").decode() if has_user else ""
    pairs = {}
    for _ in range(count):
        key, text = r.sized_value() or b"", r.sized_value() or b""
        r.uint()  # flags
        pairs[key.decode()] = text.decode()
    return user, pairs


def _bind(r: Reader) -> Bind:
    kind = r.u8()
    r.skip(3)  # flags, precision, scale
    size = r.uint()
    r.uint()  # array size
    r.uint()  # more flags
    r.sized_value()  # type OID
    r.uint()  # version
    r.uint()  # charset
    form = r.u8()
    r.uint()  # LOB prefetch size
    r.uint()  # oaccolid
    return Bind(kind, form, size)


def _rows(r: Reader, binds: list[Bind], times: int) -> list[list[Any]]:
    """`times` rows of bind values; values too long for VARCHAR2 come last in each row."""
    order = sorted(range(len(binds)), key=lambda i: binds[i].size > 32767)
    rows = []
    for _ in range(times if binds else 0):
        if r.u8() != ttc.ROW_DATA:
            raise ValueError("expected bind data")
        row: list[Any] = [None] * len(binds)
        for i in order:
            row[i] = values.decode_bind(binds[i].type, binds[i].charset_form, r)
        rows.append(row)
    return rows or [[]] * times


def _execute(r: Reader) -> Execute:
    options, cursor_id = r.uint(), r.uint()
    r.skip(1)
    r.uint()  # SQL length
    r.skip(1)
    r.uint()  # size of the al8i4 array: 13
    r.skip(2)
    r.uint()  # prefetch buffer size
    fetch_rows = r.uint()
    r.uint()  # maximum LONG size
    r.skip(1)
    bind_count = r.uint()
    r.skip(6)
    define_count = r.uint()
    r.uint()  # registration id (low half)
    r.skip(3)
    r.uint()
    r.skip(1)
    r.uint()
    r.uint()  # registration id (high half)
    r.skip(1)
    r.uint()  # array DML row counts
    r.skip(2)  # 12.2: SQL signature and SQL ID
    r.uint()
    r.skip(1)
    r.uint()
    r.skip(2)  # 12.2 extension: chunk ids
    r.uint()
    sql = (r.value() or b"").decode() if options & ttc.OPT_PARSE else ""
    array = [r.uint() for _ in range(13)]
    times = max(array[1], 1)
    if options & ttc.OPT_BATCH_ERRORS:
        raise OraError(3001, "unimplemented feature: batch errors")
    if define_count:
        raise OraError(3001, "unimplemented feature: LOB, JSON and VECTOR columns")
    binds = [_bind(r) for _ in range(bind_count)]
    is_query = bool(array[7])
    rows = _rows(r, binds, 1 if is_query else times)
    return Execute(cursor_id, sql, options, fetch_rows if options & ttc.OPT_FETCH else 0, binds, rows)


def _reexecute(r: Reader, binds_of: BindsOf, *, fetch: bool) -> Execute:
    """Functions 4 and 78 reuse the bind types of the cursor's last execute; the count is
    rows to prefetch for the second, executions for the first.
    """
    cursor_id, times = r.uint(), r.uint()
    r.uint()  # options 1: execute
    commit = r.uint() & 1  # options 2
    binds = binds_of(cursor_id)
    rows = _rows(r, binds, 1 if fetch else times)
    options = ttc.OPT_EXECUTE | (ttc.OPT_COMMIT if commit else 0)
    return Execute(cursor_id, "", options, times if fetch else 0, [], rows or [[]])
