"""Query blocks, set operations, ordering and row limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler.expressions import ordered
from tests.standins.oracle.compiler.scope import Output, Scope
from tests.standins.oracle.compiler.sources import Sources
from tests.standins.oracle.compiler.typed import Typed, quoted, sort_key, to_number
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.walk import columns, conjuncts

_ROWNUM = ("ROWNUM",)
_FAST_DIGITS = 18  # whole numbers up to here are fetched as 64-bit integers


@dataclass(slots=True)
class Result:
    """A compiled query for the client: its columns, and what the rows hold beside them."""

    sql: str
    outputs: list[Output]
    zoned: list[int] = field(default_factory=list)
    """Positions of zoned columns: their offsets follow the row's columns, in this order."""
    locks: list[tuple[str, str]] = field(default_factory=list)
    """FOR UPDATE: per table its name and a query for (X$ID, X$E) of the rows to lock."""


class Queries(Sources):
    """Compiles whole queries."""

    def top(self, query: tree.Query) -> Result:
        """A query whose rows go to the client."""
        result = Result("", [])
        result.sql, result.outputs = self._query(query, None, result)
        return result

    def block(self, query: tree.Query, parent: Scope | None) -> tuple[str, list[Output]]:
        return self._query(query, parent, None)

    def subquery(self, query: tree.Query) -> tuple[str, list[OraType]]:
        sql, outputs = self._query(query, self.scope, None)
        return sql, [o.type for o in outputs]

    def _query(self, query: tree.Query, parent: Scope | None, top: Result | None) -> tuple[str, list[Output]]:
        around = self.scope
        named = Scope(parent)
        try:
            prefix = self._ctes(query.ctes, named)
            if isinstance(query.body, tree.Select):
                sql, outputs = self._select(query.body, named, query, top)
            else:
                sql, outputs = self._combined(query, named, top)
            return prefix + sql, outputs
        finally:
            self.scope = around

    def _ctes(self, ctes: list[tree.Cte], named: Scope) -> str:
        parts = []
        for cte in ctes:
            sql, outputs = self._query(cte.query, named, None)
            if cte.columns:
                if len(cte.columns) != len(outputs):
                    raise OraError(32038, "number of WITH clause column names does not match number of elements")
                outputs = [Output(n, o.type, o.label, o.nullable) for n, o in zip(cte.columns, outputs, strict=True)]
            named.ctes[cte.name] = outputs
            parts.append(f"{quoted(cte.name)} AS ({sql})")
        return f"WITH {', '.join(parts)} " if parts else ""

    # --- one block ----------------------------------------------------------------------

    def _select(
        self, select: tree.Select, named: Scope, query: tree.Query, top: Result | None
    ) -> tuple[str, list[Output]]:
        self.scope = Scope(named)
        from_sql, conditions = self.from_clause(select.sources, conjuncts(select.where))
        if select.connect is not None:
            from_sql = self._generated(select, from_sql)
        limits = [c for c in conditions if any(column.name == _ROWNUM for column in columns(c))]
        where = [self.condition(c) for c in conditions if c not in limits]
        body = from_sql + (f" WHERE {' AND '.join(where)}" if where else "")
        shown = any(c.name == _ROWNUM for c in columns([select.items, select.group, select.having, query.order]))
        if query.locking and top is not None:
            self._lock(body, top)
        if limits or shown:
            body = self._numbered(body, limits, shown=shown)
        items = self._items(select)
        sqls = self._final([t for t, _ in items], top)
        tail = f" GROUP BY {', '.join(self.value(g).sql for g in select.group)}" if select.group else ""
        if select.having is not None:
            tail += f" HAVING {self.condition(select.having)}"
        outputs = [o for _, o in items]
        for label, (_, one) in zip(_labelled(outputs), items, strict=True):
            one.label = label
        self.scope.aliases = {i.name: t for i, (t, _) in zip(select.items, items, strict=False) if i.aliased}
        if any(i.expr is None for i in select.items):
            self.scope.aliases = {}
        order = self._order(query.order, [o.name for o in outputs], [t.sql for t, _ in items])
        labels = [f"{sql} AS {quoted(o.label)}" for sql, o in zip(sqls, outputs, strict=False)]
        labels += sqls[len(outputs) :]
        word = "SELECT DISTINCT" if select.distinct else "SELECT"
        sql = f"{word} {', '.join(labels)} FROM {body}{tail}"
        return sql + self._tail(query, order), outputs

    def _generated(self, select: tree.Select, from_sql: str) -> str:
        """CONNECT BY LEVEL <= n over one row: a generator of numbers. No other hierarchy."""
        test = select.connect
        if (
            not isinstance(test, tree.Comparison)
            or test.op not in ("<", "<=")
            or not isinstance(test.left, tree.Column)
            or test.left.name not in (("LEVEL",), _ROWNUM)
        ):
            raise OraError(3001, "unimplemented feature: CONNECT BY other than LEVEL <= n")
        bound = to_number(self.value(test.right)).sql
        last = f"CAST(ceil({bound}) AS BIGINT) - 1" if test.op == "<" else f"CAST({bound} AS BIGINT)"
        self.scope.level = '"X$LEVEL"."LEVEL"'
        series = f'SELECT unnest(generate_series(1, greatest({last}, 1))) AS "LEVEL"'
        return f'{from_sql} CROSS JOIN ({series}) AS "X$LEVEL"'

    def _lock(self, body: str, top: Result) -> None:
        for source in self.scope.sources:
            if source.object_id:
                alias = quoted(source.alias)
                table = f"{source.owner}.{source.table}"
                top.locks.append((table, f'SELECT {alias}."X$ID", {alias}."X$E" FROM {body}'))

    def _numbered(self, body: str, limits: list[tree.Expr], *, shown: bool) -> str:
        """ROWNUM counts rows as WHERE lets them through, ahead of grouping and ordering."""
        tops = [self._upper_bound(limit) for limit in limits]
        limit = f" LIMIT least({', '.join(tops)})" if len(tops) > 1 else f" LIMIT {tops[0]}" if tops else ""
        number = ', row_number() OVER () AS "X$ROWNUM"' if shown else ""
        sources = self.scope.sources
        if len(sources) == 1:
            alias = quoted(sources[0].alias)
            level = ', "X$LEVEL"' if self.scope.level else ""
            self.scope.row_number = f'{alias}."X$ROWNUM"'
            return f"(SELECT {alias}.*{level}{number} FROM {body}{limit}) AS {alias}"
        rows = ", ".join([quoted(s.alias) for s in sources] + [quoted(m) for m in self.scope.merged])
        self.scope.row_number = '"X$R"."X$ROWNUM"'
        return f'(SELECT {rows}{number} FROM {body}{limit}) AS "X$R"'

    def _upper_bound(self, node: tree.Expr) -> str:
        if isinstance(node, tree.Comparison) and isinstance(node.left, tree.Column) and node.left.name == _ROWNUM:
            bound = to_number(self.value(node.right)).sql
            if node.op == "<=":
                return f"CAST(greatest(floor({bound}), 0) AS BIGINT)"
            if node.op == "<":
                return f"CAST(greatest(ceil({bound}) - 1, 0) AS BIGINT)"
            if node.op == "=":
                return f"CASE WHEN {bound} = 1 THEN 1 ELSE 0 END"
            if node.op in (">", ">="):  # never true past the first row, whose number stays 1
                return f"CASE WHEN 1 {node.op} {bound} THEN 9223372036854775807 ELSE 0 END"
        raise OraError(3001, "unimplemented feature: this condition on ROWNUM")

    def _items(self, select: tree.Select) -> list[tuple[Typed, Output]]:
        out: list[tuple[Typed, Output]] = []
        for item in select.items:
            if item.expr is None:
                out += [(t, Output(o.name, o.type, o.name, o.nullable)) for o, t in self.scope.stars(item.star_of)]
            else:
                found = self.value(item.expr)
                out.append((found, Output(item.name, found.type, item.name, self._nullable(item.expr))))
        return out

    def _nullable(self, expr: tree.Expr) -> bool:
        if isinstance(expr, tree.Column):
            for source in self.scope.sources:
                if (len(expr.name) == 1 or expr.name[-2] == source.alias) and (o := source.output(expr.name[-1])):
                    return o.nullable
        return True

    def _final(self, items: list[Typed], top: Result | None) -> list[str]:
        """The select items' SQL; for the client in the shape the wire encoding wants."""
        if top is None:
            return [t.sql for t in items]
        sqls, extras = [], []
        for position, item in enumerate(items):
            if item.kind == dt.TSTZ:
                sqls.append(f"({item.sql}).u")
                extras.append(f"x_wire_offset(({item.sql}).z)")
                top.zoned.append(position)
            elif item.kind == dt.TSLTZ:
                sqls.append(f"x_to_zone({item.sql}, $zone)")
            elif item.type.whole and item.type.precision <= _FAST_DIGITS:
                sqls.append(f"CAST({item.sql} AS BIGINT)")
            else:
                sqls.append(item.sql)
        return sqls + extras

    # --- set operations -----------------------------------------------------------------------

    def _combined(self, query: tree.Query, named: Scope, top: Result | None) -> tuple[str, list[Output]]:
        sql, outputs = self._side(query.body, named)
        if query.locking:
            raise OraError(2014, "cannot select FOR UPDATE from view with DISTINCT, GROUP BY, etc.")
        items = [Typed(f'"X$C".{quoted(o.label)}', o.type) for o in outputs]
        sqls = self._final(items, top)
        listed = [f"{s} AS {quoted(o.label)}" for s, o in zip(sqls, outputs, strict=False)] + sqls[len(outputs) :]
        order = self._order(query.order, [o.name for o in outputs], [], by_name_only=True)
        return f'SELECT {", ".join(listed)} FROM ({sql}) AS "X$C"' + self._tail(query, order), outputs

    def _side(self, body: tree.Select | tree.Compound | tree.Query, named: Scope) -> tuple[str, list[Output]]:
        if isinstance(body, tree.Query):
            return self._query(body, named, None)
        if isinstance(body, tree.Select):
            return self._query(tree.Query(body), named, None)
        left, left_outputs = self._side(body.left, named)
        right, right_outputs = self._side(body.right, named)
        if len(left_outputs) != len(right_outputs):
            raise OraError(1789, "query block has incorrect number of result columns")
        kinds = []
        for a, b in zip(left_outputs, right_outputs, strict=True):
            kind = dt.common(a.type, b.type)
            if kind is None:
                raise OraError(1790, "expression must have same datatype as corresponding expression")
            kinds.append(kind)
        word = {"MINUS": "EXCEPT"}.get(body.op, body.op)
        outputs = [Output(o.name, k, o.label) for o, k in zip(left_outputs, kinds, strict=True)]
        first = self._as_kinds(left, left_outputs, kinds, outputs)
        return f"{first} {word} {self._as_kinds(right, right_outputs, kinds, outputs)}", outputs

    def _as_kinds(self, sql: str, have: list[Output], kinds: list[OraType], outputs: list[Output]) -> str:
        converted = []
        for output, kind, out in zip(have, kinds, outputs, strict=True):
            found = Typed(f'"X$S".{quoted(output.label)}', output.type)
            converted.append(f"{self.converted(found, kind)} AS {quoted(out.label)}")
        items = ", ".join(converted)
        return f'SELECT {items} FROM ({sql}) AS "X$S"'

    # --- order and limits ------------------------------------------------------------------------

    def _order(
        self, orders: list[tree.Order], names: list[str], sqls: list[str], *, by_name_only: bool = False
    ) -> list[str]:
        out = []
        for order in orders:
            position = self._position(order.expr, names)
            if position is None:
                if by_name_only:
                    raise OraError(1785, "ORDER BY item must be the number of a SELECT-list expression")
                found = self.value(order.expr)
                position = sqls.index(found.sql) + 1 if found.sql in sqls else None
            out.append(ordered(str(position) if position else sort_key(found), order))
        return out

    @staticmethod
    def _position(expr: tree.Expr, names: list[str]) -> int | None:
        if isinstance(expr, tree.Number) and expr.text.isdigit():
            if not 1 <= int(expr.text) <= len(names):
                raise OraError(1785, "ORDER BY item must be the number of a SELECT-list expression")
            return int(expr.text)
        if isinstance(expr, tree.Column) and len(expr.name) == 1 and names.count(expr.name[0]) == 1:
            return names.index(expr.name[0]) + 1
        return None

    def _tail(self, query: tree.Query, order: list[str]) -> str:
        listed = f" ORDER BY {', '.join(order)}" if order else ""
        limit = query.limit
        if limit is None and query.offset is None:
            return listed
        if limit and limit.percent:
            raise OraError(3001, "unimplemented feature: FETCH ... PERCENT")
        count = to_number(self.value(limit.count)).sql if limit and limit.count else "1"
        rows = f"CAST(greatest(coalesce({count}, 0), 0) AS BIGINT)"
        if limit and limit.ties and order:
            if query.offset is not None or any(o.split()[0].isdigit() for o in order):
                raise OraError(3001, "unimplemented feature: WITH TIES here")
            return f" QUALIFY rank() OVER (ORDER BY {', '.join(order)}) <= {rows}{listed}"
        if limit:
            listed += f" LIMIT {rows}"
        if query.offset is not None:
            skipped = to_number(self.value(query.offset)).sql
            listed += f" OFFSET CAST(greatest(coalesce({skipped}, 0), 0) AS BIGINT)"
        return listed


def _labelled(outputs: list[Output]) -> list[str]:
    """A distinct DuckDB name per column: Oracle lets a result's columns share one."""
    seen: dict[str, int] = {}
    out = []
    for output in outputs:
        seen[output.name] = seen.get(output.name, 0) + 1
        out.append(output.name if seen[output.name] == 1 else f"{output.name}${seen[output.name]}")
    return out
