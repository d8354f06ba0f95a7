"""INSERT, UPDATE, DELETE and MERGE: each becomes a query for the rows as they are to be.

The engine writes them: it knows about locks, versions and constraints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from tests.standins.oracle.catalog import MaterializedView, Table, TableColumn, View
from tests.standins.oracle.compiler.assignment import assign
from tests.standins.oracle.compiler.expressions import next_of
from tests.standins.oracle.compiler.queries import Queries
from tests.standins.oracle.compiler.scope import Output, Scope, Source
from tests.standins.oracle.compiler.typed import NULL, Typed, quoted, whole
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import changes, tree
from tests.standins.oracle.sql.statements import Change as Parsed
from tests.standins.oracle.sql.statements import parse

# Columns of the query: "X$R" the version's DuckDB rowid, "X$ID" the row, "X$E" who has ended the version.
OLD = '"X$R", "X$ID", "X$E"'


@dataclass(slots=True)
class Change:
    """One write to one table."""

    kind: Literal["INSERT", "UPDATE", "DELETE"]
    table: Table
    rows: str
    """Query for all columns as they are to be; for UPDATE and DELETE with OLD ahead."""
    assigned: set[str] = field(default_factory=set)
    """Columns that change: other columns' constraints hold already."""
    checks: list[tuple[str, str]] = field(default_factory=list)
    """(constraint, condition over the new rows)."""


class Changes(Queries):
    """Compiles DML."""

    def change(self, node: Parsed) -> list[Change]:
        """The writes of a statement, in order."""
        if isinstance(node, changes.Insert):
            return [self._insert(node)]
        if isinstance(node, changes.Update):
            return [self._update(node)]
        if isinstance(node, changes.Delete):
            return [self._delete(node)]
        return self._merge(node)

    def _target(self, ref: tree.TableRef, privilege: str) -> Table:
        found = self.context.catalog.lookup(ref.name, self.context.schema)
        if isinstance(found, View):
            self.context.catalog.require(self.context.user, privilege, found)
            raise OraError(1732, "data manipulation operation not legal on this view", ref.pos)
        if not isinstance(found, Table):
            raise OraError(942, "table or view does not exist", ref.pos)
        self.context.catalog.require(self.context.user, privilege, found)
        if isinstance(found, MaterializedView):
            if not self.context.refreshing:
                raise OraError(1732, "data manipulation operation not legal on this view", ref.pos)
            self.context.cacheable = False
        self.context.tables.add(found.key)
        return found

    def _stored(self, table: Table, column: TableColumn, value: Typed) -> str:
        where = f'"{table.owner}"."{table.name}"."{column.name}"'
        return f"{assign(value, column.type, self.context.formats, where)} AS {quoted(column.name)}"

    def _default(self, column: TableColumn) -> Typed:
        if column.identity:
            return whole(next_of(column.identity.id, self.context))
        if column.default is None:
            return NULL
        parsed = parse(f"SELECT {column.default} FROM dual")
        assert isinstance(parsed, tree.Query)
        assert isinstance(parsed.body, tree.Select)
        expr = parsed.body.items[0].expr
        assert expr is not None
        return self.value(expr)

    def _checks(self, table: Table, assigned: set[str]) -> list[tuple[str, str]]:
        """Conditions of check constraints, over a row source called X$N."""
        found = []
        for constraint in table.constraints:
            if constraint.kind != "C":
                continue
            parsed = parse(f"SELECT 1 FROM dual WHERE {constraint.text}")
            assert isinstance(parsed, tree.Query)
            assert isinstance(parsed.body, tree.Select)
            assert parsed.body.where is not None
            around, self.scope = self.scope, _row_scope(table, "X$N")
            found.append((constraint.name, self.condition(parsed.body.where)))
            self.scope = around
        return found

    # --- INSERT ---------------------------------------------------------------------------

    def _insert(self, node: changes.Insert) -> Change:
        table = self._target(node.table, "INSERT")
        names = node.columns or [c.name for c in table.columns]
        if len(set(names)) < len(names):
            raise OraError(957, "duplicate column name")
        for name in names:
            table.column(name)
        if node.query:
            sql, outputs = self.block(node.query, None)
            self._count(len(names), len(outputs))
            values: list[Typed | None] = [Typed(f'"X$Q".{quoted(o.label)}', o.type) for o in outputs]
            rows = f'SELECT {self._row(table, names, values)} FROM ({sql}) AS "X$Q"'
        else:
            assert node.values is not None
            rows = self._values(table, names, node.values)
        return Change("INSERT", table, rows, {c.name for c in table.columns}, self._checks(table, set(names)))

    @staticmethod
    def _count(columns: int, values: int) -> None:
        if columns != values:
            raise OraError(
                947 if values < columns else 913, "not enough values" if values < columns else "too many values"
            )

    def _row(self, table: Table, names: list[str], values: list[Typed | None]) -> str:
        """The select list of a whole row: given values, defaults for the rest."""
        given = dict(zip(names, values, strict=True))
        parts = []
        for column in table.columns:
            value = given.get(column.name)
            parts.append(self._stored(table, column, value if value is not None else self._default(column)))
        return ", ".join(parts)

    def _values(self, table: Table, names: list[str], values: list[tree.Expr | None]) -> str:
        self._count(len(names), len(values))
        self.context.row_sequences, self.context.valued = {}, True
        self.context.batch = self.context.array and bool(self.context.bind_types)
        typed = [self.value(v) if v is not None else None for v in values]
        row = self._row(table, names, typed)
        sequences = self.context.row_sequences
        self.context.row_sequences = None
        source = "SELECT 1 AS one"
        if self.context.batch:
            used = sorted(set(re.findall(r'"X\$B"\."([bz]\d+)"', row)), key=lambda n: (n[0], int(n[1:])))
            used = used or ["b1"]  # binds that no column takes still tell how many rows there are
            source = "SELECT " + ", ".join(f'unnest($l{name}) AS "{name}"' for name in used)
        if sequences:
            numbers = ", ".join(f"{next_of(number, self.context)} AS {label}" for number, label in sequences.items())
            source = f'SELECT *, {numbers} FROM ({source}) AS "X$V"'
        return f'SELECT {row} FROM ({source}) AS "X$B"'

    # --- UPDATE, DELETE -----------------------------------------------------------------------

    def _versions(self, table: Table, alias: str) -> str:
        """The versions that the statement sees, as a row source; the scope learns its columns."""
        self.scope.add(_row_source(table, alias))
        scn = ', (SELECT s.scn FROM "X$TX" AS s WHERE s.txid = "X$T") AS "X$SCN"' if self.context.row_scns else ""
        visible = self.context.snapshot(None)
        return f'(SELECT *, rowid AS "X$R"{scn} FROM {table.stored} WHERE {visible}) AS {quoted(alias)}'

    def _update(self, node: changes.Update) -> Change:
        table = self._target(node.table, "UPDATE")
        alias = node.table.alias or table.name
        self.scope = Scope()
        source = self._versions(table, alias)
        row = self._updated(table, alias, node.assignments)
        where = f" WHERE {self.condition(node.where)}" if node.where else ""
        assigned = {name for a in node.assignments for name in a.columns}
        rows = f"SELECT {_old(alias)}, {row} FROM {source}{where}"
        return Change("UPDATE", table, rows, assigned, self._checks(table, assigned))

    def _updated(self, table: Table, alias: str, assignments: list[changes.Assignment]) -> str:
        new: dict[str, Typed] = {}
        for assignment in assignments:
            columns = [table.column(name) for name in assignment.columns]
            if len(columns) == 1:
                value = assignment.value
                new[columns[0].name] = self._default(columns[0]) if value is None else self.value(value)
                continue
            if not isinstance(assignment.value, tree.Scalar):
                raise OraError(1767, "UPDATE ... SET expression must be a subquery")
            sql, types = self.subquery(assignment.value.query)
            self._count(len(columns), len(types))
            labels = ", ".join(f'"c{i}"' for i in range(len(types)))
            fields = ", ".join(f"'c{i}': \"c{i}\"" for i in range(len(types)))
            one = f'(SELECT {{{fields}}} FROM ({sql}) AS "X$Q"({labels}))'
            for i, (column, kind) in enumerate(zip(columns, types, strict=True)):
                new[column.name] = Typed(f'{one}."c{i}"', kind)
        parts = []
        for column in table.columns:
            if column.name in new:
                parts.append(self._stored(table, column, new[column.name]))
            else:
                parts.append(f"{quoted(alias)}.{quoted(column.name)} AS {quoted(column.name)}")
        return ", ".join(parts)

    def _delete(self, node: changes.Delete) -> Change:
        table = self._target(node.table, "DELETE")
        alias = node.table.alias or table.name
        self.scope = Scope()
        source = self._versions(table, alias)
        where = f" WHERE {self.condition(node.where)}" if node.where else ""
        names = ", ".join(f"{quoted(alias)}.{quoted(c.name)}" for c in table.columns)
        return Change("DELETE", table, f"SELECT {_old(alias)}, {names} FROM {source}{where}")

    # --- MERGE ------------------------------------------------------------------------------------

    def _merge(self, node: changes.Merge) -> list[Change]:
        """Matched rows are updated, then the source's others inserted."""
        if node.delete_where is not None:
            raise OraError(3001, "unimplemented feature: MERGE ... DELETE WHERE")
        out = []
        if node.assignments:
            table = self._target(node.table, "UPDATE")
            alias = node.table.alias or table.name
            self.scope = Scope()
            target = self._versions(table, alias)
            source = self.source(node.source)
            row = self._updated(table, alias, node.assignments)
            where = f" WHERE {self.condition(node.update_where)}" if node.update_where else ""
            rows = f"SELECT {_old(alias)}, {row} FROM {target} JOIN {source} ON {self.condition(node.on)}{where}"
            assigned = {name for a in node.assignments for name in a.columns}
            out.append(Change("UPDATE", table, rows, assigned, self._checks(table, assigned)))
        if node.insert_values is not None:
            out.append(self._merge_insert(node))
        return out

    def _merge_insert(self, node: changes.Merge) -> Change:
        table = self._target(node.table, "INSERT")
        self.scope = Scope()
        source = self.source(node.source)
        names = node.insert_columns or [c.name for c in table.columns]
        self._count(len(names), len(node.insert_values or []))
        values = [self.value(v) if v is not None else None for v in node.insert_values or []]
        row = self._row(table, names, values)
        where = f" AND {self.condition(node.insert_where)}" if node.insert_where else ""
        outer, self.scope = self.scope, Scope(self.scope)
        target = self._versions(table, node.table.alias or table.name)
        unmatched = f"NOT EXISTS (SELECT 1 FROM {target} WHERE {self.condition(node.on)})"
        self.scope = outer
        assigned = {c.name for c in table.columns}
        return Change(
            "INSERT",
            table,
            f"SELECT {row} FROM {source} WHERE {unmatched}{where}",
            assigned,
            self._checks(table, assigned),
        )


def _old(alias: str) -> str:
    a = quoted(alias)
    return f'{a}."X$R" AS "X$R", {a}."X$ID" AS "X$ID", {a}."X$E" AS "X$E"'


def _row_source(table: Table, alias: str) -> Source:
    outputs = [Output(c.name, c.type, c.name, c.nullable) for c in table.columns]
    return Source(alias, outputs, table.owner, table.name, table.id)


def _row_scope(table: Table, alias: str) -> Scope:
    scope = Scope()
    scope.add(_row_source(table, alias))
    return scope
