"""Records to and from the plain values that Avro knows; the shape is taken from the types themselves."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar

R = TypeVar("R")
Convert = Callable[[Any], Any] | None
"""A conversion, or None where the value stays as it is."""


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _outward(hint: Any) -> Convert:
    """How a value of this type becomes an Avro value."""
    match _shape(hint):
        case ("optional", inner):
            convert = _outward(inner)
            return None if convert is None else partial(_unless_none, convert)
        case ("tuple", inner):
            convert = _outward(inner)
            return list if convert is None else partial(_listed, convert)
        case ("record", kind):
            return lambda value: to_plain(value, kind)
        case ("map", _):
            return dict
        case _:
            return None


def _inward(hint: Any) -> Convert:
    """How an Avro value becomes a value of this type."""
    match _shape(hint):
        case ("optional", inner):
            convert = _inward(inner)
            return None if convert is None else partial(_unless_none, convert)
        case ("tuple", inner):
            convert = _inward(inner)
            return tuple if convert is None else lambda value: tuple(_listed(convert, value))
        case ("record", kind):
            return lambda value: from_plain(value, kind)
        case ("enum", kind):
            return {member.value: member for member in kind}.__getitem__
        case _:
            return None


def _unless_none(convert: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else convert(value)


def _listed(convert: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    return [convert(value) for value in values]


def _shape(hint: Any) -> tuple[str, Any]:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is types.UnionType and len(arguments) == 2 and type(None) in arguments:
        return "optional", next(kind for kind in arguments if kind is not type(None))
    if origin is tuple:
        return "tuple", arguments[0]
    if origin is not None and issubclass(origin, Mapping):
        return "map", arguments[1]
    if dataclasses.is_dataclass(hint):
        return "record", hint
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "enum", hint
    return "plain", hint


@cache
def _conversions(kind: Any) -> tuple[tuple[str, Convert, Convert], ...]:
    hints = _hints(kind)
    return tuple(
        (field.name, _outward(hints[field.name]), _inward(hints[field.name])) for field in dataclasses.fields(kind)
    )


def to_plain(record: Any, kind: type | None = None) -> dict[str, Any]:
    """The record as a mapping of Avro values."""
    return {
        name: getattr(record, name) if outward is None else outward(getattr(record, name))
        for name, outward, _ in _conversions(kind or type(record))
    }


def from_plain(plain: Mapping[str, Any], kind: type[R]) -> R:
    """The record that these Avro values describe.

    Raises:
        KeyError: a field is missing, or an enumeration has a symbol that the schema's resolution should have replaced.
    """
    shape: Any = kind
    return kind(
        **{name: plain[name] if inward is None else inward(plain[name]) for name, _, inward in _conversions(shape)}
    )
