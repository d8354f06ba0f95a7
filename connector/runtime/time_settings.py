"""Types of settings: zones and times of the day as a person writes them, checked once."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'no time zone is called "{text}"; write one such as "Europe/Paris"') from None
    return text


def _time_of_day(value: object) -> time:
    if isinstance(value, time):
        return value
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value)):
        raise ValueError('not a time of the day; write it as "03:30"')
    return time.fromisoformat(str(value))


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
"""Hours and minutes, in a zone that is set beside it."""
Zone = Annotated[str, AfterValidator(_zone)]
"""Name of a time zone."""
