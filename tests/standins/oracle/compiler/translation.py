"""From a statement's text to what the engine runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from tests.standins.oracle import datatypes as dt
from tests.standins.oracle.compiler.changes import Change, Changes
from tests.standins.oracle.compiler.context import Context
from tests.standins.oracle.compiler.typed import Typed, instant, to_number
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.sql import changes, tree
from tests.standins.oracle.sql.commands import Command
from tests.standins.oracle.sql.statements import parse
from tests.standins.oracle.values import Column

_PARAMETER = re.compile(r"\$([a-z]\w*)")


@dataclass(slots=True)
class Translated:
    """A statement ready to run."""

    kind: Literal["query", "change", "command"]
    sql: str = ""
    """A query's; guillemets hold the places of snapshot conditions."""
    columns: list[Column] = field(default_factory=list)
    zoned: list[int] = field(default_factory=list)
    locks: list[tuple[str, str]] = field(default_factory=list)
    locking: tree.Locking | None = None
    changes: list[Change] = field(default_factory=list)
    command: Command | None = None
    as_of: list[tuple[str, str]] = field(default_factory=list)
    """Kinds and SQL of the snapshots asked for, from number 1."""
    tables: set[tuple[str, str]] = field(default_factory=set)
    draws: dict[int, int] = field(default_factory=dict)
    """Numbers that each row takes from sequences, by object number."""
    valued: bool = False
    """As many rows as there are rows of binds."""
    batch: bool = False
    """Takes all rows of binds at once."""
    cacheable: bool = True


def parameters(sql: str) -> set[str]:
    """The names of the parameters in a piece of DuckDB SQL."""
    return set(_PARAMETER.findall(_without_texts(sql)))


def _without_texts(sql: str) -> str:
    return re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "''", sql)


def translate(sql: str, context: Context) -> Translated:
    """Parse, resolve and type a statement. Raises the ORA error a client would see."""
    parsed = parse(sql)
    context.row_scns = "ORA_ROWSCN" in sql.upper()
    if isinstance(parsed, tree.Query):
        compiler = Changes(context)
        result = compiler.top(parsed)
        if result.locks and not context.tables:
            raise OraError(2014, "cannot select FOR UPDATE from view with DISTINCT, GROUP BY, etc.")
        columns = [dt.described(o.name, o.type, nullable=o.nullable) for o in result.outputs]
        out = Translated("query", result.sql, columns, result.zoned, result.locks, parsed.locking)
    elif isinstance(parsed, changes.Insert | changes.Update | changes.Delete | changes.Merge):
        out = Translated("change", changes=Changes(context).change(parsed))
    else:
        out = Translated("command", command=parsed, cacheable=False)
    out.as_of = [_snapshot_sql(kind, value) for kind, value in zip(context.as_of_kinds, context.as_of, strict=True)]
    out.tables, out.draws, out.batch = context.tables, context.draws, context.batch
    out.valued = context.valued
    out.cacheable = out.cacheable and context.cacheable
    return out


def _snapshot_sql(kind: str, value: Typed) -> tuple[str, str]:
    if kind == "SCN":
        return kind, f"SELECT CAST({to_number(value).sql} AS BIGINT)"
    if value.kind not in dt.MOMENTS:
        raise OraError(30175, "invalid type given for an argument")
    return kind, f"SELECT {instant(value)}"
