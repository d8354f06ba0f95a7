"""A registrar's office that never rests: random changes, remembered so that what Moodle did can be judged."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from types import TracebackType
from typing import Self

from tests.demo.student_system import Row, StudentSystem
from tests.demo.university import ACTIVE, WITHDRAWN, University

_MOST_REPLACED = 12
"""Absences are limited by the product itself, to 20 a day in a university as small as this."""


class Registrar:
    """Changes the student system in a thread of its own, from entry to exit of the block."""

    def __init__(self, school: StudentSystem, university: University, seed: int, pause: float = 0.02) -> None:
        self.rows: dict[Row, str] = {(e.student, e.group): e.status for e in university.enrolments}
        self.ended: set[Row] = {row for row, status in self.rows.items() if status == WITHDRAWN}
        """Rows that said at some time that the student is not, or no longer, a member."""
        self.changes = 0
        self.failure: BaseException | None = None
        self._students = [student.number for student in university.students]
        self._groups = [group.code for group in university.groups]
        self._chance = random.Random(seed)
        self._school, self._pause = school, pause
        self._replaced = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="registrar", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with closing(self._school.another()) as school:
                while not self._over.wait(self._pause):
                    self._change(school)
                    self.changes += 1
        except BaseException as failure:
            self.failure = failure

    def _change(self, school: StudentSystem) -> None:
        lot = self._chance.random()
        if lot < 0.45:
            row = self._free()
            school.enrol(row)
            self.rows[row] = ACTIVE
        elif lot < 0.65:
            row = self._some(ACTIVE)
            self.ended.add(row)
            school.withdraw(row)
            self.rows[row] = WITHDRAWN
        elif lot < 0.8 and WITHDRAWN in self.rows.values():
            row = self._some(WITHDRAWN)
            school.reinstate(row)
            self.rows[row] = ACTIVE
        elif lot < 0.97 or self._replaced >= _MOST_REPLACED:
            old, new = self._pair()
            self.ended.add(old)
            school.move(old, new[1])
            del self.rows[old]
            self.rows[new] = ACTIVE
        else:
            old, new = self._pair()
            self.ended.add(old)
            school.replace(old, new)
            del self.rows[old]
            self.rows[new] = ACTIVE
            self._replaced += 1

    def _free(self) -> Row:
        while (row := (self._chance.choice(self._students), self._chance.choice(self._groups))) in self.rows:
            pass
        return row

    def _some(self, status: str) -> Row:
        rows = sorted(row for row, found in self.rows.items() if found == status)
        return self._chance.choice(rows)

    def _pair(self) -> tuple[Row, Row]:
        """A row, and one in another group that the student has no row for."""
        while True:
            old = self._some(ACTIVE)
            new = (old[0], self._chance.choice(self._groups))
            if new not in self.rows:
                return old, new
