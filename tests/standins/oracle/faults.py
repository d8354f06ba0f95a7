"""Scripted misbehaviour: errors, delays and dropped connections at chosen points."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

Point = Literal["connect", "logon", "parse", "execute", "fetch", "commit", "rollback", "ping"]


@dataclass(slots=True)
class Fault:
    """What to do the next `times` times `point` is reached by a matching statement.

    A fault that only delays applies beside others; of those that fail, the first wins.
    """

    point: Point
    ora: int | None = None
    """Raise this ORA error. At `connect` the listener refuses with it (12514, 12505, 12528...)."""
    message: str = ""
    """Text after `ORA-nnnnn: `; empty: a usual one."""
    drop: bool = False
    """Close the socket without a word."""
    drop_after_bytes: int | None = None
    """`execute` and `fetch`: send that much of the answer, then close."""
    after: bool = False
    """`commit` and `execute`: act once the work has taken effect."""
    delay: float = 0.0
    """Seconds before going on."""
    matching: str = ""
    """Regular expression searched for in the SQL text, whatever its case."""
    user: str = ""
    """Only sessions of this user; empty: all."""
    skip: int = 0
    """Let this many occurrences pass first."""
    times: int | None = 1
    """How often; None: until the plan is cleared."""

    def __post_init__(self) -> None:
        if self.point not in get_args(Point):
            raise ValueError(f"unknown point {self.point!r}; one of {', '.join(get_args(Point))}")
        re.compile(self.matching)

    @property
    def fails(self) -> bool:
        """Whether it does more than delay."""
        return bool(self.ora or self.drop or self.drop_after_bytes is not None)


@dataclass
class FaultPlan:
    """The faults still to happen. Thread-safe: tests add while the server runs."""

    faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, fault: Fault) -> None:
        """Plan a fault. The plan keeps a copy: one Fault may be added many times."""
        with self._lock:
            self.faults.append(replace(fault))

    def clear(self) -> None:
        with self._lock:
            self.faults.clear()

    def pending(self) -> list[dict[str, Any]]:
        """The faults still to happen, as plain values."""
        with self._lock:
            return [asdict(fault) for fault in self.faults]

    def take(self, point: Point, sql: str = "", user: str = "", *, after: bool = False) -> list[Fault]:
        """The faults that happen now: delays, then at most one that fails."""
        delays: list[Fault] = []
        failing: list[Fault] = []
        with self._lock:
            for fault in list(self.faults):
                if fault.point != point or fault.after != after or (fault.fails and failing):
                    continue
                if fault.user and fault.user.upper() != user.upper():
                    continue
                if not re.search(fault.matching, sql, re.IGNORECASE):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                (failing if fault.fails else delays).append(fault)
        return delays + failing
