"""SELECT: the query block, joins, set operations, row limits."""

from __future__ import annotations

from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.parser import Parser

_JOINS = ("INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "JOIN")


class QueryParser(Parser):
    """Queries, on top of expressions."""

    def query(self) -> tree.Query:
        ctes = self._with() if self.is_word("WITH") else []
        out = tree.Query(self._compound(), ctes)
        if self.is_word("ORDER"):
            out.order = self.ordering()
        if self.words("OFFSET"):
            out.offset = self._sum()
            if not (self.words("ROWS") or self.words("ROW")):
                self.fail(905, "missing keyword")
        if self.words("FETCH"):
            out.limit = self._fetch()
        if self.words("FOR", "UPDATE"):
            out.locking = self._locking()
        return out

    def _with(self) -> list[tree.Cte]:
        self.expect_word("WITH")
        out = []
        while True:
            name = self.identifier()
            columns = self.column_names() if self.is_op("(") else []
            self.expect_word("AS")
            self.expect_op("(")
            out.append(tree.Cte(name, columns, self.query()))
            self.expect_op(")")
            if not self.op(","):
                return out

    def column_names(self) -> list[str]:
        """(a, b, c)"""
        self.expect_op("(")
        names = [self.identifier()]
        while self.op(","):
            names.append(self.identifier())
        self.expect_op(")")
        return names

    def _fetch(self) -> tree.RowLimit:
        if not (self.words("FIRST") or self.words("NEXT")):
            self.fail(905, "missing keyword")
        count = None if self.is_word("ROW", "ROWS") else self._sum()
        percent = self.words("PERCENT")
        if not (self.words("ROWS") or self.words("ROW")):
            self.fail(905, "missing keyword")
        ties = self.words("WITH", "TIES")
        if not ties:
            self.expect_word("ONLY")
        return tree.RowLimit(count, percent, ties)

    def _locking(self) -> tree.Locking:
        if self.words("OF"):
            self.listed(self.expression)
        if self.words("NOWAIT"):
            return tree.Locking(0.0)
        if self.words("SKIP", "LOCKED"):
            return tree.Locking(skip=True)
        if self.words("WAIT"):
            return tree.Locking(float(self.integer()))
        return tree.Locking()

    def _compound(self) -> tree.Select | tree.Compound | tree.Query:
        """Oracle gives UNION, MINUS and INTERSECT the same precedence, left to right."""
        left = self._block()
        while self.is_word("UNION", "MINUS", "INTERSECT"):
            word = self.take().value
            if word == "UNION":
                op = "UNION ALL" if self.words("ALL") else "UNION"
                left = tree.Compound("UNION ALL" if op == "UNION ALL" else "UNION", left, self._block())
            else:
                left = tree.Compound("MINUS" if word == "MINUS" else "INTERSECT", left, self._block())
        return left

    def _block(self) -> tree.Select | tree.Compound | tree.Query:
        if self.op("("):
            inner = self.query()
            self.expect_op(")")
            return inner
        return self._select()

    def _select(self) -> tree.Select:
        self.expect_word("SELECT", 928, "missing SELECT keyword")
        distinct = self.words("DISTINCT") or self.words("UNIQUE")
        if not distinct:
            self.words("ALL")
        items = [self._item()]
        while self.op(","):
            items.append(self._item())
        self.expect_word("FROM", 923, "FROM keyword not found where expected")
        sources = [self._joined()]
        while self.op(","):
            sources.append(self._joined())
        out = tree.Select(distinct, items, sources)
        if self.words("WHERE"):
            out.where = self.condition()
        if self.words("START", "WITH"):
            self.fail(3001, "unimplemented feature: START WITH")
        if self.words("CONNECT", "BY"):
            out.connect = self.condition()
        if self.words("GROUP"):
            self.expect_word("BY", 924, "missing BY keyword")
            out.group = self.listed(self.expression)
        if self.words("HAVING"):
            out.having = self.condition()
        return out

    def _item(self) -> tree.Item:
        if self.op("*"):
            return tree.Item(None, "*")
        star = self._qualified_star()
        if star:
            return tree.Item(None, "*", star)
        start = self.at
        expr = self.expression()
        written = "".join(
            t.raw if t.kind in ("quoted", "text") else t.raw.upper() for t in self.tokens[start : self.at]
        )
        name = expr.name[-1] if isinstance(expr, tree.Column) else written
        if self.words("AS"):
            return tree.Item(expr, self.identifier(), aliased=True)
        if alias := self.optional_alias():
            return tree.Item(expr, alias, aliased=True)
        return tree.Item(expr, name)

    def _qualified_star(self) -> tree.Name:
        ahead, parts = 0, []
        while self.peek(ahead).kind in ("name", "quoted") and self.peek(ahead + 1).value == ".":
            parts.append(self.peek(ahead).value)
            ahead += 2
            if self.peek(ahead).value == "*" and self.peek(ahead).kind == "op":
                self.at += ahead + 1
                return tuple(parts)
        return ()

    # --- FROM -------------------------------------------------------------------------

    def _joined(self) -> tree.Source:
        left = self._source()
        while self.is_word(*_JOINS):
            natural = self.words("NATURAL")
            kind = "INNER"
            if self.is_word("LEFT", "RIGHT", "FULL"):
                kind = self.take().value
                self.words("OUTER")
            elif self.words("CROSS"):
                kind = "CROSS"
            else:
                self.words("INNER")
            if kind == "CROSS" and self.words("APPLY"):
                right = self._source()
                left = tree.Join(left, right, kind)
                continue
            self.expect_word("JOIN")
            join = tree.Join(left, self._source(), kind, natural=natural)
            if self.words("ON"):
                join.on = self.condition()
            elif self.words("USING"):
                join.using = self.column_names()
            elif kind != "CROSS" and not natural:
                self.fail(905, "missing keyword")
            left = join
        return left

    def _source(self) -> tree.Source:
        lateral = self.words("LATERAL")
        if self.is_op("("):
            if self._starts_query():
                self.expect_op("(")
                query = self.query()
                self.expect_op(")")
                return tree.Derived(query, self._table_alias(), lateral)
            self.expect_op("(")
            inner = self._joined()
            self.expect_op(")")
            return inner
        return self.table()

    def _table_alias(self) -> str:
        if self.is_word("AS"):
            self.fail(933, "SQL command not properly ended")  # Oracle has no AS before a table alias
        return self.optional_alias()

    def table(self) -> tree.TableRef:
        """A table or view, as of now or an earlier moment."""
        pos = self.token.pos
        if self.token.kind not in ("name", "quoted") or (
            self.token.kind == "name" and self.token.value in RESERVED_TABLES
        ):
            self.fail(903, "invalid table name")
        name = self.name()
        link = self.link()
        as_of: tuple[str, tree.Expr] | None = None
        if self.words("AS", "OF"):
            if not self.is_word("SCN", "TIMESTAMP"):
                self.fail(905, "missing keyword")
            as_of = (self.take().value, self._sum())
        ref = tree.TableRef(name, self._table_alias(), pos, link=link)
        if as_of:
            ref.as_of = ("SCN" if as_of[0] == "SCN" else "TIMESTAMP", as_of[1])
        return ref

    def link(self) -> str:
        """The database link that a name ends with; empty if it has none."""
        return self.dotted() if self.op("@") else ""

    def dotted(self) -> str:
        """A name with dots in it, as a database link's."""
        name = self.identifier()
        while self.op("."):
            name += "." + self.identifier()
        return name


RESERVED_TABLES = frozenset(("SELECT", "WHERE", "GROUP", "ORDER", "TABLE", "SET", "VALUES", "FROM", "INTO"))
