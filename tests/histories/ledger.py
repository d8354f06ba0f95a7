"""What was published, in dictionaries: the state, its suspects, and the publisher that writes them. Survives restarts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from connector.runtime.collation import loose_key
from connector.source.causes import ABSENCES, Cause
from connector.source.known import Known, Membership
from connector.source.publisher import Batch
from connector.source.rowkeys import unpacked
from connector.source.suspects import COUNTED_FOR, Case, Standing
from schemas.records import (
    Alert,
    AlertState,
    Checkpoint,
    CohortChanged,
    CohortState,
    MembershipChanged,
    Presence,
    SupportingRow,
    Suspects,
)
from tests.histories.shapes import SOURCE

_Change = MembershipChanged | CohortChanged


class Ledger:
    """Stands for ``State``, ``Suspicions``, ``SnapshotMarks`` and ``Publisher``, for one source."""

    def __init__(
        self,
        before: Callable[[], None],
        tell: Callable[[MembershipChanged], None],
        check: Callable[[Checkpoint], None],
        forget: Callable[[str, Collection[str]], None],
    ) -> None:
        """``before`` is called when a batch is about to be written, and may raise; then nothing of it counts."""
        self._before, self._tell, self._check, self._forget = before, tell, check, forget
        self.held: dict[str, dict[str, Membership]] = {}
        self.suspects: dict[str, Suspects] = {}
        self.cohort: dict[str, CohortChanged] = {}
        self.highest_revision = 0
        self.eager = False
        self._loose: dict[str, str] = {}
        self._checkpoint: Checkpoint | None = None
        self._alerts: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._concluded: dict[tuple[datetime, str, str], None] = {}
        self._seen: set[str] = set()

    def fill(self, rows: Sequence[tuple[str, str, str, int | None]], mark: str, at: datetime) -> None:
        """As if these had been published: student, cohort, key and stamp of a row. ``mark`` is the settings' fingerprint."""
        for student, cohort, key, stamp in rows:
            held = self.held.setdefault(student, {})
            before = held[cohort].rows if cohort in held else ()
            own = (SupportingRow(SOURCE, key, stamp),) if key else ()
            held[cohort] = Membership((SOURCE,), tuple(sorted((*before, *own), key=lambda row: row.row)), SOURCE, mark)
            if cohort not in self.cohort:
                self.highest_revision += 1
                self._loose[loose_key(cohort)] = cohort
                self.cohort[cohort] = CohortChanged(
                    cohort=cohort,
                    name=cohort,
                    state=CohortState.PRESENT,
                    first_seen=at,
                    last_seen=at,
                    revision=self.highest_revision,
                    cause=Cause.NEW_COHORT,
                    source=SOURCE,
                    fingerprint=mark,
                )

    # --- the publisher ----------------------------------------------------------------------------------------------

    def publish(self, batch: Batch) -> None:
        """All or nothing."""
        self._before()
        for change in batch.changes:
            self.highest_revision += 1
            if isinstance(change, CohortChanged):
                self._loose.setdefault(loose_key(change.cohort), change.cohort)
                self.cohort[change.cohort] = replace(change, revision=self.highest_revision)
            else:
                self._tell(change)
                self._membership(change)
        for entry in batch.suspects:
            if entry.missing:
                self.suspects[entry.student] = entry
            else:
                self.suspects.pop(entry.student, None)
        for alert in batch.alerts:
            self._alert(alert)
        if batch.checkpoint is not None:
            self._check(batch.checkpoint)
            self._checkpoint = batch.checkpoint

    def release(self, cohort: str, students: Sequence[str]) -> None:
        """Forget it, and these members, in one transaction."""
        self._before()
        self._forget(cohort, students)
        for student in students:
            self.held[student].pop(cohort, None)
        self.cohort.pop(cohort, None)

    def _membership(self, change: MembershipChanged) -> None:
        held = self.held.setdefault(change.student, {})
        if change.state is Presence.PRESENT:
            held[change.cohort] = Membership(change.sources, change.rows, change.source, change.fingerprint)
        else:
            held.pop(change.cohort, None)
        if change.cause in ABSENCES:
            self._concluded[change.observed_at, change.student, change.cohort] = None

    def _alert(self, alert: Alert) -> None:
        if alert.state is AlertState.RAISED:
            self._alerts[alert.key] = (alert.code, alert.parameters)
        else:
            self._alerts.pop(alert.key, None)

    # --- the state --------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    @property
    def store(self) -> Ledger:
        return self

    def executemany(self, statement: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """The one statement that product code runs on the store beside the state: ``rowkeys.restamp``."""
        assert statement.startswith("UPDATE memberships SET rows")
        for text, student, cohort in rows:
            self.held[student][cohort] = replace(self.held[student][cohort], rows=unpacked(text))

    def known(self, students: Sequence[str], cohorts: Iterable[str] = ()) -> Known:
        held = {student: dict(found) for student in students if (found := self.held.get(student))}
        named = {*cohorts, *(cohort for found in held.values() for cohort in found)}
        suspects = {student: (entry,) for student in students if (entry := self.suspects.get(student))}
        return Known(held, suspects, self.cohort_records(named), self._loose)

    def cohort_records(self, cohorts: Iterable[str]) -> dict[str, CohortChanged]:
        return {cohort: self.cohort[cohort] for cohort in cohorts if cohort in self.cohort}

    def cohort_record(self, cohort: str) -> CohortChanged | None:
        return self.cohort.get(cohort)

    def cohorts_since(self, revision: int) -> list[CohortChanged]:
        found = [c for c in self.cohort.values() if c.state is CohortState.PRESENT and c.revision > revision]
        return sorted(found, key=lambda record: record.revision)

    def checkpoint(self, source: str) -> Checkpoint | None:
        return self._checkpoint

    def values_of(self, source: str, students: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return {student: (student,) for student in students}

    def members(self, source: str, cohort: str, after: str = "", limit: int = 500) -> list[str]:
        return sorted(s for s, held in self.held.items() if cohort in held and s > after)[:limit]

    def supporters(self, source: str, after: str = "", limit: int = 500) -> list[str]:
        return sorted(s for s, held in self.held.items() if held and s > after)[:limit]

    def supported_cohorts(self, source: str, after: str = "", limit: int = 500) -> list[str]:
        return sorted({c for held in self.held.values() for c in held if c > after})[:limit]

    def supported_only_by(self, source: str, cohort: str) -> bool:
        return True

    def supported(self, source: str) -> int:
        return sum(map(len, self.held.values()))

    def alerts(self) -> Mapping[str, tuple[str, Mapping[str, str]]]:
        return self._alerts

    def supporting_rows(self, source: str) -> Iterator[list[tuple[str, str, int | None]]]:
        """Stands for ``absences.supporting_rows``."""
        yield [
            (row.row, s, row.stamp) for s, held in self.held.items() for found in held.values() for row in found.rows
        ]

    def vanished_cohorts(self) -> list[str]:
        """Stands for ``forgetting.vanished_cohorts``."""
        return sorted(name for name, record in self.cohort.items() if record.state is CohortState.VANISHED)

    def pairs(self) -> set[tuple[str, str]]:
        """The memberships that the topic says are present."""
        return {(student, cohort) for student, held in self.held.items() for cohort in held}

    # --- suspicions -------------------------------------------------------------------------------------------------

    @property
    def suspicions(self) -> Ledger:
        return self

    def of(self, students: Sequence[str]) -> Iterator[Suspects]:
        return (self.suspects[student] for student in students if student in self.suspects)

    def students(self, source: str) -> list[str]:
        return sorted(self.suspects)

    def due(self, source: str, before: datetime, limit: int) -> list[Case]:
        """Suspects that have waited; with ``eager`` all of them, so that it is ``is_due`` that has to say which are ripe."""
        found = [(s.first_missed_at, e.student, s.cohort) for e in self.suspects.values() for s in e.missing]
        return [Case(student, cohort) for at, student, cohort in sorted(found) if self.eager or at <= before][:limit]

    def suspected(self, source: str, cohort: str) -> list[Case]:
        return [Case(e.student, cohort) for e in self.suspects.values() for s in e.missing if s.cohort == cohort]

    def waiting(self, source: str) -> list[tuple[Case, datetime]]:
        found = [(Case(e.student, s.cohort), s.confirmed_at) for e in self.suspects.values() for s in e.missing]
        return [(case, at) for case, at in found if at is not None]

    def standing(self, source: str, now: datetime, judged: Iterable[Case], memberships: int) -> Standing:
        left = set(judged)
        rest = [s for e in self.suspects.values() for s in e.missing if Case(e.student, s.cohort) not in left]
        waiting = sum(suspect.confirmed_at is not None for suspect in rest)
        concluded = sum(at > now - COUNTED_FOR for at, _, _ in self._concluded)
        return Standing(memberships, waiting, len(rest) - waiting, concluded)

    def looked(self, source: str, cases: Iterable[Case], at: datetime) -> None:
        return None

    # --- marks of a snapshot ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._seen = set()

    def mark_seen(self, students: Iterable[str]) -> None:
        self._seen.update(students)

    def unseen(self, after: str, limit: int) -> list[str]:
        return [student for student in self.supporters("", after, 10_000) if student not in self._seen][:limit]
