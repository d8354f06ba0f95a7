"""Runs CREATE, ALTER, DROP and TRUNCATE of tables, views, sequences, indexes and synonyms."""

from __future__ import annotations

from tests.standins.oracle.catalog import (
    PUBLIC,
    Constraint,
    Index,
    SchemaObject,
    Sequence,
    Synonym,
    Table,
    TableColumn,
    View,
)
from tests.standins.oracle.compiler.changes import Changes
from tests.standins.oracle.compiler.typed import quoted
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import commands as c
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.statements import parse
from tests.standins.oracle.tabledefinitions import TableDefinitions, storable

_KINDS: dict[str, type[SchemaObject]] = {
    "TABLE": Table,
    "VIEW": View,
    "SEQUENCE": Sequence,
    "SYNONYM": Synonym,
    "INDEX": Index,
}
_MISSING = {"SEQUENCE": (2289, "sequence does not exist"), "INDEX": (1418, "specified index does not exist")}
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

    def _sequence(self, command: c.CreateSequence) -> None:
        if not command.alter:
            owner, name = self._place(command.name, "SEQUENCE")
            self.put_sequence(owner, name, command.options)
            return
        found = self.catalog.lookup(command.name, self.session.schema)
        if not isinstance(found, Sequence):
            raise OraError(2289, "sequence does not exist")
        if "cache" in command.options:
            found.cache = command.options["cache"]
        if "start" in command.options or "increment" in command.options:
            raise OraError(3001, "unimplemented feature: ALTER SEQUENCE of start or increment")
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
        target = command.target if len(command.target) > 1 else (self.session.schema, command.target[0])
        self.catalog.put(Synonym(**self._born(owner, last), target=(target[-2], target[-1])))  # type: ignore[arg-type]

    def _drop(self, command: c.Drop) -> None:
        if command.kind == "ROLE":
            self.catalog.roles.discard(command.name[-1])
            self.catalog.touch()
            return
        owner = PUBLIC if command.public else command.name[0] if len(command.name) > 1 else self.session.schema
        key = (owner, command.name[-1])
        found = self.catalog.indexes.get(key) if command.kind == "INDEX" else self.catalog.objects.get(key)
        if found is None or not isinstance(found, _KINDS[command.kind]):
            raise OraError(*_MISSING.get(command.kind, (942, "table or view does not exist")))
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
            self.duck.execute(f"DROP SEQUENCE {quoted(thing.stored)}")
        elif isinstance(thing, Index) and thing.table in self.catalog.objects:
            table = self.catalog.table(thing.table, thing.table[0])
            table.constraints = [k for k in table.constraints if (k.name, k.text) != (thing.name, "INDEX")]
        self.catalog.remove(thing)
