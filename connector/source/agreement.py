"""Which students of a snapshot need no comparison at all: their rows say just what the state says.

Nearly all rows of nearly all snapshots do, so this is where a snapshot's time goes. It only ever answers "the same" or
"look closer": whoever is in doubt for any reason is mapped and compared as everybody else is (see ``difference``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from operator import itemgetter

from connector.runtime.patterns import Unmappable
from connector.source.mapping import Cohort, Row, RowMapping, value_of
from connector.source.rowkeys import unpacked
from connector.source.state import State
from connector.source.store import chunks, marks
from schemas.records import CohortState

_CACHED = 50_000
_UNKNOWN = -1
"""In place of a cohort's number: the state does not know it just as the row describes it."""

Keys = str | list[str] | None
"""What the state must hold of a membership: None where rows have no keys; for one row, how the text of the state begins
(nearly all memberships rest on one, and are told without reading JSON); for several rows, their keys.
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a set of rows leaves open."""

    students: Collection[str]
    """All students who have a row."""
    rows: Sequence[Row]
    """All rows of those who need a closer look, and those from which no student can be made."""


class Agreement:
    """Of one source's rows with the state. Not for use by several threads."""

    def __init__(self, source: str, mapping: RowMapping, state: State) -> None:
        self._source, self._mapping, self._state = source, mapping, state
        self._values_of = itemgetter(*mapping.deciding_columns)
        self._places: dict[object, int | None] = {}
        """By what a row says of its cohort: the cohort's number in the tables of the state. None for rows that support
        nothing: inactive ones, and those that cannot be mapped. What they state matters only where the state has more
        than the other rows support.
        """
        self._cohorts = state.cohorts
        """With which the places were found."""
        self._opening = f"[[{encode_basestring(source)}, "

    def doubt(self, rows: Sequence[Row]) -> Doubt:
        """Compare whole students."""
        if self._state.cohorts is not self._cohorts or len(self._places) > _CACHED:
            self._cohorts = self._state.cohorts
            self._places.clear()
        wanted, keys, doubtful = self._wanted(rows)
        doubtful |= self._differing(wanted)
        if not doubtful and None not in keys.values():
            return Doubt(wanted.keys(), ())
        column = self._mapping.student_column
        left = [row for row in rows if (key := keys[row[column]]) is None or key in doubtful]
        return Doubt(wanted.keys(), left)

    def _wanted(self, rows: Iterable[Row]) -> tuple[dict[str, dict[int, Keys]], Mapping[object, str | None], set[str]]:
        """By student, the memberships that rows support; the student of each value; those of whom this is not all."""
        column, row_key, opening = self._mapping.student_column, self._mapping.row_key, self._opening
        values_of, place_of = self._values_of, self._places.get
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
            place = place_of(values, _UNKNOWN)
            if place == _UNKNOWN:
                place = self._find(values, row)
            if place is None:
                continue
            if place == _UNKNOWN:
                doubtful.add(student)
            elif row_key is None:
                mine[place] = None
            else:
                try:
                    key = row_key.render(row)
                except Unmappable:
                    doubtful.add(student)
                    continue
                first = opening + encode_basestring(key)
                mine[place] = first if place not in mine else self._several(mine[place], key)
        return wanted, keys, doubtful

    def _several(self, before: Keys, key: str) -> list[str]:
        """The keys of several rows."""
        return [*self._listed(before), key]

    def _listed(self, keys: Keys) -> list[str]:
        return [row.row for row in unpacked(keys + "]]")] if isinstance(keys, str) else keys or []

    def _student(self, raw: object) -> str | None:
        return None if raw is None else self._mapping.student_of(value_of(raw))

    def _find(self, values: object, row: Row) -> int | None:
        """The place of rows with these values. ``_UNKNOWN`` is not remembered: every such row needs a closer look."""
        found: int | None
        try:
            cohort = self._mapping.cohort_of(row)
            active = self._mapping.is_active(row)
        except Unmappable:
            found = None
        else:
            found = self._known(cohort) if active else None
        if found != _UNKNOWN:
            self._places[values] = found
        return found

    def _known(self, cohort: Cohort) -> int:
        record = self._state.cohort_records([cohort.idnumber]).get(cohort.idnumber)
        if record is None or record.state is not CohortState.PRESENT:
            return _UNKNOWN
        if (record.name, record.category) != (cohort.name, cohort.category):
            return _UNKNOWN
        found = self._state.store.execute("SELECT id FROM cohorts WHERE cohort = ?", (cohort.idnumber,)).fetchone()
        return int(found[0])

    def _differing(self, wanted: Mapping[str, dict[int, Keys]]) -> set[str]:
        """Students of whom the state supports other memberships, or suspects anything. What it does support is taken
        out of ``wanted``.
        """
        supports = set(self._state.supports_of(self._source))
        differing = {entry.student for entry in self._state.suspicions.of(list(wanted))}
        for chunk in chunks(list(wanted)):
            # All in one row: for each row that it fetches, Python has to wait until the thread that reads ahead lets go.
            ((found,),) = self._state.store.execute(
                "SELECT json_group_array(json_array(s.student, m.cohort, m.support, m.rows)) FROM students s "  # noqa: S608
                f"JOIN memberships m ON m.student = s.id WHERE s.student IN ({marks(chunk)})",
                chunk,
            )
            for student, cohort, support, stored in json.loads(found):
                if support not in supports:
                    continue
                mine = wanted[student]
                if cohort not in mine:
                    differing.add(student)
                    continue
                keys = mine.pop(cohort)
                one = isinstance(keys, str) and stored is not None and "], [" not in stored
                if not (one and stored.startswith(keys)) and not self._same(keys, stored):
                    differing.add(student)
        differing.update(student for student, left in wanted.items() if left)
        return differing

    def _same(self, keys: Keys, stored: str | None) -> bool:
        """Whether these are the keys of this source's rows in a column of the state, whatever their stamps are."""
        return {row.row for row in unpacked(stored) if row.source == self._source} == set(self._listed(keys))
