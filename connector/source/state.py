"""What was last published, in an embedded store that the topics can rebuild at any time.

Records are applied in the order of their partition, whether they come from the topic or were just committed by us; to
apply a stretch again from its beginning leads to the same state at its end.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from connector.runtime.collation import loose_key
from connector.source.causes import ABSENCES
from connector.source.forgetting import forget
from connector.source.known import Known, Membership
from connector.source.numbers import Numbers
from connector.source.raised import note_alert, raised_alerts
from connector.source.rowkeys import packed, unpacked
from connector.source.store import chunks, marks
from connector.source.suspicions import Suspicions
from schemas.codec import SingleObjectCodec
from schemas.keys import Key
from schemas.records import (
    Alert,
    Checkpoint,
    CohortChanged,
    CohortState,
    MembershipChanged,
    Presence,
    PublisherState,
    Record,
    StudentValues,
    Suspects,
)

R = TypeVar("R")
_CACHED = 50_000


class State:
    """Not for use by several threads. Reading needs no transaction; writing happens within ``writing``."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._codec = SingleObjectCodec()
        self.suspicions = Suspicions(store)
        self._numbers = Numbers(store)
        self._cohorts: dict[str, CohortChanged] = {}
        self.cohorts = object()
        """Another one whenever the record of any cohort may be another."""
        self._supported: Counter[str] = Counter(dict(store.execute("SELECT source, memberships FROM supported")))
        facts = dict(store.execute("SELECT name, value FROM facts"))
        self.highest_revision = int(facts.get("highest", 0))
        """Highest revision of any record applied."""
        self.memberships = int(facts.get("memberships", 0))
        """Memberships that are present."""
        self.publisher: PublisherState | None = self._publisher(facts.get("publisher"))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing; on an exception the caches are dropped as well."""
        self._store.execute("BEGIN")
        try:
            yield
            self._keep("highest", str(self.highest_revision))
            self._keep("memberships", str(self.memberships))
            self._store.executemany("INSERT OR REPLACE INTO supported VALUES (?, ?)", self._supported.items())
            self._store.execute("COMMIT")
        except BaseException:
            self._store.execute("ROLLBACK")
            self.__init__(self._store)  # type: ignore[misc]  # what was cached may not be stored
            raise

    # --- applying ---------------------------------------------------------------------------------------------------

    def apply(self, key: Key, record: Record | None) -> None:
        """Take over one record of any of the connector's topics; None is a tombstone. Only within ``writing``."""
        match record:
            case MembershipChanged():
                self._membership(record)
            case CohortChanged():
                self._cohort(record)
            case Suspects():
                self.suspicions.apply(record.source, record.student, record)
            case StudentValues():
                values = json.dumps(record.values, ensure_ascii=False)
                row = (record.source, record.student, values)
                self._store.execute("INSERT OR REPLACE INTO student_values VALUES (?, ?, ?)", row)
            case Checkpoint():
                blob = self._codec.encode("", record)
                self._store.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (record.source, blob))
            case PublisherState():
                self.publisher = record
                self.highest_revision = max(self.highest_revision, record.next_revision - 1)
                self._keep("publisher", self._codec.encode("", record).hex())
            case Alert():
                note_alert(self._store, record)
            case None:
                self._tombstone(key)
            case _:
                raise TypeError(f"no topic of the connector holds a {type(record).__name__}")

    def forget(self, cohort: str, student: str | None) -> None:
        """Take over a tombstone of the memberships topic; only within ``writing``. It counts for a cohort that has
        vanished, and with the cohort's own goes everything that is known of it.
        """
        record = self.cohort_records([cohort]).get(cohort)
        if record is None or record.state is not CohortState.VANISHED:
            return
        for sources in forget(self._store, cohort, student):
            self._supported.subtract(sources)
            self.memberships -= 1
        self._cohorts.pop(cohort, None)
        self.cohorts = object()

    def _membership(self, record: MembershipChanged) -> None:
        self.highest_revision = max(self.highest_revision, record.revision)
        student, cohort = self._numbers.student(record.student), self._numbers.cohort(record.cohort)
        after = record.sources if record.state is Presence.PRESENT else ()
        if not (after and self._entered(student, cohort, record)):
            self._changed(student, cohort, record, after)
        for source in after:
            self._supported[source] += 1
        self.memberships += bool(after)
        if record.cause in ABSENCES:
            self.suspicions.conclude(record)

    def _entered(self, student: int, cohort: int, record: MembershipChanged) -> bool:
        """Add a membership; whether it was new, as most are. Tried first since it spares another look-up."""
        row = (student, cohort, self._numbers.support(record), packed(record.rows))
        made = self._store.execute("INSERT INTO memberships VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        return made.rowcount == 1

    def _changed(self, student: int, cohort: int, record: MembershipChanged, after: Sequence[str]) -> None:
        """Replace or remove a membership that is there, if it is, and no longer count it."""
        place = (student, cohort)
        found = self._store.execute(
            "SELECT p.sources FROM memberships m JOIN supports p ON p.id = m.support WHERE student = ? AND cohort = ?",
            place,
        ).fetchone()
        if found is None:
            return
        self._supported.subtract(json.loads(found[0]))
        self.memberships -= 1
        if after:
            self._store.execute(
                "UPDATE memberships SET support = ?, rows = ? WHERE student = ? AND cohort = ?",
                (self._numbers.support(record), packed(record.rows), *place),
            )
        else:
            self._store.execute("DELETE FROM memberships WHERE student = ? AND cohort = ?", place)

    def _cohort(self, record: CohortChanged) -> None:
        self.highest_revision = max(self.highest_revision, record.revision)
        number = self._numbers.cohort(record.cohort)
        self._store.execute(
            "UPDATE cohorts SET state = ?, colliding = ?, revision = ?, record = ? WHERE id = ?",
            (
                record.state.value,
                record.colliding_with is not None,
                record.revision,
                self._codec.encode("", record),
                number,
            ),
        )
        self._cohorts[record.cohort] = record
        self.cohorts = object()

    def _tombstone(self, key: Key) -> None:
        match key:
            case ("suspects", str(source), str(student)):
                self.suspicions.apply(source, student, None)
            case ("values", str(source), str(student)):
                self._store.execute("DELETE FROM student_values WHERE source = ? AND student = ?", (source, student))
            case ("checkpoint", str(source)):
                self._store.execute("DELETE FROM checkpoints WHERE source = ?", (source,))

    # --- looking up -------------------------------------------------------------------------------------------------

    def known(self, students: Sequence[str], cohorts: Iterable[str] = ()) -> Known:
        """The state of these students, with the records of all cohorts that they are in and of ``cohorts``."""
        memberships: dict[str, dict[str, Membership]] = {}
        suspects: dict[str, list[Suspects]] = {}
        named = set(cohorts)
        for chunk in chunks(students):
            for student, cohort, sources, rows, writer, mark in self._store.execute(
                "SELECT s.student, c.cohort, p.sources, m.rows, p.writer, p.fingerprint FROM students s JOIN memberships m ON m.student = s.id "  # noqa: S608
                f"JOIN cohorts c ON c.id = m.cohort JOIN supports p ON p.id = m.support WHERE s.student IN ({marks(chunk)})",
                chunk,
            ):
                memberships.setdefault(student, {})[cohort] = Membership(
                    tuple(json.loads(sources)), unpacked(rows), writer, mark
                )
                named.add(cohort)
            for entry in self.suspicions.of(chunk):
                suspects.setdefault(entry.student, []).append(entry)
        records = self.cohort_records(named)
        fresh = {loose_key(cohort) for cohort in named - records.keys()}
        loose = {
            key: cohort
            for chunk in chunks(sorted(fresh))
            for key, cohort in self._store.execute(
                f"SELECT loose, cohort FROM cohorts WHERE loose IN ({marks(chunk)}) AND state IS NOT NULL "  # noqa: S608
                "AND NOT colliding",
                chunk,
            )
        }
        return Known(memberships, {s: tuple(found) for s, found in suspects.items()}, records, loose)

    def cohort_records(self, cohorts: Iterable[str]) -> dict[str, CohortChanged]:
        """The last record of each of these cohorts that has one."""
        wanted = list(cohorts)
        missing = [cohort for cohort in wanted if cohort not in self._cohorts]
        if len(self._cohorts) + len(missing) > _CACHED:
            self._cohorts.clear()
            missing = wanted
        for chunk in chunks(missing):
            for cohort, blob in self._store.execute(
                f"SELECT cohort, record FROM cohorts WHERE cohort IN ({marks(chunk)}) AND record IS NOT NULL",  # noqa: S608
                chunk,
            ):
                self._cohorts[cohort] = self._decoded(blob, CohortChanged)
        return {cohort: self._cohorts[cohort] for cohort in wanted if cohort in self._cohorts}

    def cohorts_since(self, revision: int) -> list[CohortChanged]:
        """Cohorts that are present and whose last record is of a higher revision, in the order of these."""
        rows = self._store.execute(
            "SELECT record FROM cohorts WHERE state = ? AND revision > ? ORDER BY revision",
            (CohortState.PRESENT.value, revision),
        )
        return [self._decoded(blob, CohortChanged) for (blob,) in rows]

    def checkpoint(self, source: str) -> Checkpoint | None:
        """The source's last checkpoint."""
        found = self._store.execute("SELECT record FROM checkpoints WHERE source = ?", (source,)).fetchone()
        return None if found is None else self._decoded(found[0], Checkpoint)

    def values_of(self, source: str, students: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Values of the student column by student; the key itself where no other is known."""
        found: dict[str, tuple[str, ...]] = {student: (student,) for student in students}
        for chunk in chunks(students):
            rows = self._store.execute(
                f"SELECT student, vals FROM student_values WHERE source = ? AND student IN ({marks(chunk)})",  # noqa: S608
                [source, *chunk],
            )
            found.update((student, tuple(json.loads(values))) for student, values in rows)
        return found

    def members(self, source: str, cohort: str, after: str = "", limit: int = 500) -> list[str]:
        """Members of a cohort that this source supports, in order of their keys, beginning after one."""
        supports = self.supports_of(source)
        rows = self._store.execute(
            "SELECT s.student FROM memberships m JOIN students s ON s.id = m.student "  # noqa: S608
            f"WHERE m.cohort = (SELECT id FROM cohorts WHERE cohort = ?) AND m.support IN ({marks(supports)}) "
            "AND s.student > ? ORDER BY s.student LIMIT ?",
            [cohort, *supports, after, limit],
        )
        return [student for (student,) in rows]

    def supporters(self, source: str, after: str = "", limit: int = 500) -> list[str]:
        """Students of whom the source supports any membership, in order of their keys, beginning after one."""
        supports = self.supports_of(source)
        rows = self._store.execute(
            "SELECT student FROM students s WHERE student > ? "  # noqa: S608
            f"AND EXISTS (SELECT 1 FROM memberships m WHERE m.student = s.id AND m.support IN ({marks(supports)})) "
            "ORDER BY student LIMIT ?",
            [after, *supports, limit],
        )
        return [student for (student,) in rows]

    def supported_cohorts(self, source: str, after: str = "", limit: int = 500) -> list[str]:
        """Cohorts of which the source supports any membership, in order of their idnumbers, beginning after one."""
        supports = self.supports_of(source)
        rows = self._store.execute(
            "SELECT cohort FROM cohorts c WHERE cohort > ? "  # noqa: S608
            f"AND EXISTS (SELECT 1 FROM memberships m WHERE m.cohort = c.id AND m.support IN ({marks(supports)})) "
            "ORDER BY cohort LIMIT ?",
            [after, *supports, limit],
        )
        return [cohort for (cohort,) in rows]

    def supports_of(self, source: str) -> list[int]:
        """Numbers of all combinations of sources that this one is part of."""
        return self._numbers.supports_of(source)

    def supported_only_by(self, source: str, cohort: str) -> bool:
        """Whether no other source supports a membership of this cohort."""
        others = self._numbers.supports_beside(source)
        found = self._store.execute(
            "SELECT 1 FROM memberships WHERE cohort = (SELECT id FROM cohorts WHERE cohort = ?) "  # noqa: S608
            f"AND support IN ({marks(others)}) LIMIT 1",
            [cohort, *others],
        ).fetchone()
        return found is None

    def supported(self, source: str) -> int:
        """Memberships that the source supports."""
        return self._supported[source]

    def sources(self) -> list[str]:
        """Sources that support any membership."""
        return sorted(source for source, count in self._supported.items() if count > 0)

    def alerts(self) -> Mapping[str, tuple[str, Mapping[str, str]]]:
        """Raised alerts: code and parameters, by key."""
        return raised_alerts(self._store)

    def counts(self) -> dict[str, int]:
        """``memberships``, ``cohorts``, ``vanished``, ``colliding``."""
        cohorts, vanished, colliding = self._store.execute(
            "SELECT count(*), coalesce(sum(state = ?), 0), coalesce(sum(colliding), 0) FROM cohorts WHERE record IS NOT NULL",
            (CohortState.VANISHED.value,),
        ).fetchone()
        return {"memberships": self.memberships, "cohorts": cohorts, "vanished": vanished, "colliding": colliding}

    # --- positions --------------------------------------------------------------------------------------------------

    def positions(self, topic: str) -> dict[int, int]:
        """Next offset by partition: everything before is applied."""
        return dict(self._store.execute("SELECT partition, next FROM positions WHERE topic = ?", (topic,)))

    def advance(self, topic: str, positions: Mapping[int, int]) -> None:
        """Everything before these is applied. Only within ``writing``."""
        rows = [(topic, partition, offset) for partition, offset in positions.items()]
        self._store.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", rows)

    @property
    def store(self) -> sqlite3.Connection:
        """The tables, for those who keep something beside."""
        return self._store

    def close(self) -> None:
        self._store.close()

    # --- within -----------------------------------------------------------------------------------------------------

    def _decoded(self, blob: bytes, kind: type[R]) -> R:
        record = self._codec.decode(blob)
        assert isinstance(record, kind)
        return record

    def _publisher(self, text: str | None) -> PublisherState | None:
        return None if text is None else self._decoded(bytes.fromhex(text), PublisherState)

    def _keep(self, name: str, value: str) -> None:
        self._store.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
