"""The names in the text of a query, as far as can be told without a grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector.source.setting_types import oracle_name

_PART = r'(?:"[^"]+"|[^\W\d][\w$#]*)'
_TOKEN = re.compile(
    rf"""
      --[^\n]* | /\*.*?(?:\*/|\Z)
    | n?q'(?: \[.*?\]' | \{{.*?\}}' | \(.*?\)' | <.*?>' | (?P<mark>[^\s]).*?(?P=mark)' )
    | n?'(?:[^']|'')*(?:'|\Z)
    | (?P<name>{_PART}(?:\s*\.\s*{_PART})*)
    | (?P<link>@\s*(?P<database>{_PART}(?:\s*\.\s*{_PART})*)?)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Words:
    """What a query may name: tables, but also columns, aliases and keywords."""

    names: tuple[tuple[str, ...], ...]
    """Each name by its parts, as Oracle spells them; each once."""
    links: tuple[str, ...]
    """Database links."""


def words_of(query: str) -> Words:
    """Everything outside texts and comments that could be a name."""
    names: dict[tuple[str, ...], None] = {}
    links: dict[str, None] = {}
    for token in _TOKEN.finditer(query):
        if token["name"] is not None:
            names[_parts(token["name"])] = None
        elif token["link"] is not None:
            links[".".join(_parts(token["database"] or "?"))] = None
    return Words(tuple(names), tuple(links))


def parts_of(table: str) -> tuple[str, ...]:
    """A table's name by its parts."""
    return _parts(table)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(oracle_name(part) for part in re.findall(_PART, name)) or (name,)
