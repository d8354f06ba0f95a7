"""Walking over tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql.lexer import Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.sql import tree

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


class Walker:
    """Looks at and takes tokens. Each method starts at its first token and leaves at the one after its last."""

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
