"""Expressions and conditions."""

from __future__ import annotations

from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.forms import Forms
from tests.standins.oracle.sql.walker import RESERVED

_COMPARISONS = frozenset(("=", "<>", "<", ">", "<=", ">="))


def is_condition(node: tree.Expr) -> bool:
    """Whether it is true or false: nothing else is, in Oracle's SQL."""
    if isinstance(node, tree.Call):
        return node.name in (("REGEXP_LIKE",), ("LNNVL",))
    return isinstance(node, tree.Condition)


class Parser(Forms):
    """Values and what is true or false of them."""

    def query(self) -> tree.Query:
        raise NotImplementedError

    # --- conditions -------------------------------------------------------------------

    def condition(self) -> tree.Expr:
        found = self._or()
        if not is_condition(found):
            self.fail(920, "invalid relational operator")
        return found

    def expression(self) -> tree.Expr:
        """A value: Oracle's SQL has no booleans."""
        found = self._or()
        if is_condition(found):
            self.fail(907, "missing right parenthesis" if self.is_op("=") else "condition where a value is expected")
        return found

    def _or(self) -> tree.Expr:
        parts = [self._and()]
        while self.words("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else tree.Logical("OR", parts)

    def _and(self) -> tree.Expr:
        parts = [self._not()]
        while self.words("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else tree.Logical("AND", parts)

    def _not(self) -> tree.Expr:
        if self.words("NOT"):
            return tree.Not(self._not())
        return self._predicate()

    def _predicate(self) -> tree.Expr:
        if self.is_word("EXISTS") and self.peek().value == "(":
            self.take()
            self.expect_op("(")
            query = self.query()
            self.expect_op(")")
            return tree.Exists(query)
        left = self._sum()
        pos = self.token.pos
        if self.token.kind == "op" and self.token.value in _COMPARISONS:
            return self._comparison(left, self.take().value, pos)
        if self.words("IS"):
            negated = self.words("NOT")
            self.expect_word("NULL", 908, "missing NULL keyword")
            return tree.IsNull(left, negated)
        negated = self.is_word("NOT") and self.peek().value in ("IN", "BETWEEN", "LIKE") and self.words("NOT")
        if self.words("IN"):
            return tree.In(left, self._members(), negated, pos)
        if self.words("BETWEEN"):
            low = self._sum()
            self.expect_word("AND")
            return tree.Between(left, low, self._sum(), negated, pos)
        if self.words("LIKE"):
            pattern = self._sum()
            escape = self._sum() if self.words("ESCAPE") else None
            return tree.Like(left, pattern, escape, negated)
        return left

    def _comparison(self, left: tree.Expr, op: str, pos: int) -> tree.Expr:
        if self.is_word("ANY", "SOME", "ALL"):
            every = self.take().value == "ALL"
            return tree.Quantified(op, left, every, self._members(), pos)
        return tree.Comparison(op, left, self._sum(), pos)

    def _members(self) -> list[tree.Expr] | tree.Query:
        if not self.is_op("("):
            return [self._sum()]
        self.expect_op("(")
        found: list[tree.Expr] | tree.Query
        found = self.query() if self._starts_query() else self.listed(self.expression)
        self.expect_op(")")
        return found

    def _starts_query(self) -> bool:
        ahead = 0
        while self.peek(ahead).value == "(" and self.peek(ahead).kind == "op":
            ahead += 1
        token = self.peek(ahead)
        return token.kind == "name" and token.value in ("SELECT", "WITH")

    # --- values -----------------------------------------------------------------------

    def _sum(self) -> tree.Expr:
        left = self._product()
        while self.is_op("+", "-", "||"):
            token = self.take()
            left = tree.Binary(token.value, left, self._product(), token.pos)
        return left

    def _product(self) -> tree.Expr:
        left = self._unary()
        while self.is_op("*", "/"):
            token = self.take()
            left = tree.Binary(token.value, left, self._unary(), token.pos)
        return left

    def _unary(self) -> tree.Expr:
        if self.is_op("-", "+"):
            return tree.Unary(self.take().value, self._unary())
        if self.words("PRIOR"):
            self.fail(3001, "unimplemented feature: PRIOR")
        found = self._primary()
        while True:
            if self.words("AT", "TIME", "ZONE"):
                found = tree.AtZone(found, self._primary())
            elif self.words("AT", "LOCAL"):
                found = tree.AtZone(found, None)
            else:
                return found

    def _primary(self) -> tree.Expr:
        token = self.token
        if token.kind == "number":
            self.take()
            return tree.Number(token.value, binary=token.raw[-1] in "fFdD")
        if token.kind == "text":
            return tree.Text(self.take().value)
        if token.kind == "bind":
            return tree.Bind(int(self.take().value))
        if self.is_op("("):
            return self._parenthesis()
        if token.kind == "name":
            special = getattr(self, f"_word_{token.value.lower()}", None)
            if special and (found := special()) is not None:
                expr: tree.Expr = found
                return expr
            if token.value in RESERVED and self.peek().value != "(":
                self.fail(936, "missing expression")
        elif token.kind != "quoted":
            self.fail(936, "missing expression")
        return self._name_or_call()

    def _parenthesis(self) -> tree.Expr:
        self.expect_op("(")
        if self._starts_query():
            query = self.query()
            self.expect_op(")")
            return tree.Scalar(query)
        items = [self._or()]
        while self.op(","):
            items.append(self.expression())
        self.expect_op(")")
        return items[0] if len(items) == 1 else tree.Tuple(items)

    def _name_or_call(self) -> tree.Expr:
        pos = self.token.pos
        first = self.take()
        parts = [first.value]
        while self.is_op(".") and self.peek().kind in ("name", "quoted"):
            self.take()
            parts.append(self.take().value)
        if self.is_op("(") and self.peek().value == "+" and self.peek(2).value == ")":
            self.at += 3
            return tree.Column(tuple(parts), pos, outer=True)
        if self.is_op("("):
            return self._call(tuple(parts), pos)
        return tree.Column(tuple(parts), pos)

    def _call(self, name: tree.Name, pos: int) -> tree.Expr:
        self.expect_op("(")
        call = tree.Call(name, [], pos)
        if self.op("*"):
            call.star = True
        elif not self.is_op(")"):
            call.distinct = self.words("DISTINCT") or self.words("UNIQUE")
            if not call.distinct:
                self.words("ALL")
            call.args = self.listed(self._or if name == ("LNNVL",) else self.expression)
            if self.words("ON", "OVERFLOW"):  # LISTAGG
                self.expect_word("ERROR", 3001, "unimplemented feature: ON OVERFLOW TRUNCATE")
        call.ignore_nulls = self._nulls_treatment()
        self.expect_op(")")
        call.ignore_nulls |= self._nulls_treatment()
        if self.words("WITHIN", "GROUP"):
            self.expect_op("(")
            call.within = self.ordering()
            self.expect_op(")")
        if self.is_word("KEEP") and self.peek().value == "(":
            self.take()
            self.expect_op("(")
            self.expect_word("DENSE_RANK")
            first = self.words("FIRST")
            if not first:
                self.expect_word("LAST")
            call.keep = ("FIRST" if first else "LAST", self.ordering())
            self.expect_op(")")
        if self.words("OVER"):
            call.window = self._window()
        return call

    def _nulls_treatment(self) -> bool:
        self.words("RESPECT", "NULLS")
        return self.words("IGNORE", "NULLS")

    def _window(self) -> tree.Window:
        self.expect_op("(")
        partition = self.listed(self.expression) if self.words("PARTITION", "BY") else []
        order = self.ordering() if self.is_word("ORDER") else []
        start = self.token.pos
        while not self.is_op(")"):  # ROWS or RANGE ...: DuckDB reads the same words
            if self.token.kind not in ("name", "number"):
                self.fail(907, "missing right parenthesis")
            self.take()
        frame = self.sql[start : self.token.pos].strip()
        self.expect_op(")")
        return tree.Window(partition, order, frame)

    def ordering(self) -> list[tree.Order]:
        """ORDER BY ...: NULLs are last unless the order is descending."""
        self.expect_word("ORDER")
        self.words("SIBLINGS")
        self.expect_word("BY", 924, "missing BY keyword")
        out = []
        while True:
            expr = self.expression()
            descending = self.words("DESC")
            if not descending:
                self.words("ASC")
            nulls_first = descending
            if self.words("NULLS"):
                nulls_first = self.words("FIRST")
                if not nulls_first:
                    self.expect_word("LAST")
            out.append(tree.Order(expr, descending, nulls_first))
            if not self.op(","):
                return out
