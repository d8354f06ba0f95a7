"""The student system: it enrols, moves and withdraws students in its own tables, over the real driver.

Every change is its own transaction unless said otherwise. What is timed is timed here, after ``commit`` has returned:
that is the instant from which the product can know.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import oracledb

from tests.demo.catalogue import FACULTIES
from tests.demo.university import YEAR, Group, University

OWNER, PASSWORD = "SCOLARITE", "scolarite"
_NOW = "CAST(SYSTIMESTAMP AT TIME ZONE 'Europe/Paris' AS TIMESTAMP)"
_CHUNK = 10_000
_ENROL = (
    "INSERT INTO SCOLARITE.INSCRIPTION_GROUPE (ID_INS, COD_ETU, COD_GRP, ETA_INS, DATE_MAJ)"
    f" VALUES (SCOLARITE.SEQ_INS.NEXTVAL, :1, :2, 'I', {_NOW})"
)


Row = tuple[str, int]
"""A student's number and a group's code."""


@dataclass(frozen=True, slots=True)
class Place:
    """A student in a group."""

    student: str
    group: Group

    @property
    def row(self) -> Row:
        return self.student, self.group.code


class StudentSystem:
    """One connection as the owner of the tables. Not to be shared by threads."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection = oracledb.connect(user=OWNER, password=PASSWORD, dsn=dsn)
        self._cursor = self._connection.cursor()

    def close(self) -> None:
        self._connection.close()

    def another(self) -> StudentSystem:
        """A second connection, for a transaction beside this one's or for another thread."""
        return StudentSystem(self.dsn)

    def load(self, university: University) -> int:
        """Fill the empty tables; answers the number of rows."""
        stages = {group.stage: group.faculty.code for group in university.groups}
        self._fill("COMPOSANTE (COD_CMP, SIGLE, LIB_CMP)", [(f.code, f.acronym, f.name) for f in FACULTIES])
        self._fill(
            "ETAPE (COD_ETP, COD_CMP, LIB_ETP)",
            [(stage, faculty, university.stages[stage]) for stage, faculty in stages.items()],
        )
        self._fill(
            "ETUDIANT (COD_ETU, NOM, PRENOM)", [(s.number, s.last_name, s.first_name) for s in university.students]
        )
        self._fill(
            "GROUPE (COD_GRP, COD_ANU, COD_ETP, TYP_GRP, NUM_GRP, LIB_GRP)",
            [(g.code, YEAR, g.stage, g.kind, g.number, g.label) for g in university.groups],
        )
        rows = [(e.id, e.student, e.group, e.status) for e in university.enrolments]
        self._fill("INSCRIPTION_GROUPE (ID_INS, COD_ETU, COD_GRP, ETA_INS, DATE_MAJ)", rows, _NOW)
        self.commit()
        return len(rows)

    def enrol(self, *rows: Row) -> float:
        """Enrol in one transaction; answers the Unix time after its commit."""
        self.insert(*rows)
        return self.commit()

    def insert(self, *rows: Row) -> None:
        """Enrol without a commit: the rows are stamped now and seen by others later."""
        self._change(_ENROL, rows)

    def withdraw(self, *rows: Row) -> float:
        """The row stays and says so."""
        self._change(
            f"UPDATE SCOLARITE.INSCRIPTION_GROUPE SET ETA_INS = 'D', DATE_MAJ = {_NOW} WHERE COD_ETU = :1 AND COD_GRP = :2",
            rows,
        )
        return self.commit()

    def reinstate(self, *rows: Row) -> float:
        """A withdrawn student is enrolled again."""
        self._change(
            f"UPDATE SCOLARITE.INSCRIPTION_GROUPE SET ETA_INS = 'I', DATE_MAJ = {_NOW} WHERE COD_ETU = :1 AND COD_GRP = :2",
            rows,
        )
        return self.commit()

    def replace(self, old: Row, new: Row) -> float:
        """One transaction deletes a row and inserts another of the same student, as reloads do."""
        self._change("DELETE FROM SCOLARITE.INSCRIPTION_GROUPE WHERE COD_ETU = :1 AND COD_GRP = :2", [old])
        self.insert(new)
        return self.commit()

    def move(self, row: Row, target: int) -> float:
        """The row gets another group."""
        self._change(
            f"UPDATE SCOLARITE.INSCRIPTION_GROUPE SET COD_GRP = :1, DATE_MAJ = {_NOW} WHERE COD_ETU = :2 AND COD_GRP = :3",
            [row],
            target,
        )
        return self.commit()

    def delete(self, *rows: Row) -> float:
        """The row is gone and nothing tells of it."""
        self._change(
            "DELETE FROM SCOLARITE.INSCRIPTION_GROUPE WHERE COD_ETU = :1 AND COD_GRP = :2",
            rows,
        )
        return self.commit()

    def abolish(self, group: Group) -> float:
        """A group is gone with all its rows."""
        self._cursor.execute("DELETE FROM SCOLARITE.INSCRIPTION_GROUPE WHERE COD_GRP = :1", [group.code])
        self._cursor.execute("DELETE FROM SCOLARITE.GROUPE WHERE COD_GRP = :1", [group.code])
        return self.commit()

    def commit(self) -> float:
        """Commit; answers the Unix time afterwards."""
        self._connection.commit()
        return time.time()

    def _fill(self, table: str, rows: Sequence[tuple[Any, ...]], last: str | None = None) -> None:
        values = [f":{number}" for number in range(1, len(rows[0]) + 1)] + ([last] if last else [])
        for start in range(0, len(rows), _CHUNK):
            self._many(f"INSERT INTO SCOLARITE.{table} VALUES ({', '.join(values)})", rows[start : start + _CHUNK])

    def _change(self, sql: str, rows: Sequence[Row], *first: Any) -> None:
        """Run it for each row; the number as the CHAR(8) column has it: a bound text is compared with its blanks."""
        self._many(sql, [(*first, student.ljust(8), group) for student, group in rows])
        if self._cursor.rowcount != len(rows):
            raise LookupError(f"{self._cursor.rowcount} rows were changed instead of {len(rows)}: {rows}")

    def _many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if len(rows) == 1:
            self._cursor.execute(sql, list(rows[0]))
        else:
            self._cursor.executemany(sql, list(rows))


def fetch(dsn: str, sql: str, user: str = OWNER, password: str = PASSWORD) -> Iterable[tuple[Any, ...]]:
    """All rows of a query, over a connection of its own."""
    with closing(oracledb.connect(user=user, password=password, dsn=dsn)) as connection, connection.cursor() as cursor:
        cursor.arraysize = 5000
        cursor.execute(sql)
        yield from cursor.fetchall()
