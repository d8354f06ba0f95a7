"""The parser's foundation: walking over tokens, and expressions and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.lexer import Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

RESERVED = frozenset(
    [
        "ACCESS",
        "ADD",
        "ALL",
        "ALTER",
        "AND",
        "ANY",
        "AS",
        "ASC",
        "AUDIT",
        "BETWEEN",
        "BY",
        "CHAR",
        "CHECK",
        "CLUSTER",
        "COLUMN",
        "COMMENT",
        "COMPRESS",
        "CONNECT",
        "CREATE",
        "CURRENT",
        "DATE",
        "DECIMAL",
        "DEFAULT",
        "DELETE",
        "DESC",
        "DISTINCT",
        "DROP",
        "ELSE",
        "EXCLUSIVE",
        "EXISTS",
        "FILE",
        "FLOAT",
        "FOR",
        "FROM",
        "GRANT",
        "GROUP",
        "HAVING",
        "IDENTIFIED",
        "IMMEDIATE",
        "IN",
        "INCREMENT",
        "INDEX",
        "INITIAL",
        "INSERT",
        "INTEGER",
        "INTERSECT",
        "INTO",
        "IS",
        "LIKE",
        "LOCK",
        "LONG",
        "MINUS",
        "MODE",
        "MODIFY",
        "NOT",
        "NOWAIT",
        "NULL",
        "NUMBER",
        "OF",
        "OFFLINE",
        "ON",
        "ONLINE",
        "OPTION",
        "OR",
        "ORDER",
        "PCTFREE",
        "PRIOR",
        "PUBLIC",
        "RAW",
        "RENAME",
        "RESOURCE",
        "REVOKE",
        "ROW",
        "ROWS",
        "SELECT",
        "SESSION",
        "SET",
        "SHARE",
        "SIZE",
        "SMALLINT",
        "START",
        "SYNONYM",
        "TABLE",
        "THEN",
        "TO",
        "TRIGGER",
        "UNION",
        "UNIQUE",
        "UPDATE",
        "VALIDATE",
        "VALUES",
        "VARCHAR",
        "VARCHAR2",
        "VIEW",
        "WHENEVER",
        "WHERE",
        "WITH",
    ]
)
# Not reserved, but never an alias that is written without AS.
_CLAUSES = frozenset(
    [
        "LEFT",
        "RIGHT",
        "FULL",
        "INNER",
        "CROSS",
        "NATURAL",
        "JOIN",
        "OUTER",
        "USING",
        "FETCH",
        "OFFSET",
        "LATERAL",
        "PARTITION",
        "KEEP",
    ]
)
_COMPARISONS = frozenset(("=", "<>", "<", ">", "<=", ">="))
_CALENDAR = frozenset(("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"))


def is_condition(node: tree.Expr) -> bool:
    """Whether it is true or false: nothing else is, in Oracle's SQL."""
    if isinstance(node, tree.Call):
        return node.name in (("REGEXP_LIKE",), ("LNNVL",))
    return isinstance(node, tree.Condition)


class Parser:
    """Expressions. Each method starts at its first token and leaves at the one after its last."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokenize(sql)
        self.at = 0

    # --- tokens ---------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def fault(self, code: int, text: str) -> OraError:
        """An error that points at the token at hand."""
        return OraError(code, text, self.token.pos)

    def fail(self, code: int, text: str) -> NoReturn:
        raise self.fault(code, text)

    def is_word(self, *words: str) -> bool:
        return self.token.kind == "name" and self.token.value in words

    def is_op(self, *ops: str) -> bool:
        return self.token.kind == "op" and self.token.value in ops

    def words(self, *words: str) -> bool:
        """Take these words, if they come next."""
        for i, word in enumerate(words):
            token = self.peek(i)
            if token.kind != "name" or token.value != word:
                return False
        self.at += len(words)
        return True

    def op(self, value: str) -> bool:
        if self.is_op(value):
            self.at += 1
            return True
        return False

    def expect_word(self, word: str, code: int = 905, text: str = "missing keyword") -> None:
        if not self.words(word):
            self.fail(code, text)

    def expect_op(self, value: str) -> None:
        if not self.op(value):
            known = {"(": (906, "missing left parenthesis"), ")": (907, "missing right parenthesis")}
            self.fail(*known.get(value, (936, "missing expression")))

    def identifier(self) -> str:
        if self.token.kind == "quoted" or (self.token.kind == "name" and self.token.value not in RESERVED):
            return self.take().value
        raise self.fault(904, f"{self.token.raw or 'end of text'}: invalid identifier")

    def name(self) -> tree.Name:
        parts = [self.identifier()]
        while self.op("."):
            parts.append(self.identifier())
        return tuple(parts)

    def optional_alias(self) -> str:
        if self.token.kind == "quoted" or (self.token.kind == "name" and self.token.value not in RESERVED | _CLAUSES):
            return self.take().value
        return ""

    def integer(self) -> int:
        negative = self.op("-")
        if self.token.kind != "number" or not self.token.value.isdigit():
            self.fail(2017, "integer value required")
        return int(self.take().value) * (-1 if negative else 1)

    def text(self) -> str:
        if self.token.kind != "text":
            self.fail(1756, "quoted string expected")
        return self.take().value

    def listed(self, one: Callable[[], tree.Expr]) -> list[tree.Expr]:
        items = [one()]
        while self.op(","):
            items.append(one())
        return items

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

    def _word_null(self) -> tree.Expr:
        self.take()
        return tree.Null()

    def _word_date(self) -> tree.Expr | None:
        return self._moment("DATE")

    def _word_timestamp(self) -> tree.Expr | None:
        return self._moment("TIMESTAMP")

    def _moment(self, kind: str) -> tree.Expr | None:
        if self.peek().kind != "text":
            return None
        pos = self.take().pos
        return tree.Moment("DATE" if kind == "DATE" else "TIMESTAMP", self.take().value, pos)

    def _word_interval(self) -> tree.Expr | None:
        if self.peek().kind != "text":
            return None
        self.take()
        text = self.take().value
        lead = trail = self._calendar_field()
        if self.words("TO"):
            trail = self._calendar_field()
        return tree.Interval(text, lead, trail)

    def _calendar_field(self) -> str:
        if not self.is_word(*_CALENDAR):
            self.fail(30089, "missing or invalid <datetime field>")
        field = self.take().value
        if self.op("("):
            self.integer()
            if self.op(","):
                self.integer()
            self.expect_op(")")
        return field

    def _word_case(self) -> tree.Expr:
        self.take()
        operand = None if self.is_word("WHEN") else self.expression()
        whens = []
        while self.words("WHEN"):
            test = self.expression() if operand else self.condition()
            self.expect_word("THEN")
            whens.append((test, self.expression()))
        if not whens:
            self.fail(905, "missing keyword")
        default = self.expression() if self.words("ELSE") else None
        self.expect_word("END")
        return tree.Case(operand, whens, default)

    def _word_cast(self) -> tree.Expr | None:
        if self.peek().value != "(":
            return None
        self.take()
        self.expect_op("(")
        operand = self.expression()
        self.expect_word("AS")
        target = self.type_name()
        self.expect_op(")")
        return tree.Cast(operand, target)

    def _word_extract(self) -> tree.Expr | None:
        if self.peek().value != "(":
            return None
        pos = self.take().pos
        self.expect_op("(")
        field = self.take().value
        self.expect_word("FROM")
        operand = self.expression()
        self.expect_op(")")
        return tree.Call(("EXTRACT",), [operand], pos, option=field)

    def _word_trim(self) -> tree.Expr | None:
        if self.peek().value != "(":
            return None
        pos = self.take().pos
        self.expect_op("(")
        option = self.take().value if self.is_word("LEADING", "TRAILING", "BOTH") else ""
        args = [] if self.is_word("FROM") else [self.expression()]
        if self.words("FROM"):
            args.insert(0, self.expression())
        self.expect_op(")")
        return tree.Call(("TRIM",), args, pos, option=option)

    def type_name(self) -> tree.TypeName:
        """A data type, as in CAST or a column definition."""
        pos = self.token.pos
        if self.token.kind != "name":
            self.fail(902, "invalid datatype")
        name = self.take().value
        if name == "DOUBLE":
            self.expect_word("PRECISION")
        if name in ("LONG", "CHAR", "CHARACTER") and self.is_word("RAW", "VARYING"):
            name += " " + self.take().value
        sizes, unit = [], ""
        if self.op("("):
            sizes = [38] if self.op("*") else [self.integer()]
            if self.op(","):
                sizes.append(self.integer())
            if self.is_word("BYTE", "CHAR"):
                unit = self.take().value
            self.expect_op(")")
        if name == "TIMESTAMP" and self.words("WITH"):
            name = "TIMESTAMP WITH LOCAL TIME ZONE" if self.words("LOCAL") else "TIMESTAMP WITH TIME ZONE"
            self.expect_word("TIME")
            self.expect_word("ZONE")
        if name == "INTERVAL":
            name += " " + self._calendar_field()
            self.expect_word("TO")
            name += " TO " + self._calendar_field()
        return tree.TypeName(name, sizes, unit, pos)

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
