"""What Oracle's data dictionary says of objects, many at once.

The DBA_ views say it of all objects and want a grant; the ALL_ views say it of what the user may see, which leaves out
the tables behind a view that it was granted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import oracledb

from connector.runtime.errors import Halted
from connector.source.oracle.errors import DriverError
from connector.source.oracle.session import Row, Session

_SCHEMA = "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL"
_SIZES = (1, 5, 25, 100)


class Name(NamedTuple):
    """An object's full name."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


@dataclass(frozen=True, slots=True)
class Needed:
    """What an object depends on."""

    name: Name
    kind: str
    link: str | None
    """The database link that it is behind."""


class Dictionary:
    """Looks objects up for one source. Which views may be read is tried once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._prefix: dict[str, str] = {}
        self._schema: str | None = None

    @property
    def schema(self) -> str:
        """The schema of names without an owner."""
        if self._schema is None:
            ((schema,),) = self._session.rows("dictionary", _SCHEMA)
            self._schema = str(schema)
        return self._schema

    def kinds(self, names: Iterable[Name]) -> dict[Name, set[str]]:
        """The types of those that are known: a materialised view is a table as well."""
        found: defaultdict[Name, set[str]] = defaultdict(set)
        for owner, name, kind in self._find("OBJECTS", "OBJECT_TYPE", "OBJECT_NAME", names):
            found[Name(owner, name)].add(kind)
        return dict(found)

    def materialised(self, names: Iterable[Name]) -> set[Name]:
        """Those that are materialised views."""
        return {Name(owner, name) for owner, name, _ in self._find("MVIEWS", "NULL", "MVIEW_NAME", names)}

    def synonyms(self, names: Iterable[Name]) -> dict[Name, tuple[Name, str | None]]:
        """What synonyms stand for, with the database link it is behind."""
        rows = self._find("SYNONYMS", "TABLE_OWNER, TABLE_NAME, DB_LINK", "SYNONYM_NAME", names)
        return {Name(owner, name): (Name(str(to or ""), table), link) for owner, name, to, table, link in rows}

    def needed(self, views: Iterable[Name]) -> dict[Name, list[Needed]]:
        """What views depend on directly."""
        found: defaultdict[Name, list[Needed]] = defaultdict(list)
        what = "REFERENCED_OWNER, REFERENCED_NAME, REFERENCED_TYPE, REFERENCED_LINK_NAME"
        for owner, name, to, other, kind, link in self._find("DEPENDENCIES", what, "NAME", views, "TYPE = 'VIEW' AND "):
            found[Name(owner, name)].append(Needed(Name(str(to or ""), other), kind, link))
        return dict(found)

    def sequences(self, names: Iterable[Name]) -> dict[Name, Row]:
        """Step, CYCLE, ORDER, CACHE and LAST_NUMBER of sequences."""
        what = "INCREMENT_BY, CYCLE_FLAG, ORDER_FLAG, CACHE_SIZE, LAST_NUMBER"
        rows = self._find("SEQUENCES", what, "SEQUENCE_NAME", names, owner="SEQUENCE_OWNER")
        return {Name(row[0], row[1]): row[2:] for row in rows}

    def _find(
        self, view: str, what: str, name: str, names: Iterable[Name], more: str = "", owner: str = "OWNER"
    ) -> Iterator[Row]:
        by_owner: defaultdict[str, list[str]] = defaultdict(list)
        for each in names:
            by_owner[each.owner].append(each.name)
        for schema, wanted in sorted(by_owner.items()):
            for start in range(0, len(wanted), _SIZES[-1]):
                part = wanted[start : start + _SIZES[-1]]
                size = next(size for size in _SIZES if size >= len(part))
                listed = ", ".join(f":n{n}" for n in range(size))
                sql = (
                    f"SELECT {owner}, {name}, {what} FROM {self._prefix_of(view)}_{view} "  # noqa: S608
                    f"WHERE {more}{owner} = :o AND {name} IN ({listed})"
                )
                binds = {f"n{n}": part[min(n, len(part) - 1)] for n in range(size)}
                yield from self._session.rows("dictionary", sql, {"o": schema, **binds})

    def _prefix_of(self, view: str) -> str:
        if view not in self._prefix:
            try:
                self._session.rows("dictionary", f"SELECT 1 FROM DBA_{view} WHERE 1 = 0")  # noqa: S608
                self._prefix[view] = "DBA"
            except Halted as fault:
                cause = fault.__cause__
                if not (isinstance(cause, oracledb.Error) and DriverError.of(cause).no_such_object):
                    raise
                self._prefix[view] = "ALL"
        return self._prefix[view]
