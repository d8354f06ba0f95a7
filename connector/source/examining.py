"""The central step: read the truth of some students, compare it with what was published, publish the difference."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.runtime.clock import Clock
from connector.runtime.telemetry import Count, Histogram, Metrics
from connector.source.causes import Cause
from connector.source.difference import Difference, Observation, difference
from connector.source.known import Known, Stamp
from connector.source.mapping import Desired, Mapped, RowMapping
from connector.source.missed import Explained, Polled, explained
from connector.source.reading import Source
from connector.source.rowkeys import Place
from connector.source.state import State
from schemas.records import CohortChanged, MembershipChanged, StudentValues, SupportingRow

MOST_VALUES = 500
"""Values of the student column in one truth statement, so that it stays short and its rows are of one instant."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A student to look at."""

    stamp: Stamp = field(default_factory=Stamp)
    values: frozenset[str] = frozenset()
    """Values of the student column that brought it up."""
    deleted: bool = False
    """Whether a journal told of a delete."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What one truth statement led to; nothing is published yet."""

    desired: Mapping[str, Desired]
    difference: Difference
    values: tuple[StudentValues, ...]
    known: Known = field(default_factory=Known)
    """The state that it was compared with."""
    missed: Mapping[Cause, int] = field(default_factory=dict)
    """For a snapshot: changes of memberships by the way in which polling had missed them."""
    unsure: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By student, keys of rows of which more should be known to tell the way."""
    restamped: Mapping[Place, tuple[SupportingRow, ...]] = field(default_factory=dict)
    """Rows of memberships that stay as they are, with other stamps than the state has."""


class Examiner:
    """Examines students of one source."""

    def __init__(
        self, name: str, source: Source, mapping: RowMapping, state: State, clock: Clock, metrics: Metrics
    ) -> None:
        self._name, self._source, self._mapping, self._state = name, source, mapping, state
        self._clock, self._metrics = clock, metrics

    def portions(self, subjects: Mapping[str, Subject]) -> Iterator[dict[str, Subject]]:
        """Pieces that fit into one truth statement."""
        portion: dict[str, Subject] = {}
        count = 0
        known = self._state.values_of(self._name, list(subjects))
        for student, subject in subjects.items():
            values = len(subject.values.union(known[student]))
            if portion and count + values > MOST_VALUES:
                yield portion
                portion, count = {}, 0
            portion[student] = subject
            count += values
        if portion:
            yield portion

    def examine(
        self,
        subjects: Mapping[str, Subject],
        at: datetime,
        fingerprint: str,
        cause: Cause,
        *,
        concludes: bool,
        names: Collection[str] = (),
        polled: Polled | None = None,
    ) -> Examined:
        """Read and compare one portion. ``at`` is the database's clock, read before this; with ``polled``, changes say
        in which way polling has missed them.
        """
        students = list(subjects)
        stored = self._state.values_of(self._name, students)
        values = sorted({value for s in students for value in subjects[s].values.union(stored[s])})
        began = self._clock.monotonic()
        mapped = self._mapping.map(self._source.truth(values[:MOST_VALUES]))
        for start in range(MOST_VALUES, len(values), MOST_VALUES):  # one student of very many values
            more = self._mapping.map(self._source.truth(values[start : start + MOST_VALUES]))
            mapped = _joined(mapped, more)
        self._metrics.observe(Histogram.TRUTH_DURATION, self._clock.monotonic() - began, source=self._name)
        self._metrics.count(Count.SOURCE_ROWS, mapped.rows, source=self._name, query="truth")
        desired = {student: mapped.students.get(student, Desired()) for student in students}
        seen = Observation(
            self._name,
            at,
            fingerprint,
            cause,
            concludes,
            {student: subjects[student].stamp for student in students},
            {student: Cause.JOURNAL_DELETE for student in students if subjects[student].deleted},
            frozenset(names),
        )
        return self.compare(desired, mapped, seen, polled)

    def compare(
        self, desired: Mapping[str, Desired], mapped: Mapped, seen: Observation, polled: Polled | None = None
    ) -> Examined:
        """Compare what rows say, however they were read."""
        if mapped.unmappable:
            self._metrics.count(Count.UNMAPPABLE, sum(mapped.unmappable.values()), source=self._name)
        cohorts = {cohort for wanted in desired.values() for cohort in wanted.mentioned}
        known = self._state.known(list(desired), cohorts)
        found = difference(known, desired, seen)
        told = Explained(found) if polled is None else explained(found, known, desired, seen.source, polled)
        found = told.difference
        values = self._new_values(desired, mapped, known)
        news = {(change.student, change.cohort) for change in found.changes if isinstance(change, MembershipChanged)}
        stamps = {place: rows for place, rows in _restamped(desired, known, seen.source).items() if place not in news}
        return Examined(desired, found, values, known, told.missed, told.unsure, stamps)

    def differing(self, mapped: Mapped, seen: Observation) -> set[str]:
        """Students whose rows say other than the state."""
        cohorts = {cohort for wanted in mapped.students.values() for cohort in wanted.mentioned}
        known = self._state.known(list(mapped.students), cohorts)
        found = difference(known, mapped.students, seen)
        students = {change.student for change in found.changes if isinstance(change, MembershipChanged)}
        students |= {entry.student for entry in found.suspects}
        # A cohort's own difference is told by any student of it.
        cohorts = {change.cohort for change in found.changes if isinstance(change, CohortChanged)} | found.renames
        for cohort in cohorts:
            students.update([next(s for s, wanted in mapped.students.items() if cohort in wanted.memberships)])
        return students

    def _new_values(self, desired: Mapping[str, Desired], mapped: Mapped, known: Known) -> tuple[StudentValues, ...]:
        """Values of the student column to remember: they are how the student's rows are found later."""
        stored = self._state.values_of(self._name, list(desired))
        records = []
        for student in desired:
            found = mapped.values.get(student, frozenset())
            old = frozenset(stored[student])
            # The key itself is a value only if rows were read under it.
            assumed = old == {student} and not known.memberships.get(student)
            now = found if assumed and found else found | old
            if now != old:
                records.append(StudentValues(self._name, student, tuple(sorted(now))))
        return tuple(records)


def subjects_of(students: Sequence[str]) -> dict[str, Subject]:
    """Students that no hint brought up."""
    return dict.fromkeys(students, Subject())


def _restamped(desired: Mapping[str, Desired], known: Known, source: str) -> dict[Place, tuple[SupportingRow, ...]]:
    """The memberships whose rows are the same and bear other stamps, with their rows as they are now."""
    found = {}
    for student, wanted in desired.items():
        held = known.memberships.get(student, {})
        for cohort in wanted.memberships.keys() & held.keys():
            stamps, before = wanted.stamps(cohort), held[cohort].rows
            now = tuple(
                replace(row, stamp=stamps[row.row]) if row.source == source and row.row in stamps else row
                for row in before
            )
            if now != before:
                found[student, cohort] = now
    return found


def _joined(one: Mapped, other: Mapped) -> Mapped:
    """Rows of one student that two statements brought. Nothing is concluded from what is missing in them, since they
    are not of one instant.
    """
    students = dict(one.students)
    for student, more in other.students.items():
        first = students.get(student, Desired())
        students[student] = Desired(
            {**more.memberships, **first.memberships},
            (first.inactive | more.inactive) - first.memberships.keys() - more.memberships.keys(),
            {**more.places, **first.places},
            first.unknown | more.unknown | {"read by two statements"},
            {
                cohort: [*first.sightings.get(cohort, ()), *more.sightings.get(cohort, ())]
                for cohort in {*first.sightings, *more.sightings}
            },
        )
    values = {s: one.values.get(s, frozenset()) | other.values.get(s, frozenset()) for s in students}
    reasons = {r: one.unmappable.get(r, 0) + other.unmappable.get(r, 0) for r in {*one.unmappable, *other.unmappable}}
    return Mapped(students, values, one.rows + other.rows, reasons, one.cut_names + other.cut_names)
