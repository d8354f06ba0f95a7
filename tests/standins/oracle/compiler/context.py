"""What a compilation knows and what it finds out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.catalog import Catalog, Reference
from tests.standins.oracle.compiler.typed import Formats, Typed
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class View:
    """A dictionary or V$ view: its columns, and the rows at this moment."""

    columns: dict[str, OraType]
    rows: Rows


Dictionary = Callable[[str, str], View | None]
"""(view name, user) to the view; None if there is none the user may see."""


@dataclass
class Context:
    """One statement's compilation."""

    catalog: Catalog
    user: str
    schema: str
    formats: Formats
    dictionary: Dictionary
    bind_types: tuple[int, ...] = ()
    array: bool = False
    """The statement is to run for many rows of binds: INSERT ... VALUES can take them at once."""
    batch: bool = False
    """Binds are columns of a row source "X$B"."""
    as_of: list[Typed] = field(default_factory=list)
    """Snapshots asked for beside the statement's own, which is number 0."""
    as_of_kinds: list[str] = field(default_factory=list)
    tables: set[tuple[str, str]] = field(default_factory=set)
    """Tables read: a snapshot may be older than their last DDL."""
    reads: set[Reference] = field(default_factory=set)
    """What the statement itself names, not by way of views."""
    draws: dict[int, int] = field(default_factory=dict)
    """How many numbers the statement takes from sequences for each row, by the sequence's object number."""
    valued: bool = False
    """INSERT ... VALUES: as many rows as there are rows of binds."""
    cacheable: bool = True
    refreshing: bool = False
    """A materialised view is being refreshed: its rows may be written."""
    row_scns: bool = False
    """ORA_ROWSCN occurs in the text."""
    row_sequences: dict[int, str] | None = None
    """INSERT ... VALUES: the sequence columns of the row source, by the sequence's object number."""

    def bind(self, index: int) -> Typed:
        """A bind as a typed value."""
        if index > len(self.bind_types):
            raise OraError(1008, "not all variables bound")
        kind = dt.bind_type(self.bind_types[index - 1])
        name = f'"X$B"."b{index}"' if self.batch else f"$b{index}"
        if kind.kind == dt.NUMBER:
            return Typed(f"CAST({name} AS DECIMAL(38, 10))" if self.batch else name, kind)
        if kind.kind == dt.TSTZ:
            zone = f'"X$B"."z{index}"' if self.batch else f"$z{index}"
            return Typed(f"x_tstz(CAST({name} AS TIMESTAMP), CAST({zone} AS VARCHAR))", kind)
        return Typed(f"CAST({name} AS {dt.stored_as(kind)})", kind)

    def snapshot(self, as_of: tuple[str, Typed] | None) -> str:
        """The token in the SQL that stands for a snapshot's condition on X$T and X$E."""
        if as_of is None:
            return place(0)
        kind, when = as_of
        self.as_of.append(when)
        self.as_of_kinds.append(kind)
        return place(len(self.as_of))


def place(number: int) -> str:
    """The token for a snapshot's condition: of characters that no statement holds."""
    return f"\ue000{number}\ue001"


def unknown(name: tree.Name, pos: int) -> OraError:
    """ORA-00904 with the name as Oracle writes it."""
    return OraError(904, ".".join(f'"{part}"' for part in name) + ": invalid identifier", pos)
