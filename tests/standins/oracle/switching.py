"""How quickly Python's threads take turns while a stand-in runs in the process of what uses it."""

from __future__ import annotations

import sys
import threading

INTERVAL = 0.0005  # seconds
_lock = threading.Lock()
_usual: list[float] = []


def hurry() -> None:
    """Let threads take turns ten times as often: a call passes through four, and each turn would cost 5 ms in a process
    that is busy. To be undone by as many calls of `relax`.
    """
    with _lock:
        _usual.append(sys.getswitchinterval())
        sys.setswitchinterval(min(INTERVAL, _usual[-1]))


def relax() -> None:
    """As it was before, when the last that was in a hurry says so."""
    with _lock:
        first = _usual[0]
        _usual.pop()
        if not _usual:
            sys.setswitchinterval(first)
