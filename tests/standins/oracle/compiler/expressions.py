"""Values and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.catalog import Sequence
from tests.standins.oracle.compiler import moments, typed
from tests.standins.oracle.compiler.assignment import cast
from tests.standins.oracle.compiler.context import Context, unknown
from tests.standins.oracle.compiler.functions import call_function
from tests.standins.oracle.compiler.scope import Scope
from tests.standins.oracle.compiler.typed import NULL, Typed, comparable, inconsistent, literal, sort_key, to_number
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.parser import is_condition

if TYPE_CHECKING:
    from collections.abc import Sequence as Several

_MANY_BINDS = 16  # from here on a list of binds is passed as one


class Expressions:
    """Compiles within `scope`, the block at hand."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.scope = Scope()

    def subquery(self, query: tree.Query) -> tuple[str, list[OraType]]:
        """A query inside an expression: its SQL and column types."""
        raise NotImplementedError

    # --- values -----------------------------------------------------------------------

    def value(self, node: tree.Expr) -> Typed:
        """A value, typed."""
        match node:
            case tree.Number(text, binary):
                if binary:
                    return Typed(f"CAST({text} AS DOUBLE)", OraType(dt.DOUBLE))
                if text.isdigit():
                    return Typed(text, OraType(dt.NUMBER, 38, 0))
                return Typed(f"CAST({text} AS DECIMAL(38, 10))", dt.ANY_NUMBER)
            case tree.Text(""):
                return NULL  # Oracle's empty string
            case tree.Text(value):
                size = len(value.encode())
                return Typed(literal(value), OraType(dt.CHAR, size=size, chars=len(value)), value)
            case tree.Null():
                return NULL
            case tree.Bind(index):
                return self.context.bind(index)
            case tree.Column():
                return self._column(node)
            case tree.Unary(op, operand):
                return self._unary(op, self.value(operand))
            case tree.Binary():
                return self._binary(node)
            case tree.Case():
                return self._case(node)
            case tree.Cast(operand, target):
                return cast(self.value(operand), dt.declared(target), self.context.formats)
            case tree.Moment() | tree.Interval():
                return moments.literal_of(node)
            case tree.AtZone(operand, zone):
                return moments.at_zone(self.value(operand), self.value(zone) if zone else None)
            case tree.Call():
                return call_function(self, node)
            case tree.Scalar(query):
                sql, types = self.subquery(query)
                if len(types) != 1:
                    raise OraError(913, "too many values")
                return Typed(f"({sql})", types[0])
            case tree.Tuple():
                raise OraError(920, "invalid relational operator")
            case _:
                raise OraError(936, "missing expression")

    def _column(self, node: tree.Column) -> Typed:
        name = node.name
        if found := self.scope.resolve(name):
            return found
        if len(name) > 1 and name[-1] in ("NEXTVAL", "CURRVAL"):
            return self._sequence(name[:-1], name[-1])
        if pseudo := call_function(self, tree.Call(name, [], node.pos), bare=True):
            return pseudo
        if name[-1] == "ROWNUM":
            raise OraError(976, "Specified pseudo column or operator not allowed here.", node.pos)
        raise unknown(name, node.pos)

    def _sequence(self, name: tree.Name, what: str) -> Typed:
        found = self.context.catalog.lookup(name, self.context.schema)
        if not isinstance(found, Sequence):
            raise OraError(2289, "sequence does not exist")
        if not self.context.catalog.may(self.context.user, "SELECT", found.key):
            raise OraError(2289, "sequence does not exist")
        drawn = self.context.row_sequences
        if drawn is not None and (what == "NEXTVAL" or found.id in drawn):
            if found.id not in drawn:
                drawn[found.id] = f"s{len(drawn)}"
            label = drawn[found.id]
            return typed.whole(f'"X$B"."{label}"')
        if what == "NEXTVAL":
            return typed.whole(next_of(found.id, self.context))
        self.context.cacheable = False
        return typed.whole(f"$currval_{found.id}")

    def _unary(self, op: str, operand: Typed) -> Typed:
        if op == "+":
            return operand
        if operand.kind in (dt.DAYS, dt.MONTHS):
            return Typed(f"(-{operand.sql})", operand.type)
        operand = to_number(operand)
        return Typed(f"(-{operand.sql})", operand.type)

    def _binary(self, node: tree.Binary) -> Typed:
        left, right = self.value(node.left), self.value(node.right)
        if node.op == "||":
            return self._concatenated(left, right)
        if {left.kind, right.kind} & (dt.MOMENTS | {dt.DAYS, dt.MONTHS}):
            return moments.arithmetic(node.op, left, right)
        left, right = to_number(left), to_number(right)
        binary = dt.DOUBLE in (left.kind, right.kind)
        result = OraType(dt.DOUBLE) if binary else dt.ANY_NUMBER
        if node.op == "/":
            return Typed(f"x_div({left.sql}, {right.sql})", result)
        if node.op == "*" and not (left.type.whole and right.type.whole):
            # DECIMAL(38,10) times itself leaves little room for whole digits.
            return Typed(f"(CAST({left.sql} AS DOUBLE) * CAST({right.sql} AS DOUBLE))", result)
        return Typed(f"({left.sql} {node.op} {right.sql})", result)

    def text_of(self, value: Typed) -> Typed:
        """A value as text, by the session's formats."""
        return moments.to_text(value, self.context.formats)

    def _concatenated(self, left: Typed, right: Typed) -> Typed:
        a, b = self.text_of(left), self.text_of(right)
        if "NULL" in (a.sql, b.sql):
            return b if a.sql == "NULL" else a
        return typed.joined(a, b)

    def unified(self, values: Several[Typed]) -> tuple[list[str], OraType]:
        """Alternatives brought to one type, the first's family (CASE, DECODE, COALESCE)."""
        kind = dt.A_NULL
        for value in values:
            found = dt.common(kind, value.type)
            if found is None:
                raise inconsistent(kind.kind, value.kind)
            kind = found
        return [self.converted(v, kind) for v in values], kind

    def converted(self, value: Typed, kind: OraType) -> str:
        """SQL of a value in the representation of a type of its family."""
        if value.kind in (dt.UNKNOWN, kind.kind):
            return value.sql
        if kind.kind in dt.MOMENTS:
            return typed.to_moment(value, kind).sql
        return value.sql

    def _case(self, node: tree.Case) -> Typed:
        results = [self.value(result) for _, result in node.whens]
        results.append(self.value(node.default) if node.default else NULL)
        sqls, kind = self.unified(results)
        tests = []
        for test, _ in node.whens:
            if node.operand is None:
                tests.append(self.condition(test))
            else:
                left, right = comparable("=", self.value(node.operand), self.value(test))
                tests.append(f"{left} = {right}")
        whens = " ".join(f"WHEN {test} THEN {sql}" for test, sql in zip(tests, sqls, strict=False))
        return Typed(f"(CASE {whens} ELSE {sqls[-1]} END)", kind)

    # --- conditions -------------------------------------------------------------------

    def condition(self, node: tree.Expr) -> str:
        """A condition's SQL."""
        match node:
            case tree.Logical(op, parts):
                return "(" + f" {op} ".join(self.condition(part) for part in parts) + ")"
            case tree.Not(operand):
                return f"(NOT {self.condition(operand)})"
            case tree.Comparison(op, left, right):
                return self._comparison(op, left, right)
            case tree.Between(operand, low, high, negated):
                both = f"({self._comparison('>=', operand, low)} AND {self._comparison('<=', operand, high)})"
                return f"(NOT {both})" if negated else both
            case tree.IsNull(operand, negated):
                return f"({self.value(operand).sql} IS {'NOT ' if negated else ''}NULL)"
            case tree.Exists(query):
                return f"EXISTS ({self.subquery(query)[0]})"
            case tree.In(operand, members, negated):
                return self._in(operand, members, negated=negated)
            case tree.Like(operand, pattern, escape, negated):
                a, b = self.text_of(self.value(operand)), self.text_of(self.value(pattern))
                tail = f" ESCAPE {self.value(escape).sql}" if escape else ""
                return f"({a.sql} {'NOT ' if negated else ''}LIKE {b.sql}{tail})"
            case tree.Quantified():
                return self._quantified(node)
            case tree.Call() if is_condition(node):
                return call_function(self, node).sql
            case _:
                raise OraError(920, "invalid relational operator")

    def compared(self, op: str, left: Typed, right: Typed) -> str:
        """A comparison, text converted to the other side's type where one is not text."""
        if {left.kind, right.kind} & dt.MOMENTS:
            left = moments.from_text(left, right.type, self.context.formats)
            right = moments.from_text(right, left.type, self.context.formats)
        a, b = comparable(op, left, right)
        return f"({a} {op} {b})"

    def _comparison(self, op: str, left: tree.Expr, right: tree.Expr) -> str:
        if isinstance(left, tree.Tuple):
            return self._tuples(op, left, right)
        return self.compared(op, self.value(left), self.value(right))

    def _tuples(self, op: str, left: tree.Tuple, right: tree.Expr) -> str:
        if op not in ("=", "<>") or not isinstance(right, tree.Tuple) or len(right.items) != len(left.items):
            raise OraError(920, "invalid relational operator")
        parts = [self._comparison("=", a, b) for a, b in zip(left.items, right.items, strict=True)]
        both = "(" + " AND ".join(parts) + ")"
        return both if op == "=" else f"(NOT {both})"

    def _in(self, operand: tree.Expr, members: list[tree.Expr] | tree.Query, *, negated: bool) -> str:
        word = "NOT IN" if negated else "IN"
        if isinstance(members, tree.Query):
            return self._in_query(operand, members, word)
        if isinstance(operand, tree.Tuple):
            tests = " OR ".join(self._comparison("=", operand, member) for member in members)
            return f"(NOT ({tests}))" if negated else f"({tests})"
        value = self.value(operand)
        if listed := self._bind_list(value, members):
            return f"({listed[0]} {word} ({listed[1]}))"
        grouped: dict[str, list[str]] = {}
        for member in members:
            found = self.value(member)
            if {value.kind, found.kind} & dt.MOMENTS:
                found = moments.from_text(found, value.type, self.context.formats)
            left, right = comparable("=", value, found)
            grouped.setdefault(left, []).append(right)
        joint = " AND " if negated else " OR "
        return "(" + joint.join(f"{left} {word} ({', '.join(rights)})" for left, rights in grouped.items()) + ")"

    def _bind_list(self, value: Typed, members: list[tree.Expr]) -> tuple[str, str] | None:
        """Many binds in a row as one list, which DuckDB plans far quicker: both sides of IN. None if they are not such."""
        indexes = [member.index for member in members if isinstance(member, tree.Bind)]
        if len(indexes) < _MANY_BINDS or indexes != list(range(indexes[0], indexes[0] + len(members))):
            return None
        kinds = {self.context.bind(index).type for index in indexes}
        kind = kinds.pop()
        if kinds or self.context.batch or kind.kind not in (dt.TEXTUAL | {dt.NUMBER}):
            return None
        left, right = comparable("=", value, Typed('"X$M"."m"', kind))
        listed = f"CAST($m{indexes[0]}_{indexes[-1]} AS {dt.stored_as(kind)}[])"
        return left, f'SELECT {right} FROM (SELECT unnest({listed}) AS "m") AS "X$M"'

    def _in_query(self, operand: tree.Expr, query: tree.Query, word: str) -> str:
        sql, types = self.subquery(query)
        items = operand.items if isinstance(operand, tree.Tuple) else [operand]
        if len(items) != len(types):
            raise OraError(
                913 if len(types) > len(items) else 947,
                "too many values" if len(types) > len(items) else "not enough values",
            )
        lefts, rights = [], []
        for i, (item, kind) in enumerate(zip(items, types, strict=True)):
            left, right = comparable("=", self.value(item), Typed(f'"X$Q"."c{i}"', kind))
            lefts.append(left)
            rights.append(right)
        names = ", ".join(f'"c{i}"' for i in range(len(items)))
        inner = f'SELECT {", ".join(rights)} FROM ({sql}) AS "X$Q"({names})'
        left = lefts[0] if len(lefts) == 1 else f"({', '.join(lefts)})"
        return f"({left} {word} ({inner}))"

    def _quantified(self, node: tree.Quantified) -> str:
        if isinstance(node.right, tree.Query):
            sql, types = self.subquery(node.right)
            left, right = comparable(node.op, self.value(node.left), Typed('"X$Q"."c0"', types[0]))
            word = "ALL" if node.every else "ANY"
            return f'({left} {node.op} {word} (SELECT {right} FROM ({sql}) AS "X$Q"("c0")))'
        joint = " AND " if node.every else " OR "
        return "(" + joint.join(self._comparison(node.op, node.left, m) for m in node.right) + ")"

    # --- orders ---------------------------------------------------------------------------

    def ordering(self, orders: list[tree.Order]) -> str:
        """ORDER BY's list, with NULLs where Oracle has them."""
        return ", ".join(ordered(sort_key(self.value(o.expr)), o) for o in orders)

    def required(self, node: tree.Call, low: int, high: int | None = None) -> list[Typed]:
        """A call's arguments, as many as allowed."""
        if len(node.args) < low:
            raise OraError(938, "not enough arguments for function", node.pos)
        if high is not None and len(node.args) > high:
            raise OraError(939, "too many arguments for function", node.pos)
        return [self.value(arg) for arg in node.args]


def next_of(sequence: int, context: Context) -> str:
    """NEXTVAL of a sequence, by its object number: one of the numbers drawn when the statement runs, counted off by a
    DuckDB sequence, since those know no caches of instances.
    """
    context.draws[sequence] = context.draws.get(sequence, 0) + 1
    return f"CAST($seq_{sequence} AS BIGINT[])[nextval('\"X$S{sequence}\"') - $base_{sequence}]"


def ordered(sql: str, order: tree.Order) -> str:
    """One entry of ORDER BY."""
    direction = "DESC" if order.descending else "ASC"
    return f"{sql} {direction} NULLS {'FIRST' if order.nulls_first else 'LAST'}"
