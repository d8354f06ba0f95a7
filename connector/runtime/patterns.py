r"""Texts made from columns: cohort ids, names, categories, student keys.

A pattern is a text with ``{COLUMN|filter|filter:argument}`` in it, such as ``{YEAR}-{CODE|trim|upper}-{GRP|pad:2}``.

The rules: columns are named as Oracle names them, so capitals do not matter unless the name stands in double quotes;
``{{`` and ``}}`` are literal braces; a backslash before ``:``, ``|``, ``}`` or ``\`` in an argument makes it literal.
Filters apply from left to right. A part is required: it must not be NULL, nor blank after its filters, unless it has a
``default``. The result is in Unicode NFC. Neither its length nor that of the whole is judged here.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.runtime.pattern_filters import DEFAULT, FILTERS, Filter, ValueMaps
from connector.runtime.pattern_values import text_of

_COLUMN = re.compile(r'\s*(?:"([^"]+)"|([^\W\d][\w$#]*))\s*')
_LITERAL = re.compile(r"[^{}]+")
_MARK = re.compile(r"\\(.)|([:|}])", re.DOTALL)


class Unmappable(Exception):
    """A row from which the text cannot be made.

    ``value`` may be personal: it is for the eyes of an operator who previews, never for logs; the message is free of it.
    """

    def __init__(self, column: str, reason: str, value: str | None = None) -> None:
        super().__init__(f"{column} {reason}")
        self.column = column
        self.reason = reason
        self.value = value


class PatternFault(ValueError):
    """A pattern that cannot be read; ``position`` counts characters from 1."""

    def __init__(self, pattern: str, position: int, problem: str) -> None:
        super().__init__(f'pattern "{pattern}", character {position}: {problem}')
        self.position = position
        self.problem = problem


@dataclass(frozen=True)
class _Step:
    name: str
    apply: Filter
    argument: str


@dataclass(frozen=True)
class _Part:
    column: str
    steps: tuple[_Step, ...]

    def render(self, row: Mapping[str, object]) -> str:
        try:
            text = text_of(row[self.column])
        except TypeError as error:
            raise Unmappable(self.column, str(error)) from None
        given, optional = text, False
        for step in self.steps:
            if step.name == DEFAULT:
                optional = True
                text = step.apply(text or "")
            elif text is not None:
                text = step.apply(text)
                if text is None:
                    raise Unmappable(self.column, f'has a value that the value map "{step.argument}" lacks', given)
        if text is None:
            raise Unmappable(self.column, "is NULL")
        if not optional and not text.strip():
            raise Unmappable(self.column, "is blank", given)
        return text


@dataclass(frozen=True)
class Pattern:
    """A text to be made from a row. Two patterns are equal if they read the same and their value maps are equal."""

    text: str
    columns: tuple[str, ...]
    """The columns that it needs, each once, in order of appearance, as Oracle spells them."""
    _parts: tuple[str | _Part, ...] = field(compare=False, repr=False)
    _maps: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    @staticmethod
    def parse(text: str, maps: ValueMaps | None = None) -> Pattern:
        """Read a pattern; ``maps`` holds the value maps that it may name.

        Raises:
            PatternFault: it cannot be read; the message names the place and the fix.
        """
        return _Reader(text, maps or {}).read()

    def render(self, row: Mapping[str, object]) -> str:
        """The text for ``row``, a value per column name as Oracle spells it.

        Raises:
            Unmappable: a required part is NULL or blank, a value map lacks a value, a type has no text.
            KeyError: the row lacks a column altogether; compare ``columns`` with the query before the first row.
        """
        parts = self._parts
        if len(parts) == 1 and not isinstance(parts[0], str):  # a single column, as row keys mostly are
            text = parts[0].render(row)
        else:
            text = "".join([part if isinstance(part, str) else part.render(row) for part in parts])
        return text if text.isascii() else unicodedata.normalize("NFC", text)

    def __str__(self) -> str:
        return self.text


class _Reader:
    """One pass over the text of a pattern."""

    def __init__(self, text: str, maps: ValueMaps) -> None:
        self._text = text
        self._maps = maps
        self._at = 0

    def read(self) -> Pattern:
        parts: list[str | _Part] = []
        while self._at < len(self._text):
            two = self._text[self._at : self._at + 2]
            if two in ("{{", "}}"):
                parts.append(two[0])
                self._at += 2
            elif two[0] == "{":
                parts.append(self._part())
            elif two[0] == "}":
                raise self._fault("a closing brace without an opening one; write }} for a literal brace")
            else:
                literal = _LITERAL.match(self._text, self._at)
                assert literal is not None
                parts.append(literal[0])
                self._at = literal.end()
        columns = dict.fromkeys(part.column for part in parts if isinstance(part, _Part))
        used = {step.argument for part in parts if isinstance(part, _Part) for step in part.steps if step.name == "map"}
        maps = tuple((name, tuple(sorted(self._maps[name].items()))) for name in sorted(used))
        return Pattern(self._text, tuple(columns), tuple(parts), maps)

    def _part(self) -> _Part:
        opened = self._at
        name = _COLUMN.match(self._text, opened + 1)
        if name is None:
            self._at = opened + 1
            raise self._fault(
                "a column name must follow the brace, for example {CODE|trim}; write {{ for a literal one"
            )
        self._at = name.end()
        if self._text[self._at : self._at + 1] not in ("|", "}"):
            raise (
                self._unclosed(opened)
                if self._at == len(self._text)
                else self._fault(
                    'after the column name comes "|" and a filter, or "}"; put a name with other characters in double quotes'
                )
            )
        steps = []
        while self._text[self._at] == "|":
            steps.append(self._step(opened))
        self._at += 1
        return _Part(name[1] or name[2].upper(), tuple(steps))

    def _step(self, opened: int) -> _Step:
        self._at += 1
        start = self._at
        name, *arguments = self._words(opened)
        end, self._at = self._at, start  # faults of a filter are told at its name
        name = name.strip()
        kind = FILTERS.get(name)
        if kind is None:
            near = difflib.get_close_matches(name.lower(), FILTERS, n=1, cutoff=0.5)
            hint = f'did you mean "{near[0]}"?' if near else f"known filters: {', '.join(FILTERS)}"
            raise self._fault(f'unknown filter "{name}"; {hint}')
        if len(arguments) not in kind.arguments:
            raise self._fault(f'filter "{name}" has {len(arguments)} argument(s); write {kind.usage}')
        try:
            step = _Step(name, kind.build(arguments, self._maps), arguments[0] if arguments else "")
        except ValueError as error:
            raise self._fault(f'filter "{name}": {error}') from None
        self._at = end
        return step

    def _words(self, opened: int) -> list[str]:
        """Name and arguments of a filter; ends at the bar or brace behind them."""
        words = [""]
        while mark := _MARK.search(self._text, self._at):
            words[-1] += self._text[self._at : mark.start()]
            if mark[2] in ("|", "}"):
                self._at = mark.start()
                return words
            if mark[2] == ":":
                words.append("")
            else:
                words[-1] += mark[1]
            self._at = mark.end()
        raise self._unclosed(opened)

    def _unclosed(self, opened: int) -> PatternFault:
        return PatternFault(self._text, opened + 1, "this brace is never closed; end the part with }")

    def _fault(self, problem: str) -> PatternFault:
        return PatternFault(self._text, self._at + 1, problem)
