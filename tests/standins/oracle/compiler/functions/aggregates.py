"""Aggregate and analytic functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler import typed
from tests.standins.oracle.compiler.typed import Typed, number, sort_key, to_number, whole
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.sql.tree import Call, Window

    Function = Callable[[Expressions, Call], Typed]


def _over(c: Expressions, window: Window | None) -> str:
    if window is None:
        return ""
    parts = []
    if window.partition:
        parts.append("PARTITION BY " + ", ".join(sort_key(c.value(e)) for e in window.partition))
    if window.order:
        parts.append("ORDER BY " + c.ordering(window.order))
    if window.frame:
        parts.append(window.frame)
    return f" OVER ({' '.join(parts)})"


def _count(c: Expressions, node: Call) -> Typed:
    if node.star:
        return whole(f"count(*){_over(c, node.window)}")
    (a,) = c.required(node, 1, 1)
    distinct = "DISTINCT " if node.distinct else ""
    return whole(f"count({distinct}{sort_key(a)}){_over(c, node.window)}")


def _numeric(name: str, *, as_double: bool) -> Function:
    def function(c: Expressions, node: Call) -> Typed:
        (a,) = (to_number(v) for v in c.required(node, 1, 1))
        distinct = "DISTINCT " if node.distinct else ""
        argument = f"CAST({a.sql} AS DOUBLE)" if as_double else a.sql
        _no_keep(node)
        return number(f"{name}({distinct}{argument}){_over(c, node.window)}")

    return function


def _no_keep(node: Call) -> None:
    if node.keep:
        raise OraError(3001, f"unimplemented feature: {node.name[-1]} with KEEP")


def _extreme(name: str) -> Function:
    """MAX and MIN, also KEEP (DENSE_RANK ...)."""

    def function(c: Expressions, node: Call) -> Typed:
        (a,) = c.required(node, 1, 1)
        if node.keep is None:
            return Typed(f"{name}({a.sql}){_over(c, node.window)}", a.type)
        which, orders = node.keep
        # Of the rows that come first or last, the greatest or least: it is the last of an order extended by the value.
        own = f"{a.sql} {'DESC' if (which == 'FIRST') == (name == 'max') else 'ASC'}"
        pick = "first" if which == "FIRST" else "last"
        return Typed(f"{pick}({a.sql} ORDER BY {c.ordering(orders)}, {own}){_over(c, node.window)}", a.type)

    return function


def _listagg(c: Expressions, node: Call) -> Typed:
    a, *rest = c.required(node, 1, 2)
    separator = c.text_of(rest[0]).sql if rest else "''"
    if separator == "NULL":
        separator = "''"
    distinct = "DISTINCT " if node.distinct else ""
    order = f" ORDER BY {c.ordering(node.within)}" if node.within else ""
    return typed.text(f"x_listagg(string_agg({distinct}{c.text_of(a).sql}, {separator}{order}){_over(c, node.window)})")


def _ranking(name: str) -> Function:
    def function(c: Expressions, node: Call) -> Typed:
        c.required(node, 0, 0)
        if node.window is None or (not node.window.order):
            raise OraError(30485, "missing ORDER BY expression in the window specification")
        return whole(f"{name}(){_over(c, node.window)}")

    return function


def _neighbour(name: str) -> Function:
    def function(c: Expressions, node: Call) -> Typed:
        a, *rest = c.required(node, 1, 3)
        more = "".join(f", {v.sql}" for v in rest)
        nulls = " IGNORE NULLS" if node.ignore_nulls else ""
        return Typed(f"{name}({a.sql}{more}{nulls}){_over(c, node.window)}", a.type)

    return function


def _ntile(c: Expressions, node: Call) -> Typed:
    (a,) = c.required(node, 1, 1)
    return whole(f"ntile(CAST({to_number(a).sql} AS BIGINT)){_over(c, node.window)}")


def _grouping(name: str) -> Function:
    def function(c: Expressions, node: Call) -> Typed:
        inner = ", ".join(sort_key(v) for v in c.required(node, 1))
        return Typed(f"{name}({inner})", OraType(dt.NUMBER, 38, 0))

    return function


FUNCTIONS: dict[str, Function] = {
    "COUNT": _count,
    "SUM": _numeric("sum", as_double=False),
    "AVG": _numeric("avg", as_double=True),
    "MEDIAN": _numeric("median", as_double=True),
    "STDDEV": _numeric("stddev_samp", as_double=True),
    "VARIANCE": _numeric("var_samp", as_double=True),
    "MAX": _extreme("max"),
    "MIN": _extreme("min"),
    "ANY_VALUE": _extreme("min"),
    "LISTAGG": _listagg,
    "ROLLUP": _grouping("ROLLUP"),
    "CUBE": _grouping("CUBE"),
    "GROUPING": _grouping("GROUPING"),
}
WINDOWED: dict[str, Function] = {
    "ROW_NUMBER": _ranking("row_number"),
    "RANK": _ranking("rank"),
    "DENSE_RANK": _ranking("dense_rank"),
    "NTILE": _ntile,
    "LAG": _neighbour("lag"),
    "LEAD": _neighbour("lead"),
    "FIRST_VALUE": _neighbour("first_value"),
    "LAST_VALUE": _neighbour("last_value"),
}
