"""In which line of a TOML file each key stands. The standard library's reader does not tell.

Works on text that ``tomllib`` has accepted; keys within an inline table or array have the line of the key that holds it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]
"""Keys from the root on; an int counts the tables of an array of tables, or the elements of an array, from 0."""

_STRING = r'"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>#[^\n]*)|(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<end>\n)", re.DOTALL
)
_KEY = re.compile(r"""\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.)?""")


def line_of_keys(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every table header and every key."""
    lines: dict[KeyPath, int] = {}
    arrays: Counter[KeyPath] = Counter()
    table: KeyPath = ()
    for line, statement in _statements(text):
        if statement.startswith("[["):
            path = _resolve((), _keys(statement[2:]), arrays, last=False)
            table = (*path, arrays[path])
            arrays[path] += 1
            lines.setdefault(path, line)
            lines[table] = line
            continue
        if statement.startswith("["):
            table = path = _resolve((), _keys(statement[1:]), arrays)
        else:
            path = _resolve(table, _keys(statement), arrays)
        for end in range(1, len(path) + 1):
            lines.setdefault(path[:end], line)
        lines[path] = line
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Headers and assignments, each with the line in which it begins."""
    start = depth = 0
    for token in [*_TOKEN.finditer(text), None]:
        if token is not None and token.lastgroup in ("open", "close"):
            depth += 1 if token.lastgroup == "open" else -1
        if token is not None and (token.lastgroup != "end" or depth):
            continue
        whole = text[start : token.start() if token else len(text)]
        bare = whole.lstrip()
        if bare and not bare.startswith("#"):
            skipped = start + len(whole) - len(bare)
            yield text.count("\n", 0, skipped) + 1, bare
        start = token.end() if token else len(text)


def _keys(text: str) -> list[str]:
    keys = []
    at = 0
    while found := _KEY.match(text, at):
        quoted, literal, bare, dot = found.groups()
        # Escapes within a quoted key are left as they are: such a key is found by its table.
        keys.append(quoted if quoted is not None else literal if literal is not None else bare)
        at = found.end()
        if not dot:
            break
    return keys


def _resolve(table: KeyPath, keys: list[str], arrays: Counter[KeyPath], *, last: bool = True) -> KeyPath:
    """The path of ``keys`` under ``table``; a key that names an array of tables means its latest table."""
    path = table
    for number, key in enumerate(keys):
        path = (*path, key)
        if path in arrays and (last or number < len(keys) - 1):
            path = (*path, arrays[path] - 1)
    return path
