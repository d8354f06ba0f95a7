"""INSERT, UPDATE, DELETE and MERGE, parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.standins.oracle.sql import tree


@dataclass(slots=True)
class Insert:
    table: tree.TableRef
    columns: list[str]
    values: list[tree.Expr | None] | None  # None in the list: DEFAULT
    query: tree.Query | None = None


@dataclass(slots=True)
class Assignment:
    columns: list[str]
    value: tree.Expr | None  # None: DEFAULT


@dataclass(slots=True)
class Update:
    table: tree.TableRef
    assignments: list[Assignment]
    where: tree.Expr | None


@dataclass(slots=True)
class Delete:
    table: tree.TableRef
    where: tree.Expr | None


@dataclass(slots=True)
class Merge:
    table: tree.TableRef
    source: tree.Source
    on: tree.Expr
    assignments: list[Assignment]
    update_where: tree.Expr | None
    delete_where: tree.Expr | None
    insert_columns: list[str]
    insert_values: list[tree.Expr | None] | None
    insert_where: tree.Expr | None
