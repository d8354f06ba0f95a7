"""A table under transactions: what is committed, what is still open, and by which clock rows are stamped."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.source.hints.zones import Grain, TimeColumn
from connector.source.mapping import Row as Plain
from tests.histories.hazards import Hazard
from tests.histories.shapes import TICK, Place, Shape

Pair = tuple[str, str]
"""Student and cohort."""


class Row:
    """One version of a row. Not to be changed: another version takes its place."""

    __slots__ = ("begins", "grp", "key", "number", "plain", "stamp", "status", "student", "viewed")

    def __init__(
        self,
        key: int,
        student: str,
        grp: str | None,
        status: str = "E",
        stamp: datetime | None = None,
        number: int | None = None,
        begins: datetime | None = None,
        *,
        viewed: bool = True,
    ) -> None:
        self.key, self.student, self.grp, self.status = key, student, grp, status
        self.stamp, self.number, self.begins, self.viewed = stamp, number, begins, viewed
        self.plain: Plain | None = None
        """The row as a driver brings it, once it was asked for."""

    def but(self, **fields: object) -> Row:
        """Another version."""
        old = {
            name: getattr(self, name) for name in ("student", "grp", "status", "stamp", "number", "begins", "viewed")
        }
        return Row(self.key, **(old | fields))

    def __str__(self) -> str:
        hidden = "" if self.viewed else ", not in the view"
        begins = "" if self.begins is None else f", begins {self.begins.time()}"
        stamp = "NULL" if self.stamp is None else self.stamp.isoformat(sep=" ", timespec="milliseconds")
        return f"row {self.key}: {self.student} {self.grp} {self.status}, stamp {stamp}, number {self.number}{begins}{hidden}"


class Stamped:
    """How a row was stamped, and by whom: what decides whether polling has to find it."""

    __slots__ = ("began", "changed", "moment", "number", "tick", "waited")

    def __init__(self, began: int, changed: int, tick: int, moment: datetime, number: int | None) -> None:
        self.began, self.changed = began, changed
        """When the statement began, and when the transaction could be seen; real time, ticks."""
        self.tick, self.moment = tick, moment
        """What the stamping clock said, in ticks and as a time."""
        self.number = number
        self.waited: list[tuple[str, int, int]] = []
        """Transactions whose locks the statement waited for: when they changed something first, and when they ended."""


class Pending:
    """An uncommitted change of one row."""

    __slots__ = ("hazard", "row", "stamped")

    def __init__(self, row: Row | None, stamped: Stamped | None, hazard: Hazard | None) -> None:
        self.row, self.stamped, self.hazard = row, stamped, hazard


class Transaction:
    """A session's transaction."""

    __slots__ = ("began", "id", "instance", "pending", "started", "waiting")

    def __init__(self, number: int, instance: int) -> None:
        self.id, self.instance = f"tx{number}", instance
        self.pending: dict[int, Pending] = {}
        self.began: int | None = None
        """When it changed something first: real time, ticks."""
        self.started: datetime | None = None
        """The same by its instance's clock, cut to the second: what the database shows of it."""
        self.waiting: list[tuple[int, int]] = []
        """Who waits for its locks: plan and statement, in their order."""


class Table:
    """The committed rows, and what is open."""

    def __init__(self, shape: Shape, place: Place, skews: tuple[int, ...]) -> None:
        self.shape, self.place, self.skews = shape, place, skews
        self.now = 0
        """Real time, ticks."""
        self.jump, self.jumped_at = 0, 1 << 60
        """How far the clock was set, and when."""
        self.rows: dict[int, Row] = {}
        """A new one with each commit, so that whoever holds it holds an instant."""
        self.open: list[Transaction] = []
        self.locks: dict[int, Transaction] = {}
        self.keys = 0
        self._next_number = 100
        self._blocks: dict[int, list[int]] = {}
        self.half_hidden = False
        """Whether a broken view shows half of its rows."""

    # --- clocks -----------------------------------------------------------------------------------------------------

    def clock_tick(self, instance: int = 0) -> int:
        """The clock of an instance, in ticks; the poller sees that of the first."""
        return self.now + self.jump + self.skews[instance]

    def clock(self, instance: int = 0) -> datetime:
        return self.place.start + TICK * (self.now + self.jump + self.skews[instance])

    def highest_clock(self, began: int, ended: int) -> int:
        """The latest time that the poller may have read between these moments, both included; ticks."""
        jump = self.jump if ended >= self.jumped_at else 0
        latest = ended + jump
        if self.jump < 0 and began <= self.jumped_at <= ended:
            latest = max(latest, self.jumped_at)
        return latest + self.skews[0]

    def set_clock(self, jump: int) -> None:
        self.jump, self.jumped_at = jump, self.now

    def numbers(self, instance: int, cache: int) -> int:
        """The next number of the sequence on an instance, which takes ``cache`` of them at a time."""
        block = self._blocks.setdefault(instance, [])
        if not block:
            block += range(self._next_number, self._next_number + cache)
            self._next_number += cache
        return block.pop(0)

    # --- what rows say ----------------------------------------------------------------------------------------------

    def viewed(self, rows: dict[int, Row]) -> list[Row]:
        """The rows that the view of the memberships shows now."""
        found = [row for row in rows.values() if row.viewed]
        if self.shape.kind == "proved, due":
            shown = self.place.column.shown(self.clock())
            found = [row for row in found if row.begins is None or row.begins <= shown]
        if self.half_hidden:
            found = [row for row in found if row.key % 2]
        return found

    def truth(self, rows: dict[int, Row] | None = None) -> set[Pair]:
        """The memberships that committed rows support now, whatever a broken view hides."""
        hidden, self.half_hidden = self.half_hidden, False
        found = self.viewed(self.rows if rows is None else rows)
        self.half_hidden = hidden
        return {(row.student, row.grp) for row in found if row.status == "E" and row.grp is not None}


def stamp_of(column: TimeColumn, moment: datetime) -> datetime:
    """What the database writes into a column: a DATE is cut to the second, a TIMESTAMP rounded to its digits."""
    shown = column.shown(moment)
    if column.grain is Grain.DATE:
        return shown.replace(microsecond=0)
    unit = 10 ** (6 - column.digits)
    return (
        shown
        if unit == 1
        else shown + timedelta(microseconds=(shown.microsecond + unit // 2) // unit * unit - shown.microsecond)
    )
