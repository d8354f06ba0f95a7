"""What a hint watches beside the membership query: a row that has left a view is still there, and tells so."""

from __future__ import annotations

from collections.abc import Sequence

from connector.source.mapping import Row, RowMapping
from connector.source.oracle import statements
from connector.source.oracle.columns import NUMBERS, TEXTS, bound_types, bound_value
from connector.source.oracle.hinting import HintQueries
from connector.source.oracle.session import Session


class Watched:
    """Reads from the first hint that has the columns of the row key. A journal has rows of what is gone, so none is
    asked.
    """

    def __init__(self, session: Session, hints: HintQueries, mapping: RowMapping) -> None:
        self._session, self._hints, self._mapping = session, hints, mapping
        self._hint: str | None = None
        self._looked = False

    def refresh(self) -> None:
        """Look again which hint it is."""
        self._looked = False

    def rows(self, values: Sequence[str]) -> list[Row] | None:
        """As ``Source.watched``. The student's value stands under the name of the membership's column."""
        hint = self._found()
        if hint is None or self._mapping.row_key is None:
            return None
        (student,) = self._hints.subject(hint)
        column = self._hints.columns(hint)[student]
        binds = [bind for value in values if (bind := bound_value(value, column)) is not None]
        if not binds:
            return []
        keys = self._mapping.row_key.columns
        aliased = {} if self._mapping.student_column in keys else {self._mapping.student_column: f'm."{student}"'}
        what = statements.selected(keys, aliased)
        sql, size = statements.truth(self._hints.origin(hint), what, student, len(binds))
        named = {f"s{n}": binds[min(n, len(binds) - 1)] for n in range(size)}
        rows = self._session.rows(f"hint {hint}", sql, named, bound_types(named, column.type))
        return [dict(zip((*keys, *aliased), row, strict=True)) for row in rows]

    def _found(self) -> str | None:
        if not self._looked:
            self._hint = next((name for name in self._hints.settings if self._fits(name)), None)
            self._looked = True
        return self._hint

    def _fits(self, name: str) -> bool:
        settings, key = self._hints.settings[name], self._mapping.row_key
        if key is None or settings.by_cohort or settings.kind == "journal":
            return False
        if settings.table is None and settings.query is None:
            return False
        columns = self._hints.columns(name)
        (student,) = self._hints.subject(name)
        return all(column in columns for column in key.columns) and columns[student].type in TEXTS | NUMBERS
