"""Runs the product's own command line, and ends at a place of its loop that was drawn beforehand.

``python -m tests.kills.victim --die-at "after intent commit:3" -- --config FILE consume``

``--die-at`` is kill -9 by its own hand, so that it hits the very step; ``--freeze-at`` stops it until somebody sends
SIGCONT. What happens is written to standard error first, for whoever counts.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from importlib import import_module

from tests.kills.places import PLACES


class Doom:
    """Waits for the place. Threads come by at the same time."""

    def __init__(self, place: str, count: int, how: signal.Signals) -> None:
        self._place, self._left, self._how = place, count, how
        self._lock = threading.Lock()

    def arrive(self, place: str) -> None:
        """The process comes by."""
        if place != self._place:
            return
        with self._lock:
            self._left -= 1
            now = self._left == 0
        if now:
            os.write(2, f"\nthe end came {place!r}: {self._how.name}\n".encode())
            os.kill(os.getpid(), self._how)


def main(arguments: list[str]) -> int:
    """Run the command after ``--``."""
    split = arguments.index("--")
    parser = argparse.ArgumentParser(prog="python -m tests.kills.victim")
    parser.add_argument("--die-at", metavar="PLACE:N")
    parser.add_argument("--freeze-at", metavar="PLACE:N")
    parser.add_argument("--session", type=float, metavar="SECONDS", help="of the group; the product's own when absent")
    parser.add_argument("--mutant", metavar="NAME", help="run with this fault in the product's text")
    given = parser.parse_args(arguments[:split])
    if given.mutant is not None:
        from tests.kills.mutants import plant

        plant(given.mutant)
    if given.session is not None:
        _shorten(given.session)
    for text, how in ((given.die_at, signal.SIGKILL), (given.freeze_at, signal.SIGSTOP)):
        if text is not None:
            _arm(parser, text, how)
    return int(import_module("connector.commands.main").main(arguments[split + 1 :]))


def _shorten(seconds: float) -> None:
    """Let the group notice a dead member sooner, so that a test of many deaths takes less time."""
    from connector.runtime.kafka import group

    group.SESSION_TIMEOUT = seconds
    group._COMMON |= {  # the product has no setting for it, on purpose
        "session_timeout_ms": int(seconds * 1000),
        "heartbeat_interval_ms": int(seconds * 250),
    }


def _arm(parser: argparse.ArgumentParser, text: str, how: signal.Signals) -> None:
    place, _, count = text.rpartition(":")
    if place not in PLACES:
        parser.error(f"no such place: {place}")
    from tests.kills.seams import wrap

    wrap(Doom(place, int(count), how).arrive)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
