"""What clients did: connections, log-ons and statements, for tests to count."""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

REMEMBERED = 10_000  # statements kept; the counts go on


@dataclass(frozen=True, slots=True)
class Executed:
    """One execution of a statement, successful or not."""

    session: int
    user: str
    module: str
    action: str
    client_identifier: str
    sql: str
    rows: int
    """Rows of binds: more than one for an array."""
    binds: tuple[Any, ...]
    """The first row of binds."""


@dataclass
class Activity:
    """Thread-safe counters since the start or the last `reset`."""

    connections: int = 0
    logons: Counter[str] = field(default_factory=Counter)
    """Successful log-ons by user."""
    failed_logons: Counter[str] = field(default_factory=Counter)
    """Refused log-ons by user, whatever the reason."""
    statements: int = 0
    fetches: int = 0
    commits: int = 0
    rollbacks: int = 0
    _executed: deque[Executed] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def connected(self) -> None:
        with self._lock:
            self.connections += 1

    def logged_on(self, user: str, *, granted: bool) -> None:
        with self._lock:
            (self.logons if granted else self.failed_logons)[user] += 1

    def executed(self, statement: Executed) -> None:
        with self._lock:
            self.statements += 1
            self._executed.append(statement)

    def fetched(self) -> None:
        with self._lock:
            self.fetches += 1

    def ended(self, *, committed: bool) -> None:
        with self._lock:
            if committed:
                self.commits += 1
            else:
                self.rollbacks += 1

    def executions(self, matching: str = "", user: str = "") -> list[Executed]:
        """The remembered executions whose text matches the regular expression, oldest first."""
        with self._lock:
            kept = list(self._executed)
        return [e for e in kept if (not user or e.user == user.upper()) and re.search(matching, e.sql, re.IGNORECASE)]

    def reset(self) -> None:
        with self._lock:
            self.connections = self.statements = self.fetches = self.commits = self.rollbacks = 0
            self.logons.clear()
            self.failed_logons.clear()
            self._executed.clear()

    def summary(self) -> dict[str, Any]:
        with self._lock:
            return {
                "connections": self.connections,
                "logons": dict(self.logons),
                "failed_logons": dict(self.failed_logons),
                "statements": self.statements,
                "fetches": self.fetches,
                "commits": self.commits,
                "rollbacks": self.rollbacks,
            }
