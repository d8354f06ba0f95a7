"""Runs CREATE, ALTER and TRUNCATE of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.catalog import (
    PUBLIC,
    Constraint,
    Index,
    Sequence,
    Table,
    TableColumn,
)
from tests.standins.oracle.compiler.assignment import assign
from tests.standins.oracle.compiler.changes import Changes
from tests.standins.oracle.compiler.context import Context, place
from tests.standins.oracle.compiler.scope import Output, Scope, Source
from tests.standins.oracle.compiler.translation import parameters
from tests.standins.oracle.compiler.typed import Typed, quoted
from tests.standins.oracle.environment import Environment
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.mvcc import NEVER
from tests.standins.oracle.sequences import HIGHEST, LOWEST, Numbers
from tests.standins.oracle.sql import commands as c
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.statements import parse

if TYPE_CHECKING:
    from tests.standins.oracle.engine import EngineSession


class TableDefinitions:
    """Tables of one session. The caller holds the write lock and has committed."""

    def __init__(self, session: EngineSession) -> None:
        self.session = session
        self.database = session.database
        self.catalog = session.database.catalog
        self.duck = session.database.duck

    def _place(self, name: tree.Name, what: str) -> tuple[str, str]:
        """Where a new object goes, if this user may put it there."""
        owner = name[0] if len(name) > 1 else self.session.schema
        user = self.session.user
        if not self.database.accounts.find(owner) and owner != PUBLIC:
            raise OraError(1918, f"user '{owner}' does not exist")
        allowed = self.catalog.has_system(user, f"CREATE {what}") if owner == user else False
        if not (allowed or self.catalog.has_system(user, f"CREATE ANY {what}")):
            raise OraError(1031, "insufficient privileges")
        return owner, name[-1]

    def _born(self, owner: str, name: str) -> dict[str, object]:
        now = self.database.system_time().replace(microsecond=0)
        return {"owner": owner, "name": name, "id": self.catalog.next_id(), "created": now, "changed": now}

    def _context(self) -> Context:
        s = self.session
        return Context(self.catalog, s.user, s.schema, s.formats, s.dictionary_view)

    # --- tables -------------------------------------------------------------------------------

    def _create_table(self, command: c.CreateTable) -> None:
        owner, name = self._place(command.name, "TABLE")
        if (owner, name) in self.catalog.objects:
            raise OraError(955, "name is already used by an existing object")
        table = Table(**self._born(owner, name), row_dependencies=command.row_dependencies)  # type: ignore[arg-type]
        query = ""
        if command.query:
            query, outputs = Changes(self._context()).block(command.query, None)
            table.columns = columns_of(outputs)
        for definition in command.columns:
            table.columns.append(self._column(table, definition))
        if len({column.name for column in table.columns}) < len(table.columns):
            raise OraError(957, "duplicate column name")
        for given in command.constraints:
            self._constrain(table, given)
        self.put_table(table, query)

    def put_table(self, table: Table, query: str = "") -> None:
        """Add a table, with the rows of a compiled query if there is one."""
        columns = ", ".join(f"{quoted(col.name)} {dt.stored_as(col.type)}" for col in table.columns)
        self.catalog.put(table)
        self.duck.execute(f'CREATE TABLE {table.stored} ("X$ID" BIGINT, "X$T" BIGINT, "X$E" BIGINT, {columns})')
        if query:
            self._fill(table, query.replace(place(0), self.session.snapshot().condition()))

    def _fill(self, table: Table, query: str) -> None:
        """CREATE TABLE ... AS SELECT."""
        transaction = self.database.begin(self.session)
        used = {n: v for n, v in Environment(self.session).values().items() if n in parameters(query)}
        names = ", ".join(quoted(column.name) for column in table.columns)
        casts = ", ".join(f"CAST(c{i} AS {dt.stored_as(col.type)})" for i, col in enumerate(table.columns))
        labels = ", ".join(f"c{i}" for i in range(len(table.columns)))
        self.duck.execute(
            f'INSERT INTO {table.stored} ("X$ID", "X$T", "X$E", {names}) '
            f"SELECT nextval('\"X$SEQ\"'), {transaction.id}, {NEVER}, {casts} FROM ({query}) AS q({labels})",
            used,
        )
        self.database.commit(transaction)

    def _column(self, table: Table, definition: c.ColumnDef) -> TableColumn:
        assert definition.type
        column = TableColumn(
            definition.name, dt.declared(definition.type), definition.required is not True, definition.default
        )
        if definition.identity:
            name = f"ISEQ$$_{table.id}"
            column.identity, column.nullable = self.put_sequence(table.owner, name, {}), False
        return column

    def _constrain(self, table: Table, given: c.Constraint) -> None:
        for name in given.columns:
            table.column(name)
        name = given.name or f"SYS_C{table.id:06}{len(table.constraints)}"
        references = None
        if given.references:
            parent = self.catalog.lookup(given.references, self.session.schema)
            parent = table if given.references[-1] == table.name and parent is None else parent
            if not isinstance(parent, Table):
                raise OraError(942, "table or view does not exist")
            if not any(k.kind == "P" for k in parent.unique_keys()):
                raise OraError(2268, "referenced table does not have a primary key")
            references = parent.key
        if given.kind == "P":
            for column in given.columns:
                table.column(column).nullable = False
        table.constraints.append(Constraint(name, given.kind, given.columns, given.text, references))
        if given.kind in "PU" and (table.owner, name) not in self.catalog.indexes:
            born = self._born(table.owner, name)
            self.catalog.put(Index(**born, table=table.key, columns=given.columns, unique=True))  # type: ignore[arg-type]

    def _own_table(self, name: tree.Name, privilege: str) -> Table:
        table = self.catalog.table(name, self.session.schema)
        if table.owner != self.session.user and not self.catalog.has_system(
            self.session.user, f"{privilege} ANY TABLE"
        ):
            self.catalog.require(self.session.user, "SELECT", table)
            raise OraError(1031, "insufficient privileges")
        for transaction in self.database.ledger.transactions():
            if table.key in transaction.tables:
                raise OraError(54, "resource busy and acquire with NOWAIT specified or timeout expired")
        return table

    def _changed(self, table: Table) -> None:
        table.changed = self.database.system_time().replace(microsecond=0)
        table.changed_scn = self.database.ledger.advance()
        self.catalog.touch()

    def _alter(self, command: c.AlterTable) -> None:
        table = self._own_table(command.name, "ALTER")
        for definition in command.added:
            self._add_column(table, definition)
        for definition in command.modified:
            self._modify_column(table, definition)
        for name in command.dropped:
            column = table.column(name)
            self.duck.execute(f"ALTER TABLE {table.stored} DROP COLUMN {quoted(name)}")
            table.columns.remove(column)
            table.constraints = [k for k in table.constraints if name not in k.columns]
        if command.renamed:
            old, new = command.renamed
            table.column(old).name = new
            self.duck.execute(f"ALTER TABLE {table.stored} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
            for key in table.constraints:
                key.columns = [new if name == old else name for name in key.columns]
        if command.renamed_to:
            self._rename(table, command.renamed_to)
        if command.constraint:
            self._constrain(table, command.constraint)
        if command.dropped_constraint:
            wanted = command.dropped_constraint
            kept = [k for k in table.constraints if k.name != wanted and (wanted != "PRIMARY KEY" or k.kind != "P")]
            if len(kept) == len(table.constraints):
                raise OraError(2443, "Cannot drop constraint - nonexistent constraint")
            table.constraints = kept
        self._changed(table)

    def _value(self, sql: str, table: Table | None = None) -> Typed:
        """A default's expression, or one over a table's columns."""
        compiler = Changes(self._context())
        if table:
            compiler.scope = Scope()
            outputs = [Output(col.name, col.type, col.name) for col in table.columns]
            compiler.scope.add(Source(f"{table.owner}.{table.name}", outputs))
        parsed = parse(f"SELECT {sql} FROM dual")
        assert isinstance(parsed, tree.Query)
        assert isinstance(parsed.body, tree.Select)
        expr = parsed.body.items[0].expr
        assert expr is not None
        return compiler.value(expr)

    def _has_rows(self, table: Table) -> bool:
        return bool(self.duck.execute(f'SELECT 1 FROM {table.stored} WHERE "X$E" = {NEVER} LIMIT 1').fetchall())

    def _add_column(self, table: Table, definition: c.ColumnDef) -> None:
        column = self._column(table, definition)
        if any(known.name == column.name for known in table.columns):
            raise OraError(1430, "column being added already exists in table")
        if not column.nullable and not column.default and self._has_rows(table):
            raise OraError(1758, "table must be empty to add mandatory (NOT NULL) column")
        self.duck.execute(f"ALTER TABLE {table.stored} ADD COLUMN {quoted(column.name)} {dt.stored_as(column.type)}")
        if column.default:
            value = assign(self._value(column.default), column.type, self.session.formats, column.name)
            used = {n: v for n, v in Environment(self.session).values().items() if n in parameters(value)}
            self.duck.execute(f"UPDATE {table.stored} SET {quoted(column.name)} = {value}", used)
        table.columns.append(column)

    def _modify_column(self, table: Table, definition: c.ColumnDef) -> None:
        column = table.column(definition.name)
        if definition.type:
            kind = dt.declared(definition.type)
            old = Typed(quoted(column.name), column.type)
            value = assign(old, kind, self.session.formats, f'"{table.name}"."{column.name}"')
            stored = f"ALTER TABLE {table.stored} ALTER {quoted(column.name)}"
            self.duck.execute(f"{stored} SET DATA TYPE {dt.stored_as(kind)} USING {value}")
            column.type = kind
        if definition.required is not None:
            if (
                definition.required
                and self.duck.execute(
                    f'SELECT 1 FROM {table.stored} WHERE "X$E" = {NEVER} AND {quoted(column.name)} IS NULL LIMIT 1'
                ).fetchall()
            ):
                raise OraError(2296, f"cannot enable ({table.owner}.) - null values found")
            column.nullable = not definition.required
        if definition.default is not None:
            column.default = definition.default

    def _rename(self, table: Table, name: str) -> None:
        if (table.owner, name) in self.catalog.objects:
            raise OraError(955, "name is already used by an existing object")
        old = table.stored
        del self.catalog.objects[table.key]
        table.name = name
        self.duck.execute(f"ALTER TABLE {old} RENAME TO {table.stored}")
        self.catalog.objects[table.key] = table

    def _truncate(self, name: tree.Name) -> None:
        table = self._own_table(name, "DROP")
        self.duck.execute(f"DELETE FROM {table.stored}")
        self._changed(table)

    def put_sequence(self, owner: str, name: str, options: dict[str, int]) -> Sequence:
        up = options.get("increment", 1) > 0
        low, high = options.get("minvalue", 1 if up else LOWEST), options.get("maxvalue", HIGHEST if up else -1)
        numbers = Numbers(options.get("start", low if up else high), low=low, high=high)
        if not low <= numbers.start <= high:
            raise OraError(
                *(
                    (4006, "START WITH cannot be less than MINVALUE")
                    if numbers.start < low
                    else (4008, "START WITH cannot be more than MAXVALUE")
                )
            )
        set_options(numbers, options)
        sequence = Sequence(**self._born(owner, name), numbers=numbers)  # type: ignore[arg-type]
        self.catalog.put(sequence)
        self.duck.execute(f'CREATE SEQUENCE "X$S{sequence.id}"')
        return sequence


def set_options(numbers: Numbers, options: dict[str, int]) -> None:
    """What CREATE or ALTER SEQUENCE says."""
    numbers.increment = options.get("increment", numbers.increment)
    numbers.cache, numbers.ordered = options.get("cache", numbers.cache), bool(options.get("order", numbers.ordered))
    numbers.low, numbers.high = options.get("minvalue", numbers.low), options.get("maxvalue", numbers.high)
    numbers.cycle = bool(options.get("cycle", numbers.cycle))


def columns_of(outputs: list[Output]) -> list[TableColumn]:
    """A query's columns as a table's."""
    return [TableColumn(o.name, storable(o.type), o.nullable) for o in outputs]


def storable(kind: dt.OraType) -> dt.OraType:
    """A computed column's type as a declared one."""
    if kind.kind == dt.UNKNOWN:
        return dt.text_type(1)
    return kind
