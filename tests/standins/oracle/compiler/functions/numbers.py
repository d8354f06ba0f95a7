"""Numeric functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler import numbermasks, typed
from tests.standins.oracle.compiler.functions import dates
from tests.standins.oracle.compiler.typed import Typed, number, to_number, whole
from tests.standins.oracle.errors import OraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.sql.tree import Call


def _simple(template: str, count: int = 1) -> Callable[[Expressions, Call], Typed]:
    def function(c: Expressions, node: Call) -> Typed:
        args = [to_number(v).sql for v in c.required(node, count, count)]
        return number(template.format(*args))

    return function


def _kept(name: str) -> Callable[[Expressions, Call], Typed]:
    """A function whose result has its argument's type."""

    def function(c: Expressions, node: Call) -> Typed:
        (a,) = (to_number(v) for v in c.required(node, 1, 1))
        return Typed(f"{name}({a.sql})", a.type)

    return function


def _to_whole(name: str) -> Callable[[Expressions, Call], Typed]:
    def function(c: Expressions, node: Call) -> Typed:
        (a,) = (to_number(v) for v in c.required(node, 1, 1))
        return whole(f"CAST({name}({a.sql}) AS DECIMAL(38, 0))")

    return function


def _round_or_trunc(name: str) -> Callable[[Expressions, Call], Typed]:
    def function(c: Expressions, node: Call) -> Typed:
        args = c.required(node, 1, 2)
        if args[0].kind in dt.MOMENTS:
            return dates.cut(name, args[0], args[1] if len(args) > 1 else None)
        value = f"CAST({to_number(args[0]).sql} AS DECIMAL(38, 10))"
        digits = args[1].sql if len(args) > 1 else "0"
        if digits == "0":
            return whole(f"CAST({name}({value}) AS DECIMAL(38, 0))")
        if name == "round":
            return number(f"round({value}, CAST({digits} AS INTEGER))")
        scale = f"CAST(power(10, CAST({digits} AS INTEGER)) AS DOUBLE)"
        return number(f"(trunc(round(CAST({value} AS DOUBLE) * {scale}, 6)) / {scale})")

    return function


def _extreme(name: str) -> Callable[[Expressions, Call], Typed]:
    """GREATEST and LEAST: NULL if any is."""

    def function(c: Expressions, node: Call) -> Typed:
        args = c.required(node, 1)
        first = args[0]
        if first.kind in dt.NUMERIC:
            args = [to_number(a) for a in args]
        elif first.kind in dt.TEXTUAL:
            args = [c.text_of(a) for a in args]
        sqls, kind = c.unified(args)
        nulls = " OR ".join(f"{sql} IS NULL" for sql in sqls)
        return Typed(f"(CASE WHEN {nulls} THEN NULL ELSE {name}({', '.join(sqls)}) END)", kind)

    return function


def _mod(c: Expressions, node: Call) -> Typed:
    a, b = (to_number(v) for v in c.required(node, 2, 2))
    return Typed(f"(CASE WHEN {b.sql} = 0 THEN {a.sql} ELSE {a.sql} % {b.sql} END)", dt.ANY_NUMBER)


def to_number_function(c: Expressions, node: Call) -> Typed:
    """TO_NUMBER(text [, mask])."""
    args = c.required(node, 1, 3)
    if len(args) == 1:
        return Typed(to_number(args[0]).sql, dt.ANY_NUMBER)
    if args[1].constant is None:
        raise OraError(3001, "unimplemented feature: a number format that is not a literal")
    return number(numbermasks.number_read(c.text_of(args[0]).sql, args[1].constant))


def to_char(c: Expressions, node: Call) -> Typed:
    """TO_CHAR of a number, a moment or text."""
    value, *rest = c.required(node, 1, 3)
    if not rest:
        return c.text_of(value)
    mask = rest[0].constant
    if mask is None:
        raise OraError(3001, "unimplemented feature: a format mask that is not a literal")
    if value.kind in dt.MOMENTS:
        return dates.moment_text(value, mask)
    if value.kind == dt.UNKNOWN:
        return typed.NULL
    return typed.text(numbermasks.number_text(to_number(value).sql, mask), len(mask) + 2)


FUNCTIONS = {
    "ABS": _kept("abs"),
    "SIGN": _simple("sign({0})"),
    "CEIL": _to_whole("ceil"),
    "FLOOR": _to_whole("floor"),
    "SQRT": _simple("sqrt({0})"),
    "EXP": _simple("exp({0})"),
    "LN": _simple("ln({0})"),
    "LOG": _simple("log({0}, {1})", 2),
    "POWER": _simple("power({0}, {1})", 2),
    "BITAND": _simple("(CAST({0} AS BIGINT) & CAST({1} AS BIGINT))", 2),
    "MOD": _mod,
    "ROUND": _round_or_trunc("round"),
    "TRUNC": _round_or_trunc("trunc"),
    "GREATEST": _extreme("greatest"),
    "LEAST": _extreme("least"),
    "TO_NUMBER": to_number_function,
    "TO_CHAR": to_char,
    "TO_NCHAR": to_char,
}
