"""Whom an answer of a hint query brings up: its students, or the students of its cohorts.

A rush is worked off some at a time, since a student who waits to be examined takes several times the memory of a hint's row.
A cohort stands for its students in the source and in the state, and to ask the source for them costs a statement; a
student of several cohorts is looked at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.source.examining import MOST_VALUES, Subject
from connector.source.feed import Feed
from connector.source.hints import HintRow, Position
from connector.source.hints.following import Answer
from connector.source.known import Stamp

_STUDENTS_AT_ONCE = 10 * MOST_VALUES
"""A multiple of what one truth statement takes, so that most statements are full."""
_COHORTS_AT_ONCE = 20

Brought = dict[str, Subject]


class Expansion:
    """The students of one answer, portion by portion. ``take`` may raise what a read raises, and can then be repeated."""

    def __init__(self, feed: Feed, answer: Answer, *, by_cohort: bool) -> None:
        self._feed, self._answer, self._by_cohort = feed, answer, by_cohort
        self._rows = deque(answer.rows if by_cohort else self._by_student(answer.rows))
        self._keys = deque(sorted(answer.keys))
        self._brought: set[str] = set()
        self._found: dict[str, _Found] = {}
        """Kept when a read fails in the middle: the cohorts before it are not asked for again."""

    @property
    def exhausted(self) -> bool:
        """Whether there is nobody left to bring up."""
        return not self._rows and not self._keys

    def take(self) -> Brought:
        """The next students that were not brought up before, with the newest stamp of each."""
        found = self._found
        if self._by_cohort:
            self._cohorts(found)
        else:
            self._students(found)
        self._found = {}
        fresh = {student: brought.subject(self._answer) for student, brought in found.items()}
        self._brought.update(fresh if self._by_cohort else ())
        return fresh

    def _by_student(self, rows: Sequence[HintRow]) -> list[HintRow]:
        """Rows of one student meet. Those whose value makes no key bring up nobody."""
        return sorted((row for row in rows if self._student_of(row)), key=self._student_of)

    def _student_of(self, row: HintRow) -> str:
        """The student's key; empty if there is none."""
        assert isinstance(row.subject, str)
        return self._feed.mapping.student_of(row.subject) or ""

    def _students(self, found: dict[str, _Found]) -> None:
        while self._rows:
            row = self._rows[0]
            student = self._student_of(row)
            if student not in found and len(found) >= _STUDENTS_AT_ONCE:
                return
            assert isinstance(row.subject, str)
            found.setdefault(student, _Found()).take(row, row.subject)
            self._rows.popleft()
        while self._keys and len(found) < _STUDENTS_AT_ONCE:
            found.setdefault(self._keys.popleft(), _Found())

    def _cohorts(self, found: dict[str, _Found]) -> None:
        for _ in range(_COHORTS_AT_ONCE):
            if self._rows:
                row = self._rows[0]
                for value, student in self._members_of(row):
                    if student not in self._brought:
                        found.setdefault(student, _Found()).take(row, value)
                self._rows.popleft()
            elif self._keys:
                for student in self._known_members(self._keys[0]):
                    if student not in self._brought:
                        found.setdefault(student, _Found())
                self._keys.popleft()

    def _members_of(self, row: HintRow) -> Iterator[tuple[str | None, str]]:
        """Values of the student column with their keys; no value for a student whom only the state knows."""
        feed, mapping = self._feed, self._feed.mapping
        assert isinstance(row.subject, tuple)
        for value in feed.source.students_of(row.subject):
            student = mapping.student_of(value)
            if student is not None:
                yield value, student
        idnumber = mapping.idnumber_of(dict(zip(mapping.idnumber.columns, row.subject, strict=True)))
        if idnumber is not None:
            for student in self._known_members(idnumber):
                yield None, student

    def _known_members(self, cohort: str) -> Iterator[str]:
        if self._feed.hinted_since_snapshot is not None:
            self._feed.hinted_cohorts.add(cohort)  # a load knows more of its members than the state does yet
        yield from self._feed.members_of(cohort)


@dataclass(slots=True)
class _Found:
    """What the rows of an answer say of one student."""

    row: HintRow | None = None
    values: set[str] = field(default_factory=set)
    deleted: bool = False

    def take(self, row: HintRow, value: str | None) -> None:
        if self.row is None or _newer(row, self.row):
            self.row = row
        self.deleted = self.deleted or row.deleted
        if value is not None:
            self.values.add(value)

    def subject(self, answer: Answer) -> Subject:
        stamp = self.row.stamp if self.row is not None else None
        told = Stamp() if stamp is None else Stamp(_text(stamp), answer.changed_at.get(stamp))
        return Subject(told, frozenset(self.values), self.deleted)


def _newer(one: HintRow, other: HintRow) -> bool:
    if one.stamp is None or other.stamp is None:
        return other.stamp is None and one.stamp is not None
    return one.stamp > other.stamp  # type: ignore[operator]  # the stamps of one hint are of one type


def _text(stamp: Position) -> str:
    return stamp.isoformat() if isinstance(stamp, datetime) else str(stamp)
