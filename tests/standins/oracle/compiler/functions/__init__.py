"""Oracle's functions, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from tests.standins.oracle.compiler.context import unknown
from tests.standins.oracle.compiler.functions import aggregates, dates, general, numbers, session, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.compiler.typed import Typed
    from tests.standins.oracle.sql import tree

    Function = Callable[[Expressions, tree.Call], Typed]

_FUNCTIONS: dict[str, Function] = {
    **texts.FUNCTIONS,
    **numbers.FUNCTIONS,
    **dates.FUNCTIONS,
    **general.FUNCTIONS,
    **session.FUNCTIONS,
    **aggregates.FUNCTIONS,
}
_BARE: dict[str, Function] = {**session.BARE, **dates.BARE}
_PACKAGED = ("SYS", "STANDARD")  # owners that may be written before a function's name


@overload
def call_function(compiler: Expressions, node: tree.Call) -> Typed: ...
@overload
def call_function(compiler: Expressions, node: tree.Call, *, bare: Literal[True]) -> Typed | None: ...


def call_function(compiler: Expressions, node: tree.Call, *, bare: bool = False) -> Typed | None:
    """A function's value. `bare`: written without parentheses, which only some allow; None if not one of them."""
    parts = node.name[1:] if len(node.name) > 1 and node.name[0] in _PACKAGED else node.name
    name = ".".join(parts)
    if bare:
        function = _BARE.get(name)
        return function(compiler, node) if function else None
    function = aggregates.WINDOWED.get(name) if node.window else None
    function = function or _FUNCTIONS.get(name) or _BARE.get(name)
    if function is None:
        raise unknown(node.name, node.pos)
    return function(compiler, node)
