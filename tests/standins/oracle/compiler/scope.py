"""Which columns a name may mean at a place in a query."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler.typed import Typed, quoted
from tests.standins.oracle.datatypes import OraType
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import tree


@dataclass(slots=True)
class Output:
    """One column of a query's result: its name, its type, and what DuckDB calls it."""

    name: str
    type: OraType
    label: str
    nullable: bool = True


@dataclass(slots=True)
class Source:
    """One entry of FROM."""

    alias: str
    outputs: list[Output]
    owner: str = ""
    table: str = ""
    object_id: int = 0
    """Set for tables: they have ROWIDs."""

    def output(self, name: str) -> Output | None:
        found = [o for o in self.outputs if o.name == name]
        if len(found) > 1:
            raise OraError(918, f'"{name}": column ambiguously defined')
        return found[0] if found else None


@dataclass(slots=True)
class Scope:
    """The sources of one query block, inside those of the blocks around it."""

    parent: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    ctes: dict[str, list[Output]] = field(default_factory=dict)
    merged: dict[str, OraType] = field(default_factory=dict)
    """Columns of JOIN ... USING: they have no qualifier."""
    row_number: str | None = None
    """SQL of ROWNUM, where it may be used."""
    level: str | None = None
    aliases: dict[str, Typed] = field(default_factory=dict)
    """Names of select items, which ORDER BY may use inside expressions."""

    def cte(self, name: str) -> list[Output] | None:
        scope: Scope | None = self
        while scope:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None

    def add(self, source: Source) -> None:
        self.sources.append(source)

    def resolve(self, name: tree.Name) -> Typed | None:
        """The column a name means here or further out; None if none."""
        scope: Scope | None = self
        while scope:
            if found := scope._here(name):
                return found
            scope = scope.parent
        return None

    def _here(self, name: tree.Name) -> Typed | None:
        column = name[-1]
        if len(name) == 1 and column in self.aliases:
            return self.aliases[column]
        if len(name) == 1 and column in self.merged:
            return Typed(quoted(column), self.merged[column])
        if len(name) == 1 and column == "ROWNUM" and self.row_number:
            return Typed(self.row_number, dt.ANY_NUMBER)
        if len(name) == 1 and column == "LEVEL" and self.level:
            return Typed(self.level, dt.ANY_NUMBER)
        found: list[Typed] = []
        for source in self.sources:
            if not _matches(source, name[:-1]):
                continue
            if output := source.output(column):
                found.append(Typed(f"{quoted(source.alias)}.{quoted(output.label)}", output.type))
            elif column == "ROWID" and source.object_id:
                found.append(Typed(f'x_rowid({source.object_id}, {quoted(source.alias)}."X$ID")', dt.A_ROWID))
            elif column == "ORA_ROWSCN" and source.object_id:
                found.append(Typed(f'{quoted(source.alias)}."X$SCN"', dt.ANY_NUMBER))
        if len(found) > 1:
            raise OraError(918, f'"{column}": column ambiguously defined')
        return found[0] if found else None

    def stars(self, of: tree.Name = ()) -> list[tuple[Output, Typed]]:
        """The columns a star stands for."""
        out: list[tuple[Output, Typed]] = []
        if not of:
            out += [(Output(n, t, n), Typed(quoted(n), t)) for n, t in self.merged.items()]
        matched = False
        for source in self.sources:
            if of and not _matches(source, of):
                continue
            matched = True
            for o in source.outputs:
                if of or o.name not in self.merged:
                    out.append((o, Typed(f"{quoted(source.alias)}.{quoted(o.label)}", o.type)))
        if of and not matched:
            raise OraError(904, f'"{of[-1]}": invalid identifier')
        return out


def _matches(source: Source, qualifier: tree.Name) -> bool:
    """A qualifier is an alias, or a table's name with or without its owner if it has no other alias."""
    if not qualifier:
        return True
    if len(qualifier) == 1:
        return qualifier[0] == source.alias
    return qualifier == (source.owner, source.table) and source.alias == source.table
