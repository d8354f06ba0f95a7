"""Which students a running snapshot has brought."""

from __future__ import annotations

from collections.abc import Iterable

from connector.source.state import State
from connector.source.store import chunks, marks


class SnapshotMarks:
    """Of one source's snapshot, in a temporary table of the state's store: any number of students in bounded memory."""

    def __init__(self, state: State, source: str) -> None:
        self._state, self._store, self._source = state, state.store, source

    def begin(self) -> None:
        """Forget what an earlier one has seen."""
        self._store.execute("DELETE FROM seen WHERE source = ?", (self._source,))

    def mark_seen(self, students: Iterable[str]) -> None:
        """The snapshot has brought rows of these."""
        self._store.execute("BEGIN")  # each would be a transaction of its own, and cost ten times as much
        try:
            # Many by a statement: after each one Python has to wait until the thread that reads ahead lets go.
            for chunk in chunks(list(students)):
                values = [value for student in chunk for value in (self._source, student)]
                rows = ", ".join(["(?, ?)"] * len(chunk))
                self._store.execute(f"INSERT OR IGNORE INTO seen VALUES {rows}", values)  # noqa: S608
        finally:
            self._store.execute("COMMIT")

    def unseen(self, after: str, limit: int) -> list[str]:
        """Students that the source supports and of whom the snapshot brought no row, in order, beginning after one."""
        supports = self._state.supports_of(self._source)
        rows = self._store.execute(
            "SELECT student FROM students s WHERE student > ? "  # noqa: S608
            "AND student NOT IN (SELECT student FROM seen WHERE source = ?) "
            f"AND EXISTS (SELECT 1 FROM memberships m WHERE m.student = s.id AND m.support IN ({marks(supports)})) "
            "ORDER BY student LIMIT ?",
            [after, self._source, *supports, limit],
        )
        return [student for (student,) in rows]
