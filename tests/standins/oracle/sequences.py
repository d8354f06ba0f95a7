"""Sequences as a real cluster counts: each instance takes blocks of numbers, and nothing is ever given back.

"NOORDER ... sequence numbers are not guaranteed to be generated in order of request" and, of CACHE, "if a system
failure occurs, then all cached sequence values that have not been used in committed DML statements are lost" (Oracle
Database SQL Language Reference, CREATE SEQUENCE). So a lower number may be committed long after a higher one, and some
numbers never come.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tests.standins.oracle.errors import OraError

HIGHEST = 10**28 - 1
LOWEST = -(10**27 - 1)
_SHARED = 0  # the cache of an ORDER sequence, which the instances share


@dataclass(slots=True)
class Numbers:
    """One sequence's numbers. Thread-safe; knows nothing of transactions."""

    start: int = 1
    increment: int = 1
    cache: int = 20
    """Numbers that an instance takes at a time; 0: NOCACHE."""
    ordered: bool = False
    low: int = 1
    high: int = HIGHEST
    cycle: bool = False
    on_disk: int = 0
    """LAST_NUMBER of the dictionary: the first that is in no cache yet."""
    _caches: dict[int, list[int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.on_disk = self.start

    def draw(self, instance: int) -> int:
        """NEXTVAL in an instance. Raises ORA-08004 after the last number."""
        with self._lock:
            held = self._caches.setdefault(_SHARED if self.ordered else instance, [])
            if not held:
                held += self._block()
            return held.pop()

    def _block(self) -> list[int]:
        """The next numbers off the disk, last one first."""
        out: list[int] = []
        while len(out) < max(self.cache, 1):
            if not self.low <= self.on_disk <= self.high:
                if not self.cycle or out:
                    break
                self.on_disk = self.low if self.increment > 0 else self.high
            out.append(self.on_disk)
            self.on_disk += self.increment
        if not out:
            raise OraError(8004, "sequence NEXTVAL exceeds MAXVALUE or MINVALUE and cannot be instantiated")
        return out[::-1]

    def forget(self, instance: int | None = None) -> None:
        """Lose what is cached, as a crash of the instance or a flush of its shared pool does; None: of all."""
        with self._lock:
            if instance is None or self.ordered:
                self._caches.clear()
            else:
                self._caches.pop(instance, None)

    def restart(self, at: int) -> None:
        """ALTER SEQUENCE ... RESTART."""
        with self._lock:
            self._caches.clear()
            self.on_disk = at
