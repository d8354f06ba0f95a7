"""Types of settings: names of columns and tables as a person writes them, checked once."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_TABLE = re.compile(r'("[^"]+"|[\w$#]+)(\.("[^"]+"|[\w$#]+))?(@[\w$#.]+)?')
_BEGINNING = re.compile(r"(\s|--[^\n]*\n|/\*([^*]|\*(?!/))*\*/)*(select|with)\b", re.IGNORECASE)
"""Comments may come first."""


def oracle_name(text: str) -> str:
    """A column's name as Oracle spells it: capitals, unless it stands in double quotes."""
    text = text.strip()
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == '"' else text.upper()


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text.strip()):
        raise ValueError("not a table name; write OWNER.TABLE, or give a query")
    return text.strip()


def _query(text: str) -> str:
    text = text.strip().rstrip(";").rstrip()
    if not _BEGINNING.match(text):
        raise ValueError("a query begins with SELECT or WITH")
    return text


Column = Annotated[str, Field(min_length=1), AfterValidator(oracle_name)]
Table = Annotated[str, AfterValidator(_table)]
Query = Annotated[str, AfterValidator(_query)]
