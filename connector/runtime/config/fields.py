"""What the models know about a key: which keys are its neighbours, and what it means."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from connector.runtime.config.places import KeyPath
from connector.runtime.settings import Secret, Section


@dataclass(frozen=True)
class Known:
    """As much of a path as the models know."""

    path: KeyPath
    annotation: Any
    field: FieldInfo | None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that may stand in it, if it is a table with fixed keys."""
        section = section_of(self.annotation)
        return tuple(section.model_fields) if section else ()

    @property
    def superseded(self) -> Mapping[str, str]:
        """Keys that stood in it in earlier releases, and what to do instead."""
        section = section_of(self.annotation)
        return section.superseded if section else {}

    @property
    def is_secret(self) -> bool:
        return section_of(self.annotation) is Secret

    @property
    def meaning(self) -> str:
        """The first sentence of its documentation."""
        section = section_of(self.annotation)
        text = (self.field.description if self.field else None) or (section.__doc__ if section else None) or ""
        return first_sentence(text)


def follow(model: type[Section], path: Sequence[str | int]) -> Known:
    """Walk from ``model`` along ``path`` as far as it is known."""
    annotation: Any = model
    field: FieldInfo | None = None
    for depth, key in enumerate(path):
        step = _step(annotation, key)
        if step is None:
            return Known(tuple(path[:depth]), annotation, field)
        annotation, found = step
        field = found or field
    return Known(tuple(path), annotation, field)


def section_of(annotation: Any) -> type[Section] | None:
    """The section that the annotation stands for, also an optional one."""
    for one in alternatives(annotation):
        if isinstance(one, type) and issubclass(one, Section):
            return one
    return None


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union but None, or the annotation itself; without ``Annotated``."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for arm in get_args(annotation) if arm is not type(None) for one in alternatives(arm))
    return (annotation,)


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, in one line."""
    joined = " ".join(text.split())
    return joined.split(". ", maxsplit=1)[0].removesuffix(".") + "." if joined else ""


def _step(annotation: Any, key: str | int) -> tuple[Any, FieldInfo | None] | None:
    for one in alternatives(annotation):
        arguments = get_args(one)
        match get_origin(one) or one:
            case type() as section if issubclass(section, Section):
                if isinstance(key, str) and (field := section.model_fields.get(key)):
                    return field.annotation, field
            case type() as mapping if issubclass(mapping, dict) and arguments and isinstance(key, str):
                return arguments[1], None
            case type() as array if issubclass(array, tuple | list) and arguments and isinstance(key, int):
                return arguments[0], None
    return None
