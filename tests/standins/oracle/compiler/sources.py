"""FROM: tables, views, dictionary views, derived tables, joins."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.catalog import SYS, Reference, SchemaObject, Synonym, Table
from tests.standins.oracle.catalog import View as StoredView
from tests.standins.oracle.compiler.expressions import Expressions
from tests.standins.oracle.compiler.scope import Output, Scope, Source
from tests.standins.oracle.compiler.typed import literal, quoted
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.statements import parse
from tests.standins.oracle.sql.walk import columns
from tests.standins.oracle.values import ROWS_PER_BLOCK

if TYPE_CHECKING:
    from tests.standins.oracle.compiler.context import View


class Sources(Expressions):
    """Adds what FROM names to the scope and returns its SQL."""

    _inside_view = False

    def block(self, query: tree.Query, parent: Scope | None) -> tuple[str, list[Output]]:
        """A query's SQL and columns."""
        raise NotImplementedError

    def from_clause(self, sources: list[tree.Source], conditions: list[tree.Expr]) -> tuple[str, list[tree.Expr]]:
        """FROM's SQL, and the conditions left for WHERE: those with (+) become outer joins."""
        marked = [c for c in conditions if any(column.outer for column in columns(c))]
        if not marked:
            return ", ".join(self.source(s) for s in sources), conditions
        if any(isinstance(s, tree.Join) for s in sources):
            raise OraError(25156, "old style outer join (+) cannot be used with ANSI joins")
        return self._marked(sources, marked), [c for c in conditions if c not in marked]

    def _marked(self, sources: list[tree.Source], marked: list[tree.Expr]) -> str:
        placed_sql: list[str] = []
        aliases = []
        for source in sources:
            placed_sql.append(self.source(source))
            aliases.append(self.scope.sources[-1].alias)
        joins: dict[str, list[tree.Expr]] = {}
        needs: dict[str, set[str]] = {}
        for condition in marked:
            outer = {self._alias_of(c) for c in columns(condition) if c.outer}
            if len(outer) != 1:
                raise OraError(1468, "a predicate may reference only one outer-joined table")
            alias = outer.pop()
            joins.setdefault(alias, []).append(condition)
            needs.setdefault(alias, set()).update({self._alias_of(c) for c in columns(condition)} - {alias})
        out = " CROSS JOIN ".join(s for s, a in zip(placed_sql, aliases, strict=True) if a not in joins)
        placed = {a for a in aliases if a not in joins}
        while waiting := [a for a in aliases if a not in placed]:
            ready = [a for a in waiting if needs[a] <= placed]
            if not ready:
                raise OraError(1416, "two tables cannot be outer-joined to each other")
            for alias in ready:
                condition_sql = " AND ".join(self.condition(c) for c in joins[alias])
                out += f" LEFT JOIN {placed_sql[aliases.index(alias)]} ON {condition_sql}"
                placed.add(alias)
        return out

    def _alias_of(self, column: tree.Column) -> str:
        for source in self.scope.sources:
            if len(column.name) > 1:
                if column.name[-2] == source.alias:
                    return source.alias
            elif source.output(column.name[0]):
                return source.alias
        return ""

    def source(self, node: tree.Source) -> str:
        """One source's SQL; the scope learns its columns."""
        if isinstance(node, tree.Join):
            return self._join(node)
        if isinstance(node, tree.Derived):
            sql, outputs = self.block(node.query, self.scope if node.lateral else self.scope.parent)
            alias = node.alias or f"X${len(self.scope.sources)}"
            self.scope.add(Source(alias, outputs))
            return f"{'LATERAL ' if node.lateral else ''}({sql}) AS {quoted(alias)}"
        return self._named(node)

    def _join(self, node: tree.Join) -> str:
        before = len(self.scope.sources)
        left = self.source(node.left)
        middle = len(self.scope.sources)
        right = self.source(node.right)
        using = node.using
        if node.natural:
            lefts = [o.name for s in self.scope.sources[before:middle] for o in s.outputs]
            rights = {o.name for s in self.scope.sources[middle:] for o in s.outputs}
            using = [name for name in lefts if name in rights]
        word = {"INNER": "JOIN", "CROSS": "CROSS JOIN"}.get(node.kind, f"{node.kind} JOIN")
        if using:
            for name in using:
                output = next((o for s in self.scope.sources[before:middle] for o in s.outputs if o.name == name), None)
                if output is None:
                    raise OraError(904, f'"{name}": invalid identifier')
                self.scope.merged[name] = output.type
            return f"({left} {word} {right} USING ({', '.join(quoted(n) for n in using)}))"
        if node.on is not None:
            return f"({left} {word} {right} ON {self.condition(node.on)})"
        return f"({left} CROSS JOIN {right})"

    def _named(self, node: tree.TableRef) -> str:
        name, alias = node.name, node.alias or node.name[-1]
        if len(name) == 1 and (outputs := self.scope.cte(name[0])) is not None:
            self.scope.add(Source(alias, outputs))
            return f"{quoted(name[0])} AS {quoted(alias)}"
        if name[-1] == "DUAL" and name[:-1] in ((), (SYS,)):
            self.scope.add(Source(alias, [Output("DUMMY", dt.text_type(1), "DUMMY")]))
            return f"(SELECT 'X' AS \"DUMMY\") AS {quoted(alias)}"
        if node.link:
            return self._remote(node.link, name, node, alias)
        found = self._referred(name)
        try:
            if isinstance(found, Synonym):
                return self._remote(found.link, found.target if found.target[0] else found.target[1:], node, alias)
            if isinstance(found, Table | StoredView):
                self.context.catalog.require(self.context.user, "SELECT", found)
                return self._protected(found, node, alias)
            if name[:-1] in ((), (SYS,)) and (view := self.context.dictionary(name[-1], self.context.user)):
                self.context.cacheable = False
                self.scope.add(Source(alias, [Output(n, t, n) for n, t in view.columns.items()]))
                return f"({_listed(view)}) AS {quoted(alias)}"
        except OraError as error:
            error.offset = error.offset or node.pos
            raise
        raise OraError(942, "table or view does not exist", node.pos)

    def _referred(self, name: tree.Name) -> SchemaObject | None:
        """The object a name means; a query's own names are noted."""
        catalog, schema = self.context.catalog, self.context.schema
        found = catalog.lookup(name, schema)
        if not self._inside_view:
            self.context.reads |= {Reference(*o.key) for o in (catalog.named(name, schema), found) if o}
        return found

    def _remote(self, link: str, name: tree.Name, node: tree.TableRef, alias: str) -> str:
        """Over a database link, which leads back here: names and rights are those of the link's user."""
        context = self.context
        remote = context.catalog.link(link, context.user).user or context.user
        if not self._inside_view:
            context.reads.add(Reference(name[0] if len(name) > 1 else "", name[-1], link))
        found = context.catalog.lookup(name, remote)
        if not isinstance(found, Table | StoredView):
            raise OraError(942, "table or view does not exist", node.pos)
        context.catalog.require(remote, "SELECT", found)
        user, context.user = context.user, remote
        inside, self._inside_view = self._inside_view, True
        try:
            return self._protected(found, node, alias)
        finally:
            context.user, self._inside_view = user, inside

    def _protected(self, found: Table | StoredView, node: tree.TableRef, alias: str) -> str:
        """A table or view, less the rows that a security policy hides."""
        sql = self._table(found, node, alias) if isinstance(found, Table) else self._view(found, alias)
        policy = self.context.catalog.policies.get(found.key)
        if policy is None or self.context.user == SYS:
            return sql
        parsed = parse(f"SELECT 1 FROM dual WHERE {policy}")
        assert isinstance(parsed, tree.Query)
        assert isinstance(parsed.body, tree.Select)
        assert parsed.body.where is not None
        around, self.scope = self.scope, Scope()
        self.scope.add(around.sources[-1])
        condition = self.condition(parsed.body.where)
        self.scope = around
        return f"(SELECT {quoted(alias)}.* FROM {sql} WHERE {condition}) AS {quoted(alias)}"

    def _table(self, table: Table, node: tree.TableRef, alias: str) -> str:
        self.context.tables.add(table.key)
        as_of = (node.as_of[0], self.value(node.as_of[1])) if node.as_of else None
        names = ", ".join(quoted(c.name) for c in table.columns)
        body = f'SELECT {names}, "X$ID", "X$T", "X$E" FROM {table.stored} WHERE {self.context.snapshot(as_of)}'
        if self.context.row_scns:
            scn = "s.scn" if table.row_dependencies else f'max(s.scn) OVER (PARTITION BY t."X$ID" // {ROWS_PER_BLOCK})'
            body = f'SELECT t.*, {scn} AS "X$SCN" FROM ({body}) AS t LEFT JOIN "X$TX" AS s ON s.txid = t."X$T"'
        outputs = [Output(c.name, c.type, c.name, c.nullable) for c in table.columns]
        self.scope.add(Source(alias, outputs, table.owner, table.name, table.id))
        return f"({body}) AS {quoted(alias)}"

    def _view(self, view: StoredView, alias: str) -> str:
        context = self.context
        user, schema, scope = context.user, context.schema, self.scope
        inside, self._inside_view = self._inside_view, True
        context.user = context.schema = view.owner  # a view reads with its owner's rights
        try:
            parsed = parse(view.text)
            assert isinstance(parsed, tree.Query)
            self.scope = Scope()
            sql, outputs = self.block(parsed, None)
        except OraError as error:
            raise OraError(4063, f'view "{view.owner}.{view.name}" has errors') from error
        finally:
            context.user, context.schema, self.scope = user, schema, scope
            self._inside_view = inside
        renamed = [Output(c.name, o.type, o.label, c.nullable) for c, o in zip(view.columns, outputs, strict=True)]
        self.scope.add(Source(alias, renamed, view.owner, view.name))
        return f"({sql}) AS {quoted(alias)}"


def _listed(view: View) -> str:
    """A dictionary view's rows as SQL."""
    kinds = {n: dt.stored_as(t) if t.kind != dt.NUMBER else "DECIMAL(38, 10)" for n, t in view.columns.items()}
    if not view.rows:
        return "SELECT " + ", ".join(f"CAST(NULL AS {k}) AS {quoted(n)}" for n, k in kinds.items()) + " WHERE false"
    rows = ", ".join("(" + ", ".join(_constant(row.get(n)) for n in kinds) + ")" for row in view.rows)
    names = ", ".join(quoted(n) for n in kinds)
    casts = ", ".join(f"CAST({quoted(n)} AS {k}) AS {quoted(n)}" for n, k in kinds.items())
    return f"SELECT {casts} FROM (VALUES {rows}) AS v({names})"


def _constant(item: Any) -> str:
    if item is None or item == "":
        return "NULL"
    if isinstance(item, datetime):
        return f"TIMESTAMP '{item:%Y-%m-%d %H:%M:%S.%f}'"
    if isinstance(item, int | float | Decimal):
        return str(item)
    if isinstance(item, bytes):
        return f"unhex('{item.hex()}')"
    return literal(str(item))
