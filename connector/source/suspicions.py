"""The suspects of all sources, as the state keeps them: what is due for a second look, and how many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from connector.source.store import chunks, marks, milliseconds, moment
from connector.source.suspects import COUNTED_FOR, Case, Standing
from schemas.codec import SingleObjectCodec
from schemas.records import MembershipChanged, Suspects


class Suspicions:
    """Part of the state; writing happens within ``State.writing``."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._codec = SingleObjectCodec()

    def of(self, students: Sequence[str]) -> Iterator[Suspects]:
        """The entries of these students, of every source."""
        for chunk in chunks(students):
            rows = self._store.execute(
                f"SELECT record FROM suspicions WHERE student IN ({marks(chunk)})",  # noqa: S608
                list(chunk),
            ).fetchall()
            for (blob,) in rows:
                record = self._codec.decode(blob)
                assert isinstance(record, Suspects)
                yield record

    def apply(self, source: str, student: str, record: Suspects | None) -> None:
        """Replace the entry of a student; None settles it."""
        where = "WHERE source = ? AND student = ?"
        # A second look that was taken is not to be forgotten when another suspect joins.
        looks = dict(self._store.execute(f"SELECT cohort, look FROM suspects {where}", (source, student)))  # noqa: S608
        self._store.execute(f"DELETE FROM suspects {where}", (source, student))  # noqa: S608
        if record is None or not record.missing:
            self._store.execute(f"DELETE FROM suspicions {where}", (source, student))  # noqa: S608
            return
        blob = self._codec.encode("", record)
        self._store.execute("INSERT OR REPLACE INTO suspicions VALUES (?, ?, ?)", (source, student, blob))
        self._store.executemany(
            "INSERT INTO suspects VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    source,
                    student,
                    s.cohort,
                    milliseconds(s.first_missed_at),
                    None if s.confirmed_at is None else milliseconds(s.confirmed_at),
                    looks.get(s.cohort, milliseconds(s.confirmed_at or s.first_missed_at)),
                )
                for s in record.missing
            ],
        )

    def conclude(self, record: MembershipChanged) -> None:
        """Count a removal that rests on absence; what is older than a day is forgotten."""
        at = milliseconds(record.observed_at)
        row = (record.source, at, record.student, record.cohort)
        self._store.execute("INSERT OR REPLACE INTO concluded VALUES (?, ?, ?, ?)", row)
        oldest = at - int(COUNTED_FOR.total_seconds() * 1000)
        self._store.execute("DELETE FROM concluded WHERE source = ? AND at < ?", (record.source, oldest))

    def due(self, source: str, before: datetime, limit: int) -> list[Case]:
        """Suspects that were last looked at no later than ``before``, longest waiting first."""
        rows = self._store.execute(
            "SELECT student, cohort FROM suspects WHERE source = ? AND look <= ? ORDER BY look LIMIT ?",
            (source, milliseconds(before), limit),
        )
        return [Case(*row) for row in rows]

    def suspected(self, source: str, cohort: str) -> list[Case]:
        """All suspects of a cohort."""
        rows = self._store.execute(
            "SELECT student, cohort FROM suspects WHERE source = ? AND cohort = ?", (source, cohort)
        )
        return [Case(*row) for row in rows]

    def waiting(self, source: str) -> list[tuple[Case, datetime]]:
        """Suspects that the limit withholds, with the time of the look that found them missing again."""
        rows = self._store.execute(
            "SELECT student, cohort, confirmed FROM suspects WHERE source = ? AND confirmed IS NOT NULL", (source,)
        )
        return [(Case(student, cohort), moment(at)) for student, cohort, at in rows]

    def standing(self, source: str, now: datetime, judged: Iterable[Case], memberships: int) -> Standing:
        """How the source's suspects stand, those in ``judged`` left out."""
        fresh, waiting = self._store.execute(
            "SELECT count(*) - count(confirmed), count(confirmed) FROM suspects WHERE source = ?", (source,)
        ).fetchone()
        for case in judged:
            found = self._store.execute(
                "SELECT confirmed FROM suspects WHERE source = ? AND student = ? AND cohort = ?",
                (source, case.student, case.cohort),
            ).fetchone()
            if found is not None:
                fresh -= found[0] is None
                waiting -= found[0] is not None
        (concluded,) = self._store.execute(
            "SELECT count(*) FROM concluded WHERE source = ? AND at > ?", (source, milliseconds(now - COUNTED_FOR))
        ).fetchone()
        return Standing(memberships, waiting, fresh, concluded)

    def looked(self, source: str, cases: Iterable[Case], at: datetime) -> None:
        """These were looked at and not decided; look again later. Not published: a restart may look earlier."""
        self._store.executemany(
            "UPDATE suspects SET look = ? WHERE source = ? AND student = ? AND cohort = ?",
            [(milliseconds(at), source, case.student, case.cohort) for case in cases],
        )

    def students(self, source: str) -> list[str]:
        """Students with an entry of this source."""
        rows = self._store.execute("SELECT student FROM suspicions WHERE source = ? ORDER BY student", (source,))
        return [student for (student,) in rows]
