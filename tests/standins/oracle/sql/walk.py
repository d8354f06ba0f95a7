"""Walking over a parsed tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from tests.standins.oracle.sql import tree


def within(node: Any) -> Iterator[Any]:
    """The node and everything below it, but not the inside of subqueries."""
    if isinstance(node, list | tuple):
        for item in node:
            yield from within(item)
    elif is_dataclass(node) and not isinstance(node, tree.Query):
        yield node
        for field in fields(node):
            yield from within(getattr(node, field.name))


def columns(node: Any) -> Iterator[tree.Column]:
    """The column references below a node, outside subqueries."""
    return (n for n in within(node) if isinstance(n, tree.Column))


def conjuncts(node: tree.Expr | None) -> list[tree.Expr]:
    """A condition as the list of what AND joins."""
    if node is None:
        return []
    if isinstance(node, tree.Logical) and node.op == "AND":
        return [part for each in node.parts for part in conjuncts(each)]
    return [node]
