"""Values written with words of their own: CASE, CAST, literals of dates and intervals, data types."""

from __future__ import annotations

from tests.standins.oracle.sql import tree
from tests.standins.oracle.sql.walker import Walker

_CALENDAR = frozenset(("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"))


class Forms(Walker):
    """One method per leading word; None where the word turns out to be a name."""

    def expression(self) -> tree.Expr:
        raise NotImplementedError

    def condition(self) -> tree.Expr:
        raise NotImplementedError

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
