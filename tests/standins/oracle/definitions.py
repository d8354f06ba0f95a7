"""Runs CREATE, ALTER, DROP and TRUNCATE of tables, views, sequences, indexes and synonyms."""

from __future__ import annotations

from typing import Any

from tests.standins.oracle.catalog import (
    PUBLIC,
    Constraint,
    Index,
    Link,
    MaterializedView,
    SchemaObject,
    Sequence,
    Synonym,
    Table,
    TableColumn,
    View,
)
from tests.standins.oracle.compiler.changes import Changes
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import commands as c
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.statements import parse
from tests.standins.oracle.tabledefinitions import TableDefinitions, columns_of, set_options, storable

_KINDS: dict[str, type[SchemaObject]] = {
    "TABLE": Table,
    "VIEW": View,
    "SEQUENCE": Sequence,
    "SYNONYM": Synonym,
    "INDEX": Index,
    "MATERIALIZED VIEW": MaterializedView,
    "DATABASE LINK": Link,
}
_MISSING = {"SEQUENCE": (2289, "sequence does not exist"), "INDEX": (1418, "specified index does not exist")}
_MISSING["MATERIALIZED VIEW"] = (12003, "materialized view does not exist")
_MISSING["DATABASE LINK"] = (2024, "database link not found")
_MISSING["SYNONYM"] = (1434, "private synonym to be dropped does not exist")


class Definitions(TableDefinitions):
    """All definitions of one session."""

    def run(self, command: c.Command) -> None:
        match command:
            case c.CreateTable():
                self._create_table(command)
            case c.CreateView():
                self._create_view(command)
            case c.CreateSequence():
                self._sequence(command)
            case c.CreateIndex():
                self._create_index(command)
            case c.CreateSynonym():
                self._create_synonym(command)
            case c.CreateMaterializedView():
                self._create_materialized_view(command)
            case c.CreateLink():
                owner = PUBLIC if command.public else self._place((command.name,), "DATABASE LINK")[0]
                self.catalog.put(Link(**self._born(owner, command.name), user=command.user, host=command.host))  # type: ignore[arg-type]
            case c.AlterTable():
                self._alter(command)
            case c.Drop():
                self._drop(command)
            case c.Truncate(name):
                self._truncate(name)
            case _:
                raise OraError(3001, f"unimplemented feature: {type(command).__name__}")

    # --- the rest ---------------------------------------------------------------------------------

    def _create_view(self, command: c.CreateView) -> None:
        owner, name = self._place(command.name, "VIEW")
        old = self.catalog.objects.get((owner, name))
        if old and not (command.replace and isinstance(old, View)):
            raise OraError(955, "name is already used by an existing object")
        parsed = parse(command.text)
        assert isinstance(parsed, tree.Query)
        context = self._context()
        context.user = context.schema = owner
        _, outputs = Changes(context).block(parsed, None)
        names = command.columns or [o.name for o in outputs]
        if len(names) != len(outputs):
            raise OraError(1730, "invalid number of column names specified")
        if len(set(names)) < len(names):
            raise OraError(957, "duplicate column name")
        for n in names:
            if not command.columns and not n.replace("_", "").replace("$", "").replace("#", "").isalnum():
                raise OraError(998, "must name this expression with a column alias")
        view = View(**self._born(owner, name), text=command.text)  # type: ignore[arg-type]
        view.columns = [TableColumn(n, storable(o.type), o.nullable) for n, o in zip(names, outputs, strict=True)]
        view.reads = sorted(context.reads)
        if old:
            view.id, view.created = old.id, old.created
            del self.catalog.objects[old.key]
        self.catalog.put(view)

    def _create_materialized_view(self, command: c.CreateMaterializedView) -> None:
        owner, name = self._place(command.name, "MATERIALIZED VIEW")
        parsed = parse(command.text)
        assert isinstance(parsed, tree.Query)
        context = self._context()
        context.user = context.schema = owner
        sql, outputs = Changes(context).block(parsed, None)
        view = MaterializedView(**self._born(owner, name), text=command.text, method=command.method)  # type: ignore[arg-type]
        view.columns = columns_of(outputs)
        for column, wanted in zip(view.columns, command.columns, strict=False):
            column.name = wanted
        view.reads = sorted(context.reads)
        self.put_table(view, sql if command.filled else "")
        view.refreshed = view.created if command.filled else None

    def refresh(self, view: MaterializedView) -> None:
        """Make its rows anew, in one transaction (DBMS_MVIEW.REFRESH, which is atomic unless told otherwise)."""
        self.session.refreshing = True
        self.session.execute(f"DELETE FROM {view.full_name}", [[]])
        self.session.execute(f"INSERT INTO {view.full_name} {view.text}", [[]])
        self.session.commit()
        view.refreshed = self.database.system_time().replace(microsecond=0)

    def _sequence(self, command: c.CreateSequence) -> None:
        if not command.alter:
            owner, name = self._place(command.name, "SEQUENCE")
            self.put_sequence(owner, name, command.options)
            return
        found = self.catalog.lookup(command.name, self.session.schema)
        if not isinstance(found, Sequence):
            raise OraError(2289, "sequence does not exist")
        if "start" in command.options and "restart" not in command.options:
            raise OraError(2283, "cannot alter starting sequence number")
        set_options(found.numbers, command.options)
        if "restart" in command.options:
            numbers = found.numbers
            found.numbers.restart(command.options.get("start", numbers.low if numbers.increment > 0 else numbers.high))
        self.catalog.touch()

    def _create_index(self, command: c.CreateIndex) -> None:
        table = self.catalog.table(command.table, self.session.schema)
        owner = command.name[0] if len(command.name) > 1 else self.session.schema
        if table.owner != self.session.user and not self.catalog.has_system(self.session.user, "CREATE ANY INDEX"):
            raise OraError(1031, "insufficient privileges")
        index = Index(**self._born(owner, command.name[-1]), table=table.key)  # type: ignore[arg-type]
        index.columns, index.unique = command.columns, command.unique
        for column in command.columns:
            if column.isidentifier():
                table.column(column)
        self.catalog.put(index)
        if command.unique and all(column.isidentifier() for column in command.columns):
            table.constraints.append(Constraint(index.name, "U", command.columns, text="INDEX"))

    def _create_synonym(self, command: c.CreateSynonym) -> None:
        name = (PUBLIC, command.name[-1]) if command.public else command.name
        what = "PUBLIC SYNONYM" if command.public else "SYNONYM"
        owner, last = (PUBLIC, name[-1]) if command.public else self._place(name, "SYNONYM")
        if command.public and not self.catalog.has_system(self.session.user, f"CREATE {what}"):
            raise OraError(1031, "insufficient privileges")
        old = self.catalog.objects.get((owner, last))
        if old and command.replace and isinstance(old, Synonym):
            del self.catalog.objects[old.key]
        here = "" if command.link else self.session.schema
        target = command.target if len(command.target) > 1 else (here, command.target[0])
        synonym = Synonym(**self._born(owner, last), target=(target[-2], target[-1]), link=command.link)  # type: ignore[arg-type]
        self.catalog.put(synonym)

    def _drop(self, command: c.Drop) -> None:
        if command.kind == "ROLE":
            self.catalog.roles.discard(command.name[-1])
            self.catalog.touch()
            return
        owner = PUBLIC if command.public else command.name[0] if len(command.name) > 1 else self.session.schema
        key = (owner, command.name[-1])
        spaces: dict[str, dict[tuple[str, str], Any]] = {
            "INDEX": self.catalog.indexes,
            "DATABASE LINK": self.catalog.links,
        }
        found = spaces.get(command.kind, self.catalog.objects).get(key)
        if found is None or not isinstance(found, _KINDS[command.kind]):
            raise OraError(*_MISSING.get(command.kind, (942, "table or view does not exist")))
        if isinstance(found, MaterializedView) and command.kind == "TABLE":
            raise OraError(12083, f'must use DROP MATERIALIZED VIEW to drop "{key[0]}"."{key[1]}"')
        if isinstance(found, Table):
            self._own_table(key, "DROP")
        elif owner != self.session.user and not self.catalog.has_system(self.session.user, f"DROP ANY {command.kind}"):
            raise OraError(1031, "insufficient privileges")
        self.remove(found)

    def remove(self, thing: SchemaObject) -> None:
        """Take an object out of catalog and store."""
        if isinstance(thing, Table):
            self.duck.execute(f"DROP TABLE {thing.stored}")
            for column in thing.columns:
                if column.identity:
                    self.remove(column.identity)
        elif isinstance(thing, Sequence):
            self.duck.execute(f'DROP SEQUENCE "X$S{thing.id}"')
        elif isinstance(thing, Index) and thing.table in self.catalog.objects:
            table = self.catalog.table(thing.table, thing.table[0])
            table.constraints = [k for k in table.constraints if (k.name, k.text) != (thing.name, "INDEX")]
        self.catalog.remove(thing)
