"""Parses statements that define things or steer the session: DDL, grants, transactions."""

from __future__ import annotations

from tests.standins.oracle.sql import commands
from tests.standins.oracle.sql.replicas import ReplicaParser


class DefinitionParser(ReplicaParser):
    """DDL and session commands, on top of queries."""

    def create(self) -> commands.Command:
        replace = self.words("OR", "REPLACE")
        force = self.words("FORCE") or (self.words("NO", "FORCE") and False)
        self.words("EDITIONABLE") or self.words("NONEDITIONABLE")
        public = self.words("PUBLIC")
        if self.words("TABLE"):
            return self._create_table()
        if self.words("VIEW"):
            return self._create_view(replace=replace, force=force)
        if self.words("SEQUENCE"):
            return commands.CreateSequence(self.name(), self._sequence_options())
        if self.is_word("INDEX") or self.words("UNIQUE"):
            unique = self.tokens[self.at - 1].value == "UNIQUE"
            self.expect_word("INDEX", 901, "invalid CREATE command")
            return self._create_index(unique=unique)
        if self.words("MATERIALIZED", "VIEW"):
            return self.materialized_view()
        if self.words("DATABASE", "LINK"):
            return self.database_link(public=public)
        if self.words("SYNONYM"):
            name = self.name()
            self.expect_word("FOR")
            return commands.CreateSynonym(name, self.name(), public, replace, self.link())
        if self.words("USER"):
            return self.change_user(create=True)
        if self.words("ROLE"):
            return commands.CreateRole(self.identifier())
        raise self.fault(901, "invalid CREATE command")

    def _create_view(self, *, replace: bool, force: bool) -> commands.CreateView:
        name = self.name()
        columns = self.column_names() if self.is_op("(") else []
        self.expect_word("AS")
        start = self.token.pos
        self.query()
        text = self.sql[start : self.token.pos].strip()
        if self.words("WITH") and not (self.words("READ", "ONLY") or self.words("CHECK", "OPTION")):
            self.fail(905, "missing keyword")
        return commands.CreateView(name, columns, text, replace, force)

    def _create_table(self) -> commands.CreateTable:
        name = self.name()
        out = commands.CreateTable(name, [], [])
        if self.op("("):
            while True:
                self._table_part(out)
                if not self.op(","):
                    break
            self.expect_op(")")
        out.row_dependencies = self.is_word("ROWDEPENDENCIES")
        out.row_dependencies |= self.storage()
        if self.words("AS"):
            out.query = self.query()
        return out

    def _table_part(self, out: commands.CreateTable) -> None:
        if found := self.out_of_line_constraint():
            out.constraints.append(found)
            return
        column, constraints = self.column_definition()
        out.columns.append(column)
        out.constraints += constraints

    def out_of_line_constraint(self) -> commands.Constraint | None:
        name = ""
        if self.words("CONSTRAINT"):
            name = self.identifier()
        elif not self.is_word("PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
            return None
        found = commands.Constraint("P", [], name)
        if self.words("PRIMARY", "KEY"):
            found.columns = self.column_names()
        elif self.words("UNIQUE"):
            found.kind, found.columns = "U", self.column_names()
        elif self.words("CHECK"):
            found.kind, found.text = "C", self._check_text()
        elif self.words("FOREIGN", "KEY"):
            found.kind, found.columns = "R", self.column_names()
            self.expect_word("REFERENCES")
            found.references = self._references()
        else:
            self.fail(904, "invalid identifier")
        self._constraint_state()
        return found

    def _constraint_state(self) -> None:
        while self.is_word("ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "RELY", "DEFERRABLE", "USING", "INITIALLY"):
            if self.take().value == "USING":
                self.expect_word("INDEX")
                self.storage()
            elif self.is_word("DEFERRED", "IMMEDIATE"):
                self.take()

    def _references(self) -> tuple[str, ...]:
        target = self.name()
        if self.is_op("("):
            self.column_names()
        if self.words("ON", "DELETE"):
            self.take()
            self.words("NULL")
        return target

    def _check_text(self) -> str:
        self.expect_op("(")
        start = self.token.pos
        self.condition()
        text = self.sql[start : self.token.pos].strip()
        self.expect_op(")")
        return text

    def column_definition(self, *, typed: bool = True) -> tuple[commands.ColumnDef, list[commands.Constraint]]:
        """A column with its in-line constraints; without `typed` the type may be missing."""
        column = commands.ColumnDef(self.identifier(), None)
        constraints: list[commands.Constraint] = []
        modifiers = ("DEFAULT", "NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "CONSTRAINT", "REFERENCES", "GENERATED")
        if typed or not (self.is_word(*modifiers) or self.is_op(",", ")") or self.token.kind == "end"):
            column.type = self.type_name()
        while True:
            name = self.identifier() if self.words("CONSTRAINT") else ""
            if self.words("DEFAULT"):
                if self.words("ON"):
                    self.expect_word("NULL")
                start = self.token.pos
                self.expression()
                column.default = self.sql[start : self.token.pos].strip()
            elif self.words("NOT", "NULL"):
                column.required = True
            elif self.words("NULL"):
                column.required = False
            elif self.words("PRIMARY", "KEY"):
                constraints.append(commands.Constraint("P", [column.name], name))
            elif self.words("UNIQUE"):
                constraints.append(commands.Constraint("U", [column.name], name))
            elif self.words("CHECK"):
                constraints.append(commands.Constraint("C", [column.name], name, self._check_text()))
            elif self.words("REFERENCES"):
                constraints.append(commands.Constraint("R", [column.name], name, references=self._references()))
            elif self.words("GENERATED"):
                self._identity(column)
            else:
                self._constraint_state()
                return column, constraints

    def _identity(self, column: commands.ColumnDef) -> None:
        if not self.words("ALWAYS"):
            self.expect_word("BY")
            self.expect_word("DEFAULT")
            if self.words("ON"):
                self.expect_word("NULL")
        self.expect_word("AS")
        if not self.words("IDENTITY"):
            self.fail(3001, "unimplemented feature: virtual columns")
        column.identity = True
        if self.op("("):
            self._sequence_options()
            self.expect_op(")")

    def _sequence_options(self) -> dict[str, int]:
        options: dict[str, int] = {}
        while self.token.kind == "name":
            if self.words("START", "WITH"):
                options["start"] = self._signed()
            elif self.words("INCREMENT", "BY"):
                options["increment"] = self._signed()
            elif self.is_word("CACHE", "MINVALUE", "MAXVALUE"):
                word = self.take().value.lower()
                options[word] = self._signed()
            elif self.words("NOCACHE"):
                options["cache"] = 0
            elif self.is_word("CYCLE", "NOCYCLE", "ORDER", "NOORDER"):
                word = self.take().value
                options[word.removeprefix("NO").lower()] = int(not word.startswith("NO"))
            elif self.words("RESTART"):
                options["restart"] = 1
            elif self.is_word("NOMINVALUE", "NOMAXVALUE", "KEEP", "NOKEEP", "SCALE", "NOSCALE"):
                if self.take().value == "SCALE":
                    self.fail(3001, "unimplemented feature: SCALE")
            else:
                self.fail(933, "SQL command not properly ended")
        return options

    def _signed(self) -> int:
        return -self.integer() if self.op("-") else self.integer()

    def _create_index(self, *, unique: bool) -> commands.CreateIndex:
        name = self.name()
        self.expect_word("ON", 969, "missing ON keyword")
        table = self.name()
        self.expect_op("(")
        columns = []
        while True:
            start = self.token.pos
            self.expression()
            written = self.sql[start : self.token.pos].strip()
            columns.append(written.strip('"') if written.startswith('"') else written.upper())
            self.words("ASC") or self.words("DESC")
            if not self.op(","):
                break
        self.expect_op(")")
        self.storage()
        return commands.CreateIndex(name, table, columns, unique)

    def change_user(self, *, create: bool) -> commands.ChangeUser:
        out = commands.ChangeUser(self.identifier(), create)
        while self.token.kind == "name":
            if self.words("IDENTIFIED"):
                self.expect_word("BY")
                token = self.take()
                out.password = token.value if token.kind == "quoted" else token.raw
            elif self.words("ACCOUNT"):
                out.locked = self.words("LOCK")
                if not out.locked:
                    self.expect_word("UNLOCK")
            elif self.words("PASSWORD"):
                self.expect_word("EXPIRE")
                out.expired = True
            elif self.is_word("DEFAULT", "TEMPORARY"):
                self.at += 3
            elif self.words("QUOTA"):
                while not self.words("ON"):
                    self.take()
                self.identifier()
            elif self.words("PROFILE"):
                self.take()
            else:
                self.fail(922, "missing or invalid option")
        if create and out.password is None:
            self.fail(1935, "missing user or role name")
        return out

    def alter(self) -> commands.Command:
        if self.words("TABLE"):
            return self._alter_table()
        if self.words("SESSION"):
            return self._alter_session()
        if self.words("USER"):
            return self.change_user(create=False)
        if self.words("SEQUENCE"):
            return commands.CreateSequence(self.name(), self._sequence_options(), alter=True)
        raise self.fault(940, "invalid ALTER command")

    def _alter_session(self) -> commands.AlterSession:
        self.expect_word("SET")
        settings = {}
        while self.token.kind == "name":
            name = self.take().value
            self.expect_op("=")
            settings[name] = self.take().value
        return commands.AlterSession(settings)

    def _alter_table(self) -> commands.AlterTable:
        out = commands.AlterTable(self.name())
        if self.words("ADD"):
            out.constraint = self.out_of_line_constraint()
            if out.constraint is None:
                out.added = self._altered_columns(typed=True)
        elif self.words("MODIFY"):
            out.modified = self._altered_columns(typed=False)
        elif self.words("DROP"):
            if self.words("CONSTRAINT"):
                out.dropped_constraint = self.identifier()
            elif self.words("PRIMARY", "KEY"):
                out.dropped_constraint = "PRIMARY KEY"
            elif self.words("COLUMN"):
                out.dropped = [self.identifier()]
            else:
                out.dropped = self.column_names()
        elif self.words("RENAME", "COLUMN"):
            old = self.identifier()
            self.expect_word("TO")
            out.renamed = (old, self.identifier())
        elif self.words("RENAME", "TO"):
            out.renamed_to = self.identifier()
        else:
            self.fail(1735, "invalid ALTER TABLE option")
        return out

    def _altered_columns(self, *, typed: bool) -> list[commands.ColumnDef]:
        listed = self.op("(")
        out = []
        while True:
            column, constraints = self.column_definition(typed=typed)
            if constraints:
                self.fail(3001, "unimplemented feature: constraint in ALTER TABLE ADD or MODIFY of a column")
            out.append(column)
            if not (listed and self.op(",")):
                break
        if listed:
            self.expect_op(")")
        return out
