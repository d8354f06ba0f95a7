"""Ties a child process to its parent: should the parent die in whatever way, the kernel ends the child (on Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def tether(number: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """For ``Popen(preexec_fn=...)``: what the child does before it becomes another program.

    None off Linux, and off the main thread: the kernel watches the thread that started the child, not the process.
    """
    if _LIBC is None or threading.current_thread() is not threading.main_thread():
        return None
    libc, parent = _LIBC, os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os.kill(os.getpid(), number)

    return tie
