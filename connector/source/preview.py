"""What the settings would make of the rows, before anything is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connector.runtime.collation import loose_key
from connector.source.mapping import Cohort, Row, RowMapping

_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class PreviewCohort:
    """A cohort that would be made."""

    cohort: Cohort
    members: int
    sample: tuple[str, ...]
    """Keys of some members. Personal: for a person's eyes, not for logs."""
    colliding_with: str | None = None
    """An idnumber that Moodle's database may hold equal; the connector would publish one of them as colliding."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What so many rows make."""

    rows: int
    students: int
    memberships: int
    inactive: int
    """Memberships of which rows state that they have ended, or not begun."""
    cohorts: tuple[PreviewCohort, ...] = ()
    """By idnumber."""
    unmappable: Mapping[str, int] = field(default_factory=dict)
    """Rows from which nothing can be made, by reason, most frequent first."""
    unknown_students: int = 0
    """Students with such a row: nothing would be removed for them."""
    several_values: int = 0
    """Student keys that are made by more than one value of the student column."""
    cut_names: int = 0
    """Rows whose cohort name is too long for Moodle and would be cut."""
    complete: bool = True
    """Whether these are all rows; otherwise numbers of members are of this part only."""


def preview(mapping: RowMapping, batches: Iterable[list[Row]], *, most_rows: int) -> Preview:
    """Map at most so many rows, in any order. Memory grows with the students and cohorts among them."""
    cohorts: dict[str, Cohort] = {}
    members: dict[str, set[str]] = {}
    inactive: set[tuple[str, str]] = set()
    values: dict[str, set[str]] = {}
    unknown: set[str] = set()
    unmappable: Counter[str] = Counter()
    rows = cut_names = 0
    complete = True
    for batch in batches:
        part = batch[: most_rows - rows]
        mapped = mapping.map(part)
        rows += mapped.rows
        cut_names += mapped.cut_names
        unmappable.update(mapped.unmappable)
        for student, desired in mapped.students.items():
            values.setdefault(student, set()).update(mapped.values[student])
            if desired.unknown:
                unknown.add(student)
            for idnumber, support in desired.memberships.items():
                cohorts.setdefault(idnumber, support.cohort)
                members.setdefault(idnumber, set()).add(student)
            inactive |= {(student, idnumber) for idnumber in desired.inactive}
        if len(part) < len(batch) or rows >= most_rows:
            complete = False
            break
    active = {(student, idnumber) for idnumber, students in members.items() for student in students}
    return Preview(
        rows,
        len(values),
        len(active),
        len(inactive - active),
        _described(cohorts, members),
        dict(unmappable.most_common()),
        len(unknown),
        sum(len(found) > 1 for found in values.values()),
        cut_names,
        complete,
    )


def _described(cohorts: Mapping[str, Cohort], members: Mapping[str, set[str]]) -> tuple[PreviewCohort, ...]:
    first: dict[str, str] = {}
    described = []
    for idnumber in sorted(cohorts):
        earlier = first.setdefault(loose_key(idnumber), idnumber)
        students = members[idnumber]
        sample = tuple(sorted(students)[:_SAMPLES])
        colliding = None if earlier == idnumber else earlier
        described.append(PreviewCohort(cohorts[idnumber], len(students), sample, colliding))
    return tuple(described)
