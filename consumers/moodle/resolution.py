"""Which account a student key leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.runtime.patterns import Pattern, Unmappable

Normaliser = Callable[[str], str | None]
"""Makes student keys and Moodle's values alike; ``None`` for a text that can be neither."""


@dataclass(frozen=True, slots=True)
class Found:
    """Exactly one account."""

    user_id: int
    username: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No account, as far as is known."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several accounts carry the key's value: a discrepancy for a person, never a guess."""

    user_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """The account was deleted in Moodle."""

    user_id: int


Resolution = Found | Unknown | Ambiguous | Deleted
UNKNOWN = Unknown()


def normaliser(pattern: Pattern) -> Normaliser:
    """The normaliser that ``pattern`` describes; its one column is ``VALUE``.

    Raises:
        ValueError: it names another column, or none.
    """
    if pattern.columns != ("VALUE",):
        raise ValueError('the pattern must use the column VALUE and no other, as in "{VALUE|trim}"')

    def normalise(text: str) -> str | None:
        try:
            return pattern.render({"VALUE": text})
        except Unmappable:
            return None

    return normalise
