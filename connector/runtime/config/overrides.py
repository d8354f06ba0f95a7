"""Settings from the environment: ``COHORTSTREAM__KAFKA__TOPIC_PREFIX=test.`` lays over ``topic_prefix`` of ``[kafka]``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from connector.runtime.config.places import KeyPath
from connector.runtime.errors import Fault
from connector.runtime.messages import SettingsMessage, message

PREFIX = "COHORTSTREAM__"


def apply_overrides(data: dict[str, Any], environment: Mapping[str, str]) -> tuple[dict[KeyPath, str], list[Fault]]:
    """Lay the environment over ``data``, in place; tells which variable set which key, and what does not fit.

    A name is found whatever its capitals, because variables are written in capitals. Numbers count the tables of an
    array from 0. Text that reads as a TOML array or inline table is one; any other stays text, for the models to read.
    """
    places: dict[KeyPath, str] = {}
    faults = []
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        try:
            path = _set(data, variable.removeprefix(PREFIX).split("__"), _value(environment[variable]))
        except ValueError as error:
            fault = message(SettingsMessage.BAD_OVERRIDE, variable=variable, reason=error)
            faults.append(Fault(fault, "environment"))
        else:
            places[path] = f"environment variable {variable}"
    return places, faults


def _set(data: dict[str, Any], names: list[str], value: object) -> KeyPath:
    at: Any = data
    path: list[str | int] = []
    for depth, name in enumerate(names):
        if not name:
            raise ValueError("a level is empty")
        last = depth == len(names) - 1
        key: str | int
        if isinstance(at, list):
            key = _index(name, len(at))
        else:
            key = next((known for known in at if known.lower() == name.lower()), name.lower())
            if not last and not isinstance(at.get(key), dict | list):
                at[key] = {}  # also over a text: a file for a secret replaces its value
        path.append(key)
        if last:
            at[key] = value
        else:
            at = at[key]
            if not isinstance(at, dict | list):
                raise ValueError(f'"{".".join(map(str, path))}" is no table')
    return tuple(path)


def _index(name: str, length: int) -> int:
    if not name.isdecimal() or int(name) >= length:
        raise ValueError(f'"{name}" must be a number below {length}, the count of the elements in the file')
    return int(name)


def _value(text: str) -> object:
    if text.strip().startswith(("[", "{")):
        try:
            return tomllib.loads(f"value = {text.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            return text  # such as an IPv6 address
    return text
