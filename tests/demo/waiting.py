"""Waiting by condition, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(look: Callable[[], T | None], what: str, seconds: float = 60.0, every: float = 0.05) -> T:
    """The first answer of ``look`` that is true.

    Raises:
        TimeoutError: there was none in time; the message names ``what``.
    """
    deadline = time.monotonic() + seconds
    while True:
        if answer := look():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(every)
