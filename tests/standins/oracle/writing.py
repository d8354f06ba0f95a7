"""Writes row versions: locks, constraints, then the change itself.

Runs inside one DuckDB transaction per statement, with the database's write lock held, so
that what is checked still holds when it is written, and a failure leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.standins.oracle.catalog import Constraint, Table, TableColumn
from tests.standins.oracle.compiler.typed import quoted
from tests.standins.oracle.environment import used_values
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.mvcc import NEVER, Blocked, Ledger, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from tests.standins.oracle.catalog import Catalog
    from tests.standins.oracle.compiler.changes import Change

# What the new rows are like: how many, the last row's identity, how many versions they replace, who has ended those.
_OLD = f'count(DISTINCT "X$R"), coalesce(list(DISTINCT "X$E") FILTER ("X$E" <> {NEVER}), [])'
_FACTS = {
    "INSERT": 'SELECT count(*), max("X$ID"), 0, []',
    "UPDATE": f'SELECT count(*), max("X$ID"), {_OLD}',
    "DELETE": f'SELECT count(*), max("X$ID"), {_OLD}',
}


class Writer:
    """Writes one statement's changes for one session."""

    def __init__(
        self,
        duck: duckdb.DuckDBPyConnection,
        catalog: Catalog,
        ledger: Ledger,
        begin: Callable[[], Transaction],
        *,
        fixed: bool,
    ) -> None:
        self.duck, self.catalog, self.ledger = duck, catalog, ledger
        self._fixed = fixed  # the snapshot is the transaction's, not the statement's
        self._begin = begin
        self.transaction: Transaction | None = None
        self.last_row: tuple[int, int] | None = None
        """(object id, X$ID) of the last row written."""

    def write(self, change: Change, rows_sql: str, params: dict[str, Any]) -> int:
        """Write one change; returns the number of rows. Raises Blocked where others hold rows."""
        table = change.table
        if change.kind == "INSERT":
            rows_sql = f'SELECT nextval(\'"X$SEQ"\') AS "X$ID", n.* FROM ({rows_sql}) AS n'
        self.duck.execute(f'CREATE OR REPLACE TEMP TABLE "X$NEW" AS {rows_sql}', used_values(rows_sql, params))
        required = [c for c in table.columns if not c.nullable and c.name in change.assigned]
        found = self._one(
            _FACTS[change.kind] + "".join(f", count({quoted(c.name)})" for c in required) + ' FROM "X$NEW"'
        )
        count, last, versions, enders, *filled = found
        if holder := self.ledger.table_holder(table.stored, self.transaction):
            raise Blocked(holder.ids)
        if not count:
            return 0
        if change.kind != "INSERT":
            self._require_free(table, twice=versions < count, enders=set(enders))
        if change.kind != "DELETE":
            empty = [column for column, values in zip(required, filled, strict=True) if values < count]
            self._check_rows(change, params, empty)
            for key in table.unique_keys():
                if change.assigned.intersection(key.columns):
                    self._check_key(table, key, updating=change.kind == "UPDATE", several=count > 1)
            self._check_parents(change)
        else:
            self._check_children(table)
        self.transaction = self._begin()
        self._store(change, self.transaction.current)
        self.transaction.tables.add(table.key)
        self.transaction.changed_rows += count
        self.last_row = (table.id, last)
        return int(count)

    def _one(self, sql: str, params: dict[str, Any] | None = None) -> tuple[Any, ...]:
        found = self.duck.execute(sql, params or {}).fetchone()
        assert found is not None
        return found

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self.duck.execute(sql).fetchall()

    def _store(self, change: Change, number: int) -> None:
        stored = change.table.stored
        names = ", ".join(quoted(c.name) for c in change.table.columns)
        if change.kind != "INSERT":
            self.duck.execute(f'UPDATE {stored} SET "X$E" = {number} FROM "X$NEW" AS n WHERE {stored}.rowid = n."X$R"')
        if change.kind != "DELETE":
            self.duck.execute(
                f'INSERT INTO {stored} ("X$ID", "X$T", "X$E", {names}) '
                f'SELECT "X$ID", {number}, {NEVER}, {names} FROM "X$NEW"'
            )

    # --- locks --------------------------------------------------------------------------

    def _require_free(self, table: Table, *, twice: bool, enders: set[int]) -> None:
        """Rows to change must not be held by others, nor changed since a fixed snapshot."""
        if twice:
            raise OraError(30926, "unable to get a stable set of rows in the source tables")
        if enders and not (self._fixed and enders - self.ledger.others(self.transaction)):
            raise Blocked(enders)  # one that has committed since the snapshot is no longer waited for
        if enders:
            raise OraError(8177, "can't serialize access for this transaction")
        if locked := self.ledger.locked_rows(table.stored, self.transaction):
            ids = {row[0] for row in self._all('SELECT "X$ID" FROM "X$NEW"')}
            if held := {by for row, by in locked.items() if row in ids}:
                raise Blocked(held)

    # --- constraints ----------------------------------------------------------------------

    def _check_rows(self, change: Change, params: dict[str, Any], empty: list[TableColumn]) -> None:
        """`empty`: columns that must not be NULL, and are in some row."""
        table = change.table
        if empty:
            where = f'("{table.owner}"."{table.name}"."{empty[0].name}")'
            if change.kind == "INSERT":
                raise OraError(1400, f"cannot insert NULL into {where}")
            raise OraError(1407, f"cannot update {where} to NULL")
        for name, condition in change.checks:
            if self._one(
                f'SELECT count(*) FROM "X$NEW" AS "X$N" WHERE NOT ({condition})', used_values(condition, params)
            )[0]:
                raise OraError(2290, f"check constraint ({table.owner}.{name}) violated")

    def _check_key(self, table: Table, key: Constraint, *, updating: bool, several: bool) -> None:
        """Uniqueness among the new rows, and against all versions that live or may come to life."""
        fault = OraError(1, f"unique constraint ({table.owner}.{key.name}) violated")
        names = [quoted(c) for c in key.columns]
        some = " OR ".join(f"{n} IS NOT NULL" for n in names)
        if several and self._all(
            f'SELECT 1 FROM "X$NEW" WHERE {some} GROUP BY {", ".join(names)} HAVING count(*) > 1 LIMIT 1'
        ):
            raise fault
        others = self.ledger.others(self.transaction)
        alive = f't."X$E" = {NEVER}'
        if others:
            alive = f'({alive} OR t."X$E" IN ({", ".join(map(str, sorted(others)))}))'
        same = " AND ".join(f"t.{n} IS NOT DISTINCT FROM n.{n}" for n in names)
        if key.kind == "P" or len(names) == 1:
            same = same.replace("IS NOT DISTINCT FROM", "=")
        replaced = ' AND t.rowid NOT IN (SELECT "X$R" FROM "X$NEW")' if updating else ""
        found = self._all(
            f'SELECT DISTINCT t."X$T", t."X$E" FROM {table.stored} AS t JOIN "X$NEW" AS n ON {same} '
            f"WHERE {alive} AND ({' OR '.join(f't.{n} IS NOT NULL' for n in names)}){replaced}"
        )
        if any(writer not in others and ender not in others for writer, ender in found):
            raise fault
        if found:
            raise Blocked({number for pair in found for number in pair if number in others})

    def _check_parents(self, change: Change) -> None:
        for constraint in change.table.constraints:
            if constraint.kind != "R" or not change.assigned.intersection(constraint.columns):
                continue
            assert constraint.references
            parent = self.catalog.table(constraint.references, constraint.references[0])
            key = next((c.columns for c in parent.unique_keys() if c.kind == "P"), [])
            same = " AND ".join(f"p.{quoted(k)} = n.{quoted(c)}" for k, c in zip(key, constraint.columns, strict=True))
            given = " AND ".join(f"n.{quoted(c)} IS NOT NULL" for c in constraint.columns)
            orphans = (
                f'SELECT 1 FROM "X$NEW" AS n WHERE {given} AND NOT EXISTS '
                f'(SELECT 1 FROM {parent.stored} AS p WHERE p."X$E" = {NEVER} AND {same}) LIMIT 1'
            )
            if self._all(orphans):
                name = f"{change.table.owner}.{constraint.name}"
                raise OraError(2291, f"integrity constraint ({name}) violated - parent key not found")

    def _check_children(self, table: Table) -> None:
        key = next((c.columns for c in table.unique_keys() if c.kind == "P"), [])
        for child in self.catalog.of_kind(Table):
            for constraint in child.constraints:
                if constraint.kind != "R" or constraint.references != table.key:
                    continue
                same = " AND ".join(
                    f"c.{quoted(c)} = n.{quoted(k)}" for k, c in zip(key, constraint.columns, strict=True)
                )
                if self._all(
                    f'SELECT 1 FROM {child.stored} AS c JOIN "X$NEW" AS n ON {same} WHERE c."X$E" = {NEVER} LIMIT 1'
                ):
                    name = f"{child.owner}.{constraint.name}"
                    raise OraError(2292, f"integrity constraint ({name}) violated - child record found")


def undo(duck: duckdb.DuckDBPyConnection, tables: list[Table], ids: list[int]) -> None:
    """Remove the versions of these transaction ids, and revive what they ended."""
    listed = ", ".join(map(str, ids))
    duck.execute("BEGIN")
    for table in tables:
        duck.execute(f'DELETE FROM {table.stored} WHERE "X$T" IN ({listed})')
        duck.execute(f'UPDATE {table.stored} SET "X$E" = {NEVER} WHERE "X$E" IN ({listed})')
    duck.execute("COMMIT")
