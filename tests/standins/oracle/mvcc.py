"""Row versions: which transaction sees what, and who waits for whom.

Every stored version of a row carries X$T, the transaction that wrote it, and X$E, the one
that ended it (NEVER if none has). A snapshot is a set of transactions whose work counts: all
below `next_id` but the `busy` ones, which were open or committed later. So a statement sees
one instant, a READ ONLY transaction keeps its instant, and AS OF looks back, all by the same
condition; what DuckDB itself may hide or show between statements does not matter.
"""

from __future__ import annotations

import datetime as dt
import threading
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.standins.oracle.compiler.macros import NEVER
from tests.standins.oracle.errors import OraError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An instant, and the transaction whose own work is seen beside it."""

    scn: int
    next_id: int
    busy: frozenset[int]

    def condition(self) -> str:
        """SQL over "X$T" and "X$E" that holds for the versions seen."""
        if not self.busy:
            return f'"X$T" < {self.next_id} AND "X$E" >= {self.next_id}'
        listed = ", ".join(map(str, sorted(self.busy)))
        return (
            f'"X$T" < {self.next_id} AND "X$T" NOT IN ({listed}) AND ("X$E" >= {self.next_id} OR "X$E" IN ({listed}))'
        )


@dataclass(slots=True)
class Transaction:
    """An open read-write transaction. `ids`: one, and one more per savepoint."""

    ids: list[int]
    start_scn: int
    started: dt.datetime
    session: int
    user: str
    instance: int = 1
    tables: set[tuple[str, str]] = field(default_factory=set)
    """Tables with changes or locks of it."""
    row_locks: set[tuple[str, int]] = field(default_factory=set)
    """(table, X$ID) of rows locked by FOR UPDATE."""
    table_locks: set[str] = field(default_factory=set)
    savepoints: dict[str, int] = field(default_factory=dict)
    """Name to the number of ids at that point."""
    changed_rows: int = 0

    @property
    def id(self) -> int:
        return self.ids[0]

    @property
    def current(self) -> int:
        """The id for new versions."""
        return self.ids[-1]


class Blocked(Exception):
    """The statement needs rows that other transactions hold."""

    def __init__(self, by: Iterable[int]) -> None:
        self.by = set(by)


@dataclass(slots=True)
class _Commit:
    scn: int
    at: dt.datetime
    ids: tuple[int, ...]


class Ledger:
    """All transactions. Thread-safe; `changed` is notified when one ends."""

    def __init__(self, scn: int) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.open: dict[int, Transaction] = {}
        self._scn = scn
        self._next_id = 1
        self._commits: list[_Commit] = []
        self._waits: dict[int, set[int]] = {}

    @property
    def scn(self) -> int:
        """The current system change number."""
        with self.changed:
            return self._scn

    def advance(self, by: int = 1) -> int:
        """Move the SCN on, as background activity does in a real database."""
        with self.changed:
            self._scn += by
            return self._scn

    def begin(self, session: int, user: str, started: dt.datetime, instance: int = 1) -> Transaction:
        with self.changed:
            transaction = Transaction([self._next_id], self._scn, started, session, user, instance)
            self.open[self._next_id] = transaction
            self._next_id += 1
            return transaction

    def save(self, transaction: Transaction, name: str) -> None:
        """A savepoint: later versions get another id."""
        with self.changed:
            transaction.savepoints[name] = len(transaction.ids)
            transaction.ids.append(self._next_id)
            self.open[self._next_id] = transaction
            self._next_id += 1

    def commit(self, transaction: Transaction, at: dt.datetime) -> int:
        """Make its work count; returns its SCN. SCN order is commit order."""
        with self.changed:
            self._scn += 1
            self._commits.append(_Commit(self._scn, at, tuple(transaction.ids)))
            self._forget(transaction)
            return self._scn

    def abandon(self, transaction: Transaction) -> None:
        """Forget one whose versions have been removed."""
        with self.changed:
            self._forget(transaction)

    def _forget(self, transaction: Transaction) -> None:
        for number in transaction.ids:
            self.open.pop(number, None)
        self.changed.notify_all()

    def transactions(self) -> list[Transaction]:
        """The open ones, oldest first."""
        with self.changed:
            return sorted({t.id: t for t in self.open.values()}.values(), key=lambda t: t.id)

    # --- snapshots ------------------------------------------------------------------------

    def now(self, own: Transaction | None = None) -> Snapshot:
        """This instant, with a transaction's own work."""
        with self.changed:
            return Snapshot(self._scn, self._next_id, frozenset(self.open).difference(own.ids if own else ()))

    def at(self, scn: int) -> Snapshot:
        """The instant of an SCN."""
        with self.changed:
            later = self._commits[bisect_right(self._commits, scn, key=lambda c: c.scn) :]
            busy = set(self.open).union(*(c.ids for c in later))
            return Snapshot(scn, self._next_id, frozenset(busy))

    def scn_at(self, when: dt.datetime) -> int | None:
        """The last SCN committed at or before a moment; None if there is none."""
        with self.changed:
            # Not a bisection: the clock may have been set back.
            return next((c.scn for c in reversed(self._commits) if c.at <= when), None)

    # --- waiting ----------------------------------------------------------------------------

    def others(self, own: Transaction | None) -> set[int]:
        """Ids of the open transactions but one."""
        with self.changed:
            return set(self.open).difference(own.ids if own else ())

    def locked_rows(self, table: str, own: Transaction | None) -> dict[int, int]:
        """Rows that others hold by FOR UPDATE: X$ID to transaction."""
        with self.changed:
            return {
                row: t.id for t in self.transactions() if t is not own for name, row in t.row_locks if name == table
            }

    def table_holder(self, table: str, own: Transaction | None) -> Transaction | None:
        """Who else holds the table by LOCK TABLE."""
        with self.changed:
            return next((t for t in self.transactions() if t is not own and table in t.table_locks), None)

    def start_waiting(self, own: Transaction | None, by: set[int]) -> None:
        """Note who waits for whom. Raises ORA-00060 if that closes a circle."""
        if own is None:
            return
        with self.changed:
            todo, seen = {self.open[n].id for n in by if n in self.open}, set()
            self._waits[own.id] = set(todo)
            while todo:
                holder = todo.pop()
                if holder == own.id:
                    del self._waits[own.id]
                    raise OraError(60, "deadlock detected while waiting for resource")
                seen.add(holder)
                todo |= self._waits.get(holder, set()) - seen

    def stop_waiting(self, own: Transaction | None) -> None:
        if own is not None:
            with self.changed:
                self._waits.pop(own.id, None)


__all__ = ["NEVER", "Blocked", "Ledger", "Snapshot", "Transaction"]
