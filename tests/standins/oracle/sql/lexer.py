"""Cuts Oracle SQL into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tests.standins.oracle.errors import OraError

Kind = Literal["name", "quoted", "number", "text", "bind", "op", "end"]
LONGEST_NAME = 128  # bytes, since 12.2

_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]*(?:\n|$) | /\*.*?\*/)
    | (?P<quote>[nN]?[qQ]'(?P<open>[^\s]))
    | (?P<text>[nN]?'(?:[^']|'')*')
    | (?P<quoted>"[^"]+")
    | (?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?(?![\w$#]))
    | (?P<bind>:\s*(?:"[^"]+"|\w+))
    | (?P<name>[^\W\d][\w$#]*)
    | (?P<op>\|\| | <= | >= | <> | != | \^= | \*\* | => | [-+*/()=<>,.;@?%])
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token. Unquoted names are in upper case; `raw` is as written."""

    kind: Kind
    value: str
    pos: int
    raw: str = ""


def tokenize(sql: str) -> list[Token]:
    """The tokens of a statement, binds numbered by occurrence from 1, and an end token.

    The driver sends one value per occurrence of a bind, so `:a or :a` has two.
    """
    out: list[Token] = []
    position, binds = 0, 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            if sql[position] in "'\"":
                raise OraError(1756, "quoted string not properly terminated", position)
            raise OraError(911, "invalid character", position)
        raw = match[0]
        kind = match.lastgroup
        if kind == "open":
            kind = "quote"
        if kind == "quote":
            closing = _CLOSING.get(match["open"], match["open"]) + "'"
            end = sql.find(closing, match.end())
            if end < 0:
                raise OraError(1756, "quoted string not properly terminated", position)
            out.append(Token("text", sql[match.end() : end], position, sql[position : end + 2]))
            position = end + 2
            continue
        if kind == "text":
            body = raw[raw.index("'") + 1 : -1].replace("''", "'")
            out.append(Token("text", body, position, raw))
        elif kind == "quoted":
            out.append(Token("quoted", _checked(raw[1:-1], position), position, raw))
        elif kind == "number":
            out.append(Token("number", raw.rstrip("fFdD"), position, raw))
        elif kind == "bind":
            binds += 1
            out.append(Token("bind", str(binds), position, raw))
        elif kind == "name":
            out.append(Token("name", _checked(raw.upper(), position), position, raw))
        elif kind == "op":
            value = {"!=": "<>", "^=": "<>"}.get(raw, raw)
            out.append(Token("op", value, position, raw))
        position = match.end()
    out.append(Token("end", "", len(sql)))
    return out


def _checked(name: str, position: int) -> str:
    if len(name.encode()) > LONGEST_NAME:
        raise OraError(972, "identifier is too long", position)
    return name
