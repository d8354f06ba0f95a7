"""Whether an index serves a column, as far as a user without rights beyond SELECT can tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector.source.oracle.session import Session
from connector.source.setting_types import oracle_name

_SCHEMA = "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL"
_KIND = "SELECT OWNER, OBJECT_NAME, OBJECT_TYPE FROM ALL_OBJECTS WHERE OWNER = :o AND OBJECT_NAME = :t"
_SYNONYM = (
    "SELECT TABLE_OWNER, TABLE_NAME FROM ALL_SYNONYMS WHERE SYNONYM_NAME = :t AND OWNER IN (:o, 'PUBLIC') "
    "AND DB_LINK IS NULL"
)
_INDEX = (
    "SELECT INDEX_NAME FROM ALL_IND_COLUMNS WHERE TABLE_OWNER = :o AND TABLE_NAME = :t AND COLUMN_NAME = :c "
    "AND COLUMN_POSITION = 1"
)
_BASES = (
    "SELECT REFERENCED_OWNER, REFERENCED_NAME FROM ALL_DEPENDENCIES WHERE OWNER = :o AND NAME = :t "
    "AND REFERENCED_TYPE = 'TABLE'"
)
_HAS = "SELECT COUNT(*) FROM ALL_TAB_COLUMNS WHERE OWNER = :o AND TABLE_NAME = :t AND COLUMN_NAME = :c"
_FUNCTIONS = "SELECT COUNT(*) FROM ALL_IND_EXPRESSIONS WHERE TABLE_OWNER = :o AND TABLE_NAME = :t"


@dataclass(frozen=True, slots=True)
class Served:
    """``index`` that begins with the column, or why that is ``unknown``; neither: there is none."""

    index: str | None = None
    unknown: str | None = None


def index_of(session: Session, table: str | None, column: str) -> Served:
    """Look it up. ``table`` None stands for a query, which could read anything."""
    if table is None:
        return Served(unknown="it is read by a query")
    if "@" in table:
        return Served(unknown="it is in another database")
    owner, name = _split(session, table)
    kinds = {kind for _, _, kind in session.rows("indexes", _KIND, {"o": owner, "t": name})}
    if not kinds & {"TABLE", "VIEW", "MATERIALIZED VIEW"}:
        targets = session.rows("indexes", _SYNONYM, {"o": owner, "t": name})
        if not targets:
            return Served(unknown="the dictionary does not show it to this user")
        owner, name = targets[0]
        kinds = {kind for _, _, kind in session.rows("indexes", _KIND, {"o": owner, "t": name})}
    if kinds & {"TABLE", "MATERIALIZED VIEW"}:
        return _of_table(session, owner, name, column)
    return _of_view(session, owner, name, column)


def _of_table(session: Session, owner: str, table: str, column: str) -> Served:
    found = session.rows("indexes", _INDEX, {"o": owner, "t": table, "c": column})
    if found:
        return Served(index=str(found[0][0]))
    ((expressions,),) = session.rows("indexes", _FUNCTIONS, {"o": owner, "t": table})
    # A TIMESTAMP WITH TIME ZONE is indexed by a hidden expression.
    return Served(unknown="it has indexes of expressions") if expressions else Served()


def _of_view(session: Session, owner: str, view: str, column: str) -> Served:
    """Of the one base table that has a column of this name."""
    bases = session.rows("indexes", _BASES, {"o": owner, "t": view})
    having = [
        (base_owner, base)
        for base_owner, base in bases
        if session.rows("indexes", _HAS, {"o": base_owner, "t": base, "c": column})[0][0]
    ]
    if len(having) != 1:
        return Served(unknown="it is a view, and the column's table cannot be told")
    found = _of_table(session, *having[0], column)
    return found if found.index is not None else Served(unknown=f"it is a view over {having[0][1]}")


def _split(session: Session, table: str) -> tuple[str, str]:
    parts = re.findall(r'"[^"]+"|[^.]+', table)
    names = [oracle_name(part) for part in parts]
    if len(names) == 2:
        return names[0], names[1]
    ((schema,),) = session.rows("indexes", _SCHEMA)
    return str(schema), names[0]
