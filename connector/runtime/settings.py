"""What every section of the settings file is made of.

A section is a frozen model beside the code that it steers; ``connector.commands.settings`` assembles them. Under each
field stands its documentation: unit, meaning of an absent value, reason for the default. The reference page is made
from it, so a field without one fails a test. Unknown keys are faults, and all faults are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SecretStr, model_validator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")


def parse_duration(value: object) -> object:
    """``"250ms"``, ``"15s"``, ``"10m"``, ``"2h"``, ``"1d"``, or a number of seconds; anything else is a fault."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return timedelta(seconds=value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    raise ValueError(f'not a duration: {value!r}; write a number and a unit, such as "250ms", "15s", "10m", "2h", "1d"')


def format_duration(value: timedelta) -> str:
    """The shortest text that ``parse_duration`` reads back as the same value."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or not seconds else f"{seconds * 1000:g}ms"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
"""A length of time, written with its unit."""


class Section(BaseModel):
    """Base of every settings section."""

    superseded: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier releases that are gone, and what to do instead."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, hide_input_in_errors=True
    )


class Secret(Section):
    """A secret, given as a value (best by an environment override) or as a file that holds nothing else.

    The file is read again at each use, so that a renewed secret is taken without a restart. Neither is ever printed.
    """

    value: SecretStr | None = None
    """The secret itself. Prefer ``file``, or an environment override, to a value in the settings file."""

    file: Path | None = None
    """File whose content, without surrounding white space, is the secret. Read again at each use."""

    @model_validator(mode="before")
    @classmethod
    def _accept_text(cls, data: object) -> object:
        return {"value": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _exactly_one(self) -> Secret:
        if (self.value is None) == (self.file is None):
            raise ValueError("give exactly one of value and file")
        return self

    def read(self) -> str:
        """The secret as it is now.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is empty.
        """
        if self.value is not None:
            return self.value.get_secret_value()
        assert self.file is not None
        if text := self.file.read_text(encoding="utf-8").strip():
            return text
        raise ValueError(f"{self.file} is empty; it must hold the secret")
