"""A table of enrolments, as large as asked for: four rows a student and a hundred students a group, unless said otherwise."""

from __future__ import annotations

import time
from pathlib import Path

import oracledb

SCHEMA = Path(__file__).with_name("enrolments.sql")
OWNER, PASSWORD = "SCOLARITE", "scolarite"
READER, READER_PASSWORD = "COHORTSTREAM", "reader"
ROWS_A_STUDENT = 4
_ROWS_A_GROUP = 100
_AT_ONCE = 250_000
_LONG_AGO = "TIMESTAMP '2026-01-05 08:00:00'"
"""Stamp of what was filled in: polling, which begins at the load's beginning, is not to read it again."""


class Enrolments:
    """One connection as the owner. Students are numbered from 1, rows student by student."""

    def __init__(
        self, dsn: str, students: int, rows_a_student: int = ROWS_A_STUDENT, rows_a_group: int = _ROWS_A_GROUP
    ) -> None:
        self.students, self.rows, self._each = students, students * rows_a_student, rows_a_student
        # A multiple, so that the rows of a student name as many groups; no fewer than twice as many, so that the group
        # after each of them is none of the others.
        self.groups = max(2 * rows_a_student, self.rows // rows_a_group // rows_a_student * rows_a_student)
        self._connection = oracledb.connect(user=OWNER, password=PASSWORD, dsn=dsn)
        self._cursor = self._connection.cursor()

    def close(self) -> None:
        self._connection.close()

    def fill(self) -> None:
        """Make all rows. The database does it, in some transactions."""
        for start in range(0, self.rows, _AT_ONCE):
            count = min(_AT_ONCE, self.rows - start)
            group = (
                f"MOD(FLOOR(N / {self._each}) * 13 + MOD(N, {self._each}) * {self.groups // self._each}, {self.groups})"
            )
            self._cursor.execute(
                "INSERT INTO SCOLARITE.INSCRIPTION (ID_INS, COD_ETU, COD_GRP, LIB_GRP, ETA_INS, DATE_MAJ) "
                f"SELECT N + 1, LPAD(TO_CHAR(FLOOR(N / {self._each}) + 1), 8, '0'), "
                f"'2026-' || LPAD(TO_CHAR({group}), 6, '0'), 'Group ' || TO_CHAR({group}), 'I', {_LONG_AGO} "
                f"FROM (SELECT LEVEL - 1 + {start} AS N FROM DUAL CONNECT BY LEVEL <= {count})"
            )
            self._connection.commit()

    def touch(self) -> float:
        """Stamp every row and change nothing else; answers the Unix time after the commit."""
        return self._change("DATE_MAJ = CAST(SYSTIMESTAMP AS TIMESTAMP)", "ID_INS > 0", self.rows)

    def move(self) -> float:
        """One row of each student goes to the next group; answers the Unix time after the commit."""
        group = f"MOD(TO_NUMBER(SUBSTR(COD_GRP, 6)) + 1, {self.groups})"
        return self._change(
            f"COD_GRP = '2026-' || LPAD(TO_CHAR({group}), 6, '0'), LIB_GRP = 'Group ' || TO_CHAR({group}), "
            "DATE_MAJ = CAST(SYSTIMESTAMP AS TIMESTAMP)",
            f"MOD(ID_INS, {self._each}) = 1",
            self.students,
        )

    def move_unseen(self, students: int) -> int:
        """One row of so many students goes to the next group, and no stamp tells of it; answers how many did."""
        group = f"MOD(TO_NUMBER(SUBSTR(COD_GRP, 6)) + 1, {self.groups})"
        self._cursor.execute(
            f"UPDATE SCOLARITE.INSCRIPTION SET COD_GRP = '2026-' || LPAD(TO_CHAR({group}), 6, '0'), "
            f"LIB_GRP = 'Group ' || TO_CHAR({group}) "
            f"WHERE MOD(ID_INS, {self._each}) = 1 AND ID_INS <= {students * self._each}"
        )
        moved = self._cursor.rowcount
        self._connection.commit()
        return int(moved)

    def _change(self, what: str, which: str, rows: int) -> float:
        self._cursor.execute(f"UPDATE SCOLARITE.INSCRIPTION SET {what} WHERE {which}")
        if self._cursor.rowcount != rows:
            raise LookupError(f"{self._cursor.rowcount} rows were changed instead of {rows}")
        self._connection.commit()
        return time.time()


SETTINGS = """\
# Every setting that does not tell where things are has its default.
[kafka]
bootstrap_servers = @bootstrap@
topic_prefix = @prefix@
replication_factor = 1

[telemetry]
hash_key = { file = @hash@ }
http_ports = { poll = @port@ }

[connector]
state_directory = @state@

[sources.bench]
dsn = @dsn@
user = "COHORTSTREAM"
password = { file = @secret@ }

[sources.bench.membership]
table = "SCOLARITE.INSCRIPTION"
student = "{COD_ETU|trim}"
row_key = "{ID_INS}"
active = [{ column = "ETA_INS", values = ["I"] }]

[sources.bench.cohort]
idnumber = "{COD_GRP|trim|upper}"
name = "{LIB_GRP|trim}"

[[sources.bench.hints]]
kind = "timestamp"
cursor = "DATE_MAJ"
"""
"""Settings of a connector that reads it, with places for where everything is."""
