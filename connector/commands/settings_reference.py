"""The reference page of the settings, made from the models and the texts under their fields."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connector.commands.settings import Settings
from connector.runtime.config.fields import alternatives, section_of
from connector.runtime.settings import Secret, Section, format_duration

_NAMES = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
    datetime: "date or time with zone",
    time: "time of day",
    Path: "path",
}

_HEAD = """\
# Settings

One TOML file (`--config`, or `$COHORTSTREAM_CONFIG`, or `cohortstream.toml`) holds all settings. `cohortstream config
example` prints a commented one, `cohortstream config check` names every fault at once, `cohortstream config show` prints
what is in force.

- An environment variable lies over a setting: `COHORTSTREAM__SINKS__MOODLE__MOODLE__URL` is `url` of
  `[sinks.moodle.moodle]`. Numbers count the tables of an array from 0.
- A duration is a number with a unit: `"250ms"`, `"15s"`, `"10m"`, `"2h"`, `"1d"`.
- A secret is a text, or better `{ file = "/run/secrets/name" }`: a file that holds nothing else, and is read again
  whenever the secret is used. Secrets are never printed.
- `NAME` stands for a name that you give.
"""


def settings_page() -> str:
    """Every table and every key."""
    return _HEAD + "".join(_tables())


def undocumented() -> list[str]:
    """The keys without a text under them."""
    found = []
    for section, path, _, _ in _walk(Settings, "", "", array=False):
        found += [f"{path}.{name}" for name, field in section.model_fields.items() if not field.description]
    return found


def _tables() -> Iterator[str]:
    for section, where, about, is_array in _walk(Settings, "", "", array=False):
        keys = {name: field for name, field in section.model_fields.items() if not _sections_in(field)}
        if not where or not keys:
            continue
        heading = f"[[{where}]]" if is_array else f"[{where}]"
        named = f"\n\n{_markdown(about)}" if is_array or where.endswith("NAME") else ""
        yield f"\n## `{heading}`\n\n{_markdown(section.__doc__ or '')}{named}\n\n"
        yield "| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
        for name, field in keys.items():
            yield f"| `{name}` | {_type(field)} | {_default(field)} | {_cell(field.description or '')} |\n"


def _walk(
    section: type[Section], path: str, about: str, *, array: bool
) -> Iterator[tuple[type[Section], str, str, bool]]:
    """Every table: its section, its path, what the field that holds it says, and whether there are several."""
    yield section, path, about, array
    for name, field in section.model_fields.items():
        for inner, suffix, is_array in _sections_in(field):
            yield from _walk(inner, f"{path}.{name}{suffix}".lstrip("."), field.description or "", array=is_array)


def _sections_in(field: FieldInfo) -> list[tuple[type[Section], str, bool]]:
    """The tables that a field holds: itself, one per name, or an array of them. A secret counts as a value."""
    found = []
    for one in alternatives(field.annotation):
        arguments = get_args(one)
        inner, suffix, is_array = one, "", False
        if get_origin(one) is dict:
            inner, suffix = arguments[1], ".NAME"
        elif get_origin(one) is tuple:
            inner, is_array = arguments[0], True
        section = section_of(inner)
        if section is not None and section is not Secret:
            found.append((section, suffix, is_array))
    return found


def _type(field: FieldInfo) -> str:
    text = _type_name(field.annotation)
    bounds = [
        f"{sign} {getattr(one, attribute)}"
        for one in field.metadata
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(one, attribute, None) is not None
    ]
    return _cell(text + (f", {', '.join(bounds)}" if bounds else ""))


def _type_name(annotation: Any) -> str:
    options = list(dict.fromkeys(_one_type(one) for one in alternatives(annotation)))
    return " or ".join(options)


def _one_type(annotation: Any) -> str:
    arguments = get_args(annotation)
    match get_origin(annotation):
        case None if isinstance(annotation, type) and issubclass(annotation, Enum):
            return " or ".join(f'`"{member.value}"`' for member in annotation)
        case None:
            return (
                "secret" if annotation is Secret else _NAMES.get(annotation, getattr(annotation, "__name__", "value"))
            )
        case origin if origin is Literal:
            return " or ".join(f'`"{value}"`' for value in arguments)
        case origin if origin is dict:
            return f"table of {_type_name(arguments[1])}"
        case origin if origin in (tuple, list):
            return f"list of {_type_name(arguments[0])}"
        case origin if origin in (Union, types.UnionType):
            return _type_name(annotation)
        case origin:
            return str(origin)


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    match default:
        case _ if default is PydanticUndefined:
            return "required"
        case None:
            return "absent"
        case timedelta():
            return f'`"{format_duration(default)}"`'
        case bool():
            return f"`{str(default).lower()}`"
        case int() | float():
            return f"`{default}`"
        case str() | Path():
            return f'`"{default}"`'
        case (str() | time(), *_):
            listed = (f"{one:%H:%M}" if isinstance(one, time) else one for one in default)
            return f"`{json.dumps(list(listed))}`"
        case _:
            return "empty"


def _markdown(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _cell(text: str) -> str:
    return _markdown(text).replace("|", "\\|")
