"""Functions that choose: NVL, DECODE and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler.assignment import cast
from tests.standins.oracle.compiler.typed import NULL, Typed, comparable
from tests.standins.oracle.datatypes import OraType

if TYPE_CHECKING:
    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.sql.tree import Call


def _like_first(c: Expressions, first: Typed, other: Typed) -> Typed:
    """NVL and DECODE convert to the first value's type."""
    if dt.UNKNOWN in (first.kind, other.kind) or first.kind == other.kind:
        return other
    if first.kind in dt.TEXTUAL:
        return c.text_of(other)
    if dt.common(first.type, other.type):
        return other
    return cast(other, first.type, c.context.formats)


def _as_varchar(value: OraType) -> OraType:
    """A choice between texts is never a CHAR."""
    return (
        OraType(dt.VARCHAR, size=value.size, chars=value.chars, in_chars=value.in_chars)
        if value.kind == dt.CHAR
        else value
    )


def _nvl(c: Expressions, node: Call) -> Typed:
    a, b = c.required(node, 2, 2)
    sqls, kind = c.unified([a, _like_first(c, a, b)])
    return Typed(f"coalesce({', '.join(sqls)})", _as_varchar(kind))


def _nvl2(c: Expressions, node: Call) -> Typed:
    test, a, b = c.required(node, 3, 3)
    sqls, kind = c.unified([a, _like_first(c, a, b)])
    return Typed(f"(CASE WHEN {test.sql} IS NOT NULL THEN {sqls[0]} ELSE {sqls[1]} END)", _as_varchar(kind))


def _coalesce(c: Expressions, node: Call) -> Typed:
    args = c.required(node, 2)
    sqls, kind = c.unified(args)
    return Typed(f"coalesce({', '.join(sqls)})", kind)


def _nullif(c: Expressions, node: Call) -> Typed:
    a, b = c.required(node, 2, 2)
    left, right = comparable("=", a, b)
    return Typed(f"(CASE WHEN {left} = {right} THEN NULL ELSE {a.sql} END)", a.type)


def _decode(c: Expressions, node: Call) -> Typed:
    """NULL equals NULL here, and only here."""
    value, *rest = c.required(node, 3)
    default = rest.pop() if len(rest) % 2 else NULL
    searches, results = rest[::2], rest[1::2]
    results = [results[0], *(_like_first(c, results[0], r) for r in results[1:])]
    sqls, kind = c.unified([*results, _like_first(c, results[0], default)])
    whens = []
    for search, sql in zip(searches, sqls, strict=False):
        left, right = comparable("=", value, search)
        whens.append(f"WHEN {left} IS NOT DISTINCT FROM {right} THEN {sql}")
    return Typed(f"(CASE {' '.join(whens)} ELSE {sqls[-1]} END)", _as_varchar(kind))


def _lnnvl(c: Expressions, node: Call) -> Typed:
    return Typed(f"(NOT coalesce({c.condition(node.args[0])}, false))", dt.ANY_NUMBER)


def _sys_guid(_: Expressions, __: Call) -> Typed:
    return Typed("unhex(replace(CAST(uuid() AS VARCHAR), '-', ''))", OraType(dt.RAW, size=16))


FUNCTIONS = {
    "NVL": _nvl,
    "NVL2": _nvl2,
    "COALESCE": _coalesce,
    "NULLIF": _nullif,
    "DECODE": _decode,
    "LNNVL": _lnnvl,
    "SYS_GUID": _sys_guid,
}
