"""Which students of a snapshot need no comparison at all: their rows say just what the state says.

Nearly all rows of nearly all snapshots do, so this is where a snapshot's time goes. It only ever answers "the same" or
"look closer": whoever is in doubt for any reason is mapped and compared as everybody else is (see ``difference``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from operator import itemgetter

from connector.runtime.patterns import Unmappable
from connector.source.mapping import Cohort, Row, RowMapping, value_of
from connector.source.rowkeys import unpacked
from connector.source.state import State
from connector.source.store import chunks, marks, supports_of
from schemas.records import CohortChanged, CohortState

_CACHED = 50_000

Keys = list[str]
"""Keys of the rows by which one membership is supported."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a set of rows leaves open."""

    students: Collection[str]
    """All students who have a row."""
    rows: Sequence[Row]
    """All rows of those who need a closer look, and those from which no student can be made."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where rows with certain values put a student. None stands for rows that support nothing: inactive ones, and those
    that cannot be mapped. What they state matters only where the state has more than the other rows support.
    """

    cohort: str
    number: int
    """Of the cohort, in the tables of the state."""
    record: CohortChanged | None
    """With which this was found. Another one may say otherwise."""


_UNKNOWN = _Place("", 0, None)


class Agreement:
    """Of one source's rows with the state. Not for use by several threads."""

    def __init__(self, source: str, mapping: RowMapping, state: State) -> None:
        self._source, self._mapping, self._state = source, mapping, state
        self._values_of = itemgetter(*mapping.deciding_columns)
        self._places: dict[object, _Place | None] = {}
        self._opening = f"[[{encode_basestring(source)}, "

    def doubt(self, rows: Sequence[Row]) -> Doubt:
        """Compare whole students."""
        wanted, keys, doubtful = self._wanted(rows)
        doubtful |= self._differing(wanted)
        column = self._mapping.student_column
        left = [row for row in rows if (key := keys[row[column]]) is None or key in doubtful]
        return Doubt(wanted.keys(), left)

    def _wanted(self, rows: Iterable[Row]) -> tuple[dict[str, dict[int, Keys]], Mapping[object, str | None], set[str]]:
        """By student, the memberships that rows support; the student of each value; those of whom this is not all."""
        row_key, places, values_of = self._mapping.row_key, self._places, self._values_of
        column, record_of = self._mapping.student_column, self._state.cohort_record
        wanted: dict[str, dict[int, Keys]] = {}
        keys: dict[object, str | None] = {}
        doubtful: set[str] = set()
        for row in rows:
            raw = row[column]
            student = keys[raw] if raw in keys else keys.setdefault(raw, self._student(raw))
            if student is None:
                continue
            mine = wanted.get(student)
            if mine is None:
                mine = wanted[student] = {}
            values = values_of(row)
            place = places.get(values, _UNKNOWN)
            if place is None:
                continue
            if place is _UNKNOWN or record_of(place.cohort) is not place.record:
                place = self._find(values, row)
            if place is _UNKNOWN:
                doubtful.add(student)
            elif place is not None:
                supporting = mine.get(place.number)
                if supporting is None:
                    supporting = mine[place.number] = []
                if row_key is not None:
                    try:
                        supporting.append(row_key.render(row))
                    except Unmappable:
                        doubtful.add(student)
        return wanted, keys, doubtful

    def _student(self, raw: object) -> str | None:
        return None if raw is None else self._mapping.student_of(value_of(raw))

    def _find(self, values: object, row: Row) -> _Place | None:
        """Where rows with these values put a student. ``_UNKNOWN`` if the state does not know the cohort just as they
        describe it, so that every such row needs a closer look.
        """
        found: _Place | None
        try:
            cohort = self._mapping.cohort_of(row)
            active = self._mapping.is_active(row)
        except Unmappable:
            found = None
        else:
            found = self._known(cohort) if active else None
        if found is not _UNKNOWN:
            if len(self._places) >= _CACHED:
                self._places.clear()
            self._places[values] = found
        return found

    def _known(self, cohort: Cohort) -> _Place:
        record = self._state.cohort_record(cohort.idnumber)
        if record is None or record.state is not CohortState.PRESENT:
            return _UNKNOWN
        if (record.name, record.category) != (cohort.name, cohort.category):
            return _UNKNOWN
        found = self._state.store.execute("SELECT id FROM cohorts WHERE cohort = ?", (cohort.idnumber,)).fetchone()
        return _Place(cohort.idnumber, int(found[0]), record)

    def _differing(self, wanted: Mapping[str, Mapping[int, Keys]]) -> set[str]:
        """Students of whom the state supports other memberships, or suspects anything."""
        store = self._state.store
        supports = set(supports_of(store, self._source))
        left = {student: len(memberships) for student, memberships in wanted.items()}
        differing = {entry.student for entry in self._state.suspicions.of(list(wanted))}
        for chunk in chunks(list(wanted)):
            for student, cohort, support, rows in store.execute(
                "SELECT s.student, m.cohort, m.support, m.rows FROM students s JOIN memberships m ON m.student = s.id "  # noqa: S608
                f"WHERE s.student IN ({marks(chunk)})",
                chunk,
            ):
                if support not in supports:
                    continue
                keys = wanted[student].get(cohort)
                if keys is not None and self._same(keys, rows):
                    left[student] -= 1
                else:
                    differing.add(student)
        differing.update(student for student, count in left.items() if count)
        return differing

    def _same(self, keys: Keys, stored: str | None) -> bool:
        """Whether these are the keys of this source's rows in a column of the state, whatever their stamps are."""
        if not keys and stored is None:
            return True
        if len(keys) == 1 and stored is not None:
            # One row of one source, as nearly all are, is told without reading JSON.
            opening = self._opening + encode_basestring(keys[0])
            if stored.startswith(opening) and stored.count("[") == opening.count("["):
                return True
        return {row.row for row in unpacked(stored) if row.source == self._source} == set(keys)
