"""Parses what makes copies and reaches other databases: materialised views, database links; and storage clauses."""

from __future__ import annotations

from tests.standins.oracle.sql import commands
from tests.standins.oracle.sql.queries import QueryParser

# Clauses about storage, which this database has none of; each with what may follow.
_STORAGE_FLAGS = frozenset(
    [
        "LOGGING",
        "NOLOGGING",
        "NOPARALLEL",
        "PARALLEL",
        "CACHE",
        "NOCACHE",
        "COMPRESS",
        "NOCOMPRESS",
        "MONITORING",
        "NOMONITORING",
        "ROWDEPENDENCIES",
        "NOROWDEPENDENCIES",
        "ONLINE",
        "REVERSE",
        "LOCAL",
        "COMPUTE",
        "STATISTICS",
        "VISIBLE",
    ]
)


# Clauses of materialised views that change nothing here.
_MADE_LIKE = (
    ("USING", "INDEX"),
    ("WITH", "PRIMARY", "KEY"),
    ("WITH", "ROWID"),
    ("DISABLE", "QUERY", "REWRITE"),
    ("ENABLE", "QUERY", "REWRITE"),
)


class ReplicaParser(QueryParser):
    """On top of queries."""

    def storage(self) -> bool:
        """Take storage clauses; says whether ROWDEPENDENCIES was among them."""
        dependencies = False
        while self.token.kind == "name":
            word = self.token.value
            if word in _STORAGE_FLAGS:
                dependencies |= word == "ROWDEPENDENCIES"
                self.take()
            elif word in ("TABLESPACE", "PCTFREE", "PCTUSED", "INITRANS"):
                self.take()
                self.take()
            elif word == "SEGMENT":
                self.take()
                self.expect_word("CREATION")
                self.take()
            elif word == "ENABLE" and self.peek().value == "ROW":
                self.at += 3
            else:
                break
        return dependencies

    def materialized_view(self) -> commands.CreateMaterializedView:
        """CREATE MATERIALIZED VIEW, from its name on: filled at once, refreshed on demand."""
        out = commands.CreateMaterializedView(self.name(), self.column_names() if self.is_op("(") else [], "")
        while not self.is_word("AS"):
            at = self.at
            self.storage()
            if self.words("BUILD"):
                out.filled = not self.words("DEFERRED")
                if out.filled and not self.words("IMMEDIATE"):
                    self.fail(905, "missing keyword")
            elif self.words("REFRESH"):
                out.method = self._refresh()
            elif self.words("NEVER", "REFRESH"):
                out.method = "NEVER"
            elif not any(self.words(*words) for words in _MADE_LIKE) and at == self.at:
                self.fail(905, "missing keyword")
        self.expect_word("AS")
        start = self.token.pos
        self.query()
        out.text = self.sql[start : self.token.pos].strip()
        return out

    def _refresh(self) -> str:
        method = self.take().value if self.is_word("FAST", "COMPLETE", "FORCE") else "FORCE"
        if self.words("ON") and not self.words("DEMAND"):
            self.fail(3001, "unimplemented feature: REFRESH ON COMMIT or ON STATEMENT")
        while self.words("START", "WITH") or self.words("NEXT"):
            self.expression()  # jobs do not run here: a test refreshes
        return method

    def database_link(self, *, public: bool) -> commands.CreateLink:
        """CREATE DATABASE LINK, from its name on."""
        out = commands.CreateLink(self.dotted(), public)
        if self.words("CONNECT"):
            self.expect_word("TO")
            out.user = self.identifier()
            self.expect_word("IDENTIFIED")
            self.expect_word("BY")
            self.take()
        if self.words("USING"):
            out.host = self.text()
        return out
