"""Reading the settings: file, then environment, then the models; every fault is told in one go."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from connector.runtime.config.faults import dotted, explain
from connector.runtime.config.overrides import PREFIX, apply_overrides
from connector.runtime.config.places import KeyPath, line_of_keys
from connector.runtime.errors import Fault, SettingsFaults
from connector.runtime.messages import SettingsMessage, message
from connector.runtime.settings import Secret, Section

_AnySection = TypeVar("_AnySection", bound=Section)


@dataclass(frozen=True)
class Origin:
    """Where each key was set."""

    file: Path | None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    variables: Mapping[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> tuple[int, str]:
        """Order and name of the place where ``path`` is set, or else of the nearest table around it."""
        for end in range(len(path), 0, -1):
            if name := self.variables.get(path[:end]):
                return 1_000_000_000, name
            if line := self.lines.get(path[:end]):
                return line, f"{self.file}, line {line}"
        return 0, str(self.file) if self.file else "environment"


def overriding(environment: Mapping[str, str]) -> bool:
    """Whether the environment sets anything."""
    return any(name.startswith(PREFIX) for name in environment)


def load(model: type[_AnySection], file: Path | None, environment: Mapping[str, str]) -> tuple[_AnySection, Origin]:
    """The settings and where they come from. Without ``file`` the environment holds all of them.

    Raises:
        SettingsFaults: every fault that was found. None of them shows a secret.
    """
    text = _read(file) if file else ""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = f"{file}, line {line[1]}" if line else str(file)
        raise SettingsFaults([Fault(message(SettingsMessage.NOT_TOML, reason=error), place)]) from None
    variables, faults = apply_overrides(data, environment)
    origin = Origin(file, line_of_keys(text), variables)
    try:
        settings = model.model_validate(data)
    except ValidationError as error:
        placed = [
            (*origin.place(path), made)
            for path, made in explain(model, error.errors(include_url=False, include_input=False))
        ]
        placed.sort(key=lambda one: one[:2])
        faults += [Fault(made, place) for _, place, made in placed]
        raise SettingsFaults(faults) from None
    if faults:
        raise SettingsFaults(faults)
    return settings, origin


def secret_faults(section: Section, path: KeyPath = (), origin: Origin | None = None) -> list[Fault]:
    """The secrets within ``section`` that cannot be read now. A role asks for its own: it may not be let near others."""
    faults: list[tuple[tuple[int, str], Fault]] = []
    for key, secret in _secrets(section, path):
        try:
            secret.read()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            told = message(SettingsMessage.SECRET_UNREADABLE, key=dotted(key), reason=f"{secret.file}: {reason}")
            place = (origin or Origin(None)).place(key)
            faults.append((place, Fault(told, place[1])))
    return [fault for _, fault in sorted(faults, key=lambda one: one[0])]


def _secrets(value: object, path: KeyPath) -> Iterator[tuple[KeyPath, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, Section):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _secrets(one, (*path, str(name)))
    elif isinstance(value, tuple | list):
        for number, one in enumerate(value):
            yield from _secrets(one, (*path, number))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        fault = message(SettingsMessage.FILE_MISSING, path=file)
    except OSError as error:
        fault = message(SettingsMessage.FILE_UNREADABLE, path=file, reason=error.strerror)
    except UnicodeDecodeError as error:
        fault = message(SettingsMessage.NOT_TOML, reason=f"byte {error.start + 1} is not UTF-8")
    raise SettingsFaults([Fault(fault, str(file))])
