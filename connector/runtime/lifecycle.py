"""The life of a process: how it ends, and how several roles live in it.

The first SIGTERM or SIGINT asks for a graceful end, the second one gets an immediate one. Each role runs in a thread of
its own, so that the main thread hears signals at once, whatever a client library is waiting for.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from enum import IntEnum
from types import FrameType
from typing import Self

_LONGEST_WAIT_S = 0.2


class ExitCode(IntEnum):
    """What a command says to its caller."""

    OK = 0, "Done; for a role: stopped as asked."
    UNEXPECTED = 1, "A fault of the program. Report it."
    USAGE = 2, "The command line is wrong."
    SETTINGS = 3, "The settings are wrong; nothing was touched."
    UNAVAILABLE = 4, "An end cannot be reached now. Trying again later makes sense."
    HALTED = 5, "A person must act first: a token was revoked, a grant lost, it is another database."
    FINDINGS = 6, "The command did its work and found something: a failed check, a difference, held removals."
    BUSY = 7, "Another one is doing this very work; nothing was begun."
    REPAIRED = 8, "What differed was repaired. Only --tell-repaired has this said; else it is 0."
    INTERRUPTED = 130, "Stopped by Ctrl-C before the work was done."

    def __new__(cls, value: int, meaning: str) -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    meaning: str


@contextmanager
def stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """Within it SIGTERM and SIGINT set ``stopping``; the second of them ends the process at once. Main thread only."""

    def hear(number: int, _: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_roles(
    roles: Mapping[str, Callable[[], None]],
    stopping: threading.Event,
    grace: timedelta,
    on_death: Callable[[str, BaseException], None] = lambda _, __: None,
) -> tuple[str, ...]:
    """Run every role until all have returned. If one dies, the others are asked to stop, and its error is raised.

    A role returns when it is done or soon after ``stopping`` is set. Those that outlast ``grace`` after that are left
    behind and returned: their threads end with the process. ``on_death`` hears of every death, in the role's thread.
    """
    deaths: list[BaseException] = []
    over: set[str] = set()
    ended = threading.Semaphore(0)

    def live(name: str, role: Callable[[], None]) -> None:
        try:
            role()
        except BaseException as error:  # noqa: BLE001 -- raised anew below, in the main thread
            # First what ends the process: of a client library's own errors not even that they take a note is certain.
            deaths.append(error)
            stopping.set()
            error.add_note(f"in the role {name}")
            on_death(name, error)
        finally:
            over.add(name)
            ended.release()

    for item in roles.items():
        threading.Thread(target=live, args=item, name=item[0], daemon=True).start()
    left = len(roles)
    # A signal that another thread got is heard when the main thread's wait ends: no wait is long.
    while left and not stopping.is_set():
        left -= ended.acquire(timeout=_LONGEST_WAIT_S)
    deadline = time.monotonic() + grace.total_seconds()
    while left and (rest := deadline - time.monotonic()) > 0:
        left -= ended.acquire(timeout=min(rest, _LONGEST_WAIT_S))
    if deaths:
        raise deaths[0]
    return tuple(name for name in roles if name not in over)
