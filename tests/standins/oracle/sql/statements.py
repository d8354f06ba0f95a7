"""The entry: one statement's text to its tree."""

from __future__ import annotations

from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import changes, commands, tree
from tests.standins.oracle.sql.definitions import DefinitionParser

Change = changes.Insert | changes.Update | changes.Delete | changes.Merge
Parsed = tree.Query | Change | commands.Command
_SYSTEM_PRIVILEGE_END = ("ON", "TO", "FROM")


def parse(sql: str) -> Parsed:
    """The statement, or the ORA error Oracle's parser would give (nearly)."""
    return StatementParser(sql).statement()


class StatementParser(DefinitionParser):
    """Any statement."""

    def statement(self) -> Parsed:
        out = self._statement()
        if self.token.kind != "end":
            if self.is_op(";"):
                self.fail(911, "invalid character")  # as Oracle: the semicolon is the client's
            self.fail(933, "SQL command not properly ended")
        return out

    def _statement(self) -> Parsed:
        if self.is_word("SELECT", "WITH") or self.is_op("("):
            return self.query()
        token = self.take()
        word = token.value if token.kind == "name" else ""
        if word in ("BEGIN", "DECLARE", "CALL"):
            raise OraError(6550, "PL/SQL is not available in this stand-in")
        method = getattr(self, f"_{word.lower()}", None) if word in _STATEMENTS else None
        if method is None:
            raise OraError(900, "invalid SQL statement", token.pos)
        out: Parsed = method()
        return out

    # --- changes ------------------------------------------------------------------------

    def _insert(self) -> changes.Insert:
        if self.is_word("ALL", "FIRST"):
            self.fail(3001, "unimplemented feature: multi-table INSERT")
        self.expect_word("INTO", 925, "missing INTO keyword")
        table = self.table()
        columns = self.column_names() if self.is_op("(") and not self._starts_query() else []
        if self.words("VALUES"):
            out = changes.Insert(table, columns, self._values())
        else:
            if not (self.is_word("SELECT", "WITH") or self.is_op("(")):
                self.fail(926, "missing VALUES keyword")
            out = changes.Insert(table, columns, None, self.query())
        self._no_returning()
        return out

    def _no_returning(self) -> None:
        if self.is_word("RETURNING", "RETURN"):
            self.fail(3001, "unimplemented feature: RETURNING INTO")

    def _values(self) -> list[tree.Expr | None]:
        self.expect_op("(")
        values = [self._value()]
        while self.op(","):
            values.append(self._value())
        self.expect_op(")")
        return values

    def _value(self) -> tree.Expr | None:
        return None if self.words("DEFAULT") else self.expression()

    def _update(self) -> changes.Update:
        table = self.table()
        self.expect_word("SET", 971, "missing SET keyword")
        out = changes.Update(table, self._assignments(), None)
        if self.words("WHERE"):
            out.where = self.condition()
        self._no_returning()
        return out

    def _assignments(self) -> list[changes.Assignment]:
        out = []
        while True:
            columns = self.column_names() if self.is_op("(") else [self.name()[-1]]
            if not self.op("="):
                self.fail(927, "missing equal sign")
            out.append(changes.Assignment(columns, self._value()))
            if not self.op(","):
                return out

    def _delete(self) -> changes.Delete:
        self.words("FROM")
        out = changes.Delete(self.table(), None)
        if self.words("WHERE"):
            out.where = self.condition()
        self._no_returning()
        return out

    def _merge(self) -> changes.Merge:
        self.expect_word("INTO", 925, "missing INTO keyword")
        table = self.table()
        self.expect_word("USING")
        source = self._source()
        self.expect_word("ON", 969, "missing ON keyword")
        out = changes.Merge(table, source, self.condition(), [], None, None, [], None, None)
        while self.words("WHEN"):
            if self.words("MATCHED"):
                self.expect_word("THEN")
                self.expect_word("UPDATE")
                self.expect_word("SET", 971, "missing SET keyword")
                out.assignments = self._assignments()
                if self.words("WHERE"):
                    out.update_where = self.condition()
                if self.words("DELETE"):
                    self.expect_word("WHERE")
                    out.delete_where = self.condition()
            else:
                self.expect_word("NOT")
                self.expect_word("MATCHED")
                self.expect_word("THEN")
                self.expect_word("INSERT")
                out.insert_columns = [n[-1] for n in self._qualified_names()] if self.is_op("(") else []
                self.expect_word("VALUES", 926, "missing VALUES keyword")
                out.insert_values = self._values()
                if self.words("WHERE"):
                    out.insert_where = self.condition()
        return out

    def _qualified_names(self) -> list[tree.Name]:
        self.expect_op("(")
        names = [self.name()]
        while self.op(","):
            names.append(self.name())
        self.expect_op(")")
        return names

    # --- the rest -----------------------------------------------------------------------

    def _create(self) -> commands.Command:
        return self.create()

    def _alter(self) -> commands.Command:
        return self.alter()

    def _drop(self) -> commands.Drop:
        public = self.words("PUBLIC")
        if self.words("DATABASE", "LINK"):
            return commands.Drop("DATABASE LINK", (self.dotted(),), public)
        if self.words("MATERIALIZED"):
            self.expect_word("VIEW", 950, "invalid DROP option")
            return commands.Drop("MATERIALIZED VIEW", self.name())
        if not self.is_word("TABLE", "VIEW", "SEQUENCE", "INDEX", "SYNONYM", "USER", "ROLE"):
            self.fail(950, "invalid DROP option")
        kind = self.take().value
        name = self.name()
        self.words("CASCADE")
        self.words("CONSTRAINTS")
        self.words("PURGE")
        return commands.Drop(kind, name, public)

    def _truncate(self) -> commands.Truncate:
        self.expect_word("TABLE", 3290, "Invalid truncate command - missing CLUSTER or TABLE keyword")
        name = self.name()
        if self.words("DROP") or self.words("REUSE"):
            self.expect_word("STORAGE")
        return commands.Truncate(name)

    def _grant(self) -> commands.Grant:
        return self._grants(revoke=False)

    def _revoke(self) -> commands.Grant:
        return self._grants(revoke=True)

    def _grants(self, *, revoke: bool) -> commands.Grant:
        privileges = [self._privilege()]
        while self.op(","):
            privileges.append(self._privilege())
        on = self.name() if self.words("ON") else ()
        self.expect_word("FROM" if revoke else "TO")
        grantees = [self._grantee()]
        while self.op(","):
            grantees.append(self._grantee())
        grantable = self.words("WITH", "GRANT", "OPTION") or self.words("WITH", "ADMIN", "OPTION")
        return commands.Grant(privileges, on, grantees, revoke, grantable)

    def _privilege(self) -> str:
        words = []
        while self.token.kind in ("name", "quoted") and not self.is_word(*_SYSTEM_PRIVILEGE_END):
            words.append(self.take().value)
        if not words:
            self.fail(990, "missing or invalid privilege")
        return " ".join(words)

    def _grantee(self) -> str:
        return "PUBLIC" if self.words("PUBLIC") else self.identifier()

    def _set(self) -> commands.Command:
        if self.words("ROLE"):
            self.fail(3001, "unimplemented feature: SET ROLE")
        self.expect_word("TRANSACTION", 922, "missing or invalid option")
        mode = "READ WRITE"
        if self.words("READ", "ONLY"):
            mode = "READ ONLY"
        elif self.words("ISOLATION", "LEVEL"):
            mode = "SERIALIZABLE" if self.words("SERIALIZABLE") else "READ COMMITTED"
            if mode == "READ COMMITTED" and not self.words("READ", "COMMITTED"):
                self.fail(922, "missing or invalid option")
        elif not self.words("READ", "WRITE") and not self.is_word("NAME"):
            self.fail(922, "missing or invalid option")
        if self.words("NAME"):
            self.text()
        return commands.SetTransaction(mode)

    def _lock(self) -> commands.LockTable:
        self.expect_word("TABLE")
        name = self.name()
        self.expect_word("IN")
        words = []
        while not self.is_word("MODE"):
            if self.token.kind != "name":
                self.fail(1737, "valid modes: [ROW] SHARE, [[SHARE] ROW] EXCLUSIVE, SHARE UPDATE")
            words.append(self.take().value)
        self.take()
        wait = 0.0 if self.words("NOWAIT") else float(self.integer()) if self.words("WAIT") else None
        return commands.LockTable(name, " ".join(words), wait)

    def _commit(self) -> commands.Commit:
        self.words("WORK")
        return commands.Commit()

    def _rollback(self) -> commands.Rollback:
        self.words("WORK")
        if self.words("TO"):
            self.words("SAVEPOINT")
            return commands.Rollback(self.identifier())
        return commands.Rollback()

    def _savepoint(self) -> commands.Savepoint:
        return commands.Savepoint(self.identifier())

    def _comment(self) -> commands.Comment:
        self.expect_word("ON")
        if not (self.words("TABLE") or self.words("COLUMN")):
            self.fail(32594, "invalid object category for COMMENT command")
        self.name()
        self.expect_word("IS")
        self.text()
        return commands.Comment()


_STATEMENTS = frozenset(
    [
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "GRANT",
        "REVOKE",
        "SET",
        "LOCK",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "COMMENT",
    ]
)
