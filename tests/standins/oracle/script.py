"""Cuts a script into statements."""

from __future__ import annotations

from tests.standins.oracle.sql.lexer import tokenize


def statements(script: str) -> list[str]:
    """The statements between semicolons; ones inside texts, names and comments do not count."""
    out, start = [], 0
    tokens = tokenize(script)
    begun = False
    for token in tokens:
        if token.kind == "end" or (token.kind == "op" and token.value == ";"):
            if begun:
                out.append(script[start : token.pos].strip())
            start, begun = token.pos + 1, False
        elif not begun:
            start, begun = token.pos, True
    return out
