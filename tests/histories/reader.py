"""The table as the poller reads it: time passes with each call, and a call may fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zlib import crc32

from connector.runtime.errors import Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.hints import Group, HintRow, OpenTransaction, OpenTransactions, Position
from connector.source.hints.zones import NumberColumn, TimeColumn
from connector.source.mapping import Row as Plain
from connector.source.mapping import number_of, stamp_column
from schemas.records import DatabaseIdentity
from tests.histories.acting import Source
from tests.histories.table import Row

_UNREACHABLE = message(OracleMessage.UNREACHABLE, source="apogee", reason="x")
_AGAINST = {
    "application": ("the application stamps it",),
    "standby": ("it is a standby",),
}


class Crash(Exception):
    """The process dies."""


class Reader:
    """The ``Source`` of a table."""

    def __init__(self, acting: Source) -> None:
        self._acting, self._table, self._judge = acting, acting.table, acting.judge
        self._shape = self._table.shape
        stamps = []
        for number, name in enumerate(self._shape.mapping.stamped, 1):
            stamps.append((stamp_column(number), name in ("sequence1", "timestamp+sequence1/sequence")))
        self._stamps = tuple(stamps)
        self.strikes: tuple[int, str] | None = None
        """After how many calls something happens, and what."""
        self.loading = True
        """Whether the first load is not complete."""

    def struck(self) -> None:
        """Let time pass; fail, or die, if it is so decided."""
        self._acting.breathe()
        if self.strikes is None:
            return
        left, what = self.strikes
        if left > 0:
            self.strikes = (left - 1, what)
            return
        self.strikes = None
        self._acting.say(what)
        if what == "crash":
            raise Crash
        raise Unavailable(_UNREACHABLE)

    # --- what followers read ----------------------------------------------------------------------------------------

    def cursor_column(self, hint: str) -> TimeColumn | NumberColumn:
        if hint in ("sequence1", "timestamp+sequence1/sequence"):
            return NumberColumn()
        return self._table.place.column

    def changed(self, hint: str, low: Position, high: Position | None = None) -> list[HintRow]:
        self.struck()
        assert isinstance(low, datetime)
        due = hint.startswith("due")
        found: dict[tuple[str, datetime], int] = {}
        for row in self._watched():
            stamp = row.begins if due else row.stamp
            if stamp is not None and stamp >= low and (high is None or stamp <= high):  # type: ignore[operator]  # times
                at = (row.student, stamp)
                found[at] = found.get(at, 0) + 1
        if self._acting.trace is not None:
            self._acting.say(f"  {hint} from {low.time()}: {[(s, t.time().isoformat()) for s, t in found]}")
        return [HintRow(student, stamp, count) for (student, stamp), count in found.items()]

    def numbered(self, hint: str, ranges: Sequence[tuple[int, int | None]]) -> list[HintRow]:
        self.struck()
        rows = [(row.student, row.number) for row in self._watched() if row.number is not None]
        highest = max((number for _, number in rows), default=None)
        if highest is not None:
            self._judge.numbers_read(highest)
        found: dict[tuple[str, int], int] = {}
        for at in rows:
            if any(low <= at[1] and (high is None or at[1] <= high) for low, high in ranges):
                found[at] = found.get(at, 0) + 1
        if self._acting.trace is not None:
            self._acting.say(f"  {hint} in {ranges}: {list(found)}")
        return [HintRow(student, number, count) for (student, number), count in found.items()]

    def highest(self, hint: str) -> int | None:
        self.struck()
        highest = max((row.number for row in self._watched() if row.number is not None), default=None)
        if highest is not None:
            self._judge.numbers_read(highest)
        return highest

    def scan(self, hint: str) -> list[Group]:
        self.struck()
        self._judge.scan_read()
        groups: dict[str | tuple[object, ...], list[int]] = {}
        for row in self._watched():
            subject = (row.grp,) if self._shape.kind == "scan by cohort" else row.student
            said = f"{row.key} {row.student} {row.grp} {row.status}"
            groups.setdefault(subject, []).append(crc32(said.encode()))
        if self._acting.trace is not None:
            self._acting.say(f"  {hint}: {[(subject, len(hashes)) for subject, hashes in groups.items()]}")
        return [Group(subject, len(hashes), sum(hashes)) for subject, hashes in groups.items()]

    def _watched(self) -> list[Row]:
        """What hints watch: the view, or the table beneath it."""
        rows = self._table.rows
        return list(rows.values()) if self._shape.base else self._table.viewed(rows)

    # --- the rest ---------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> float:
        return 0.0

    def clock(self) -> datetime:
        self.struck()
        self._judge.clock_read()
        return self._table.clock()

    def identity(self) -> DatabaseIdentity:
        return DatabaseIdentity("STUDENTS", "STUDENTS", "PRIMARY")

    def open_transactions(self) -> OpenTransactions:
        self.struck()
        kind = self._shape.kind
        if kind in ("hidden", "standby", "sequence"):
            self._acting.looked()
            return OpenTransactions(visible=False)
        everywhere = kind != "own instance"
        found = [
            OpenTransaction(open_.id, open_.started)
            for open_ in self._table.open
            if open_.started is not None and (everywhere or open_.instance == 0)
        ]
        self._acting.looked()
        return OpenTransactions(visible=True, open=tuple(found), everywhere=everywhere)

    def against_proof(self, hint: str) -> tuple[str, ...]:
        return _AGAINST.get(self._shape.kind, ())

    def truth(self, values: Sequence[str]) -> list[Plain]:
        self.struck()
        self._judge.truth_read(set(values))
        if self._acting.trace is not None:
            self._acting.say(f"  truth of {', '.join(values)}")
        return [self._plain(row) for row in self._table.viewed(self._table.rows) if row.student in values]

    def watched(self, values: Sequence[str]) -> list[Plain] | None:
        if not self._shape.base:
            return None
        self.struck()
        return [self._plain(row) for row in self._table.rows.values() if row.student in values]

    def students_of(self, cohort: tuple[object, ...]) -> list[str]:
        self.struck()
        return sorted({row.student for row in self._watched() if (row.grp,) == cohort})

    def cohorts(self) -> list[Plain] | None:
        return None

    def snapshot(self) -> Iterator[list[Plain]]:
        self.struck()
        if self.loading:
            self._judge.load_read()
        rows = sorted(self._table.viewed(self._table.rows), key=lambda row: row.student)
        if not self._acting.calm:
            yield []  # nothing has come yet
        self.struck()
        yield [self._plain(row) for row in rows]

    def refresh(self) -> None:
        return None

    def close(self) -> None:
        return None

    def stamp_of(self, row: Row) -> int | None:
        """What is published of a row's stamp."""
        if not self._stamps:
            return None
        return number_of(row.number if self._stamps[0][1] else row.stamp)

    def _plain(self, row: Row) -> Plain:
        if row.plain is None:
            row.plain = {"ID": row.key, "STUDENT": row.student, "GRP": row.grp, "STATUS": row.status} | {
                column: row.number if numbered else row.stamp for column, numbered in self._stamps
            }
        return row.plain
