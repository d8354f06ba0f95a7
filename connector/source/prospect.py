"""What a source would change if it went on as it is now: cohorts and memberships that appear, end, or lose their rows.

For a person who has to accept a source that is not what it was. All rows are read, compared with what the topics say of
the source by the comparison of the connector itself, and nothing is published. What is found is kept in a temporary file,
so memory stays bounded whatever changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.messages import OracleMessage, message
from connector.runtime.telemetry import Metrics
from connector.source.causes import Cause
from connector.source.chunking import Disorder, chunks
from connector.source.difference import Observation
from connector.source.examining import Examiner, Subject, subjects_of
from connector.source.findings import Fate, Findings, News, Part, Renamed
from connector.source.mapping import Desired, Mapped, Row, RowMapping
from connector.source.reading import Source
from connector.source.settings import SourceSettings
from connector.source.state import State
from connector.source.suspects import limit_of
from schemas.records import CohortState

_REST_S = 0.05


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would change. Members are personal data."""

    rows: int
    students: int
    appearing: Part
    """Cohorts that nothing was published of so far."""
    returning: Part
    """Cohorts that had vanished and have rows again."""
    vanishing: Part
    """Cohorts of which no row would be left. They vanish; their members stay."""
    added: Part
    """Memberships that appear in cohorts that are there already."""
    ended: Part
    """Memberships of which a row states that they have ended: they end at once."""
    missing: Part
    """Memberships whose rows are missing while their cohort has others: suspects, decided by a second look."""
    limit: int
    """So many absences the source may conclude within a day without a person."""
    pressure: int
    """Absences that would count against it."""
    renamed: tuple[int, tuple[Renamed, ...]]
    """Cohorts whose rows give another name or category: how many, and the first of them."""
    unmappable: Mapping[str, int] = field(default_factory=dict)
    """Rows from which nothing can be made, by reason, most frequent first."""
    unknown_students: int = 0
    """Students with such a row: nothing is removed for them."""

    @property
    def withheld(self) -> bool:
        """Whether the missing ones are more than the limit, so that none of them ends before a person releases them."""
        return self.pressure > self.limit


class Survey:
    """Looks at one source. The state must be a copy of what the topics say: cohorts that come back are noted in it."""

    def __init__(
        self, name: str, settings: SourceSettings, source: Source, state: State, clock: Clock, metrics: Metrics
    ) -> None:
        self._name, self._source, self._state, self._clock = name, source, state, clock
        self._mapping = RowMapping(settings.membership, settings.cohort, settings.maps)
        self._examiner = Examiner(name, source, self._mapping, state, clock, metrics)
        self._unmappable: Counter[str] = Counter()
        self._rows = self._unknown = 0

    def look(self, fingerprint: str, at: datetime, most: int) -> Prospect:
        """Read everything and compare. ``at`` is the database's clock; lists hold at most so many cohorts. Raises what
        the source raises.
        """
        seen = Observation(self._name, at, fingerprint)
        findings = Findings(self._name)
        try:
            for chunk in self._chunks():
                self._compare(self._mapping.map(chunk), seen, findings)
            self._read_again(seen, findings)
            self._unseen(seen, findings)
            self._members_of_returned(seen, findings)
            return self._told(findings, at, most)
        finally:
            findings.close()

    def _chunks(self) -> Iterator[list[Row]]:
        """All rows, whole students at a time.

        Raises:
            Halted: they are not in the order that was asked for; a snapshot would stop as well.
        """
        try:
            for chunk in chunks(self._source.snapshot(), self._mapping.student_column):
                self._rows += len(chunk)
                if chunk:
                    yield chunk
                else:
                    self._clock.sleep(_REST_S)  # nothing has come yet
        except Disorder as fault:
            raise Halted(message(OracleMessage.SNAPSHOT_DISORDER, source=self._name, row=fault.row)) from fault

    def _compare(self, mapped: Mapped, seen: Observation, findings: Findings) -> None:
        self._unmappable.update(mapped.unmappable)
        again = findings.sight(mapped.values)
        students = {student: wanted for student, wanted in mapped.students.items() if student not in again}
        self._unknown += sum(bool(wanted.unknown) for wanted in students.values())
        findings.take(self._examiner.compare(students, mapped, seen))

    def _read_again(self, seen: Observation, findings: Findings) -> None:
        """Students whose rows came apart, since several values of the column make their key: one statement reads all."""
        for page in findings.split():
            subjects = {student: Subject(values=values) for student, values in page.items()}
            self._examine(subjects, seen, findings)

    def _unseen(self, seen: Observation, findings: Findings) -> None:
        """Students of the state of whom no row came."""
        after = ""
        while page := self._state.supporters(self._name, after):
            gone: dict[str, Desired] = {student: Desired() for student in findings.unsighted(page)}
            findings.take(self._examiner.compare(gone, Mapped(), seen))
            after = page[-1]

    def _members_of_returned(self, seen: Observation, findings: Findings) -> None:
        """Members whose missing rows meant nothing while their cohort had vanished."""
        after = ""
        while page := findings.returned(after):
            records = self._state.cohort_records(page)
            with self._state.writing():
                for cohort, record in records.items():
                    self._state.apply((cohort, None), replace(record, state=CohortState.PRESENT))
            for cohort in page:
                last = ""
                while members := self._state.members(self._name, cohort, last):
                    self._examine(subjects_of(members), seen, findings)
                    last = members[-1]
            after = page[-1]

    def _examine(self, subjects: Mapping[str, Subject], seen: Observation, findings: Findings) -> None:
        for portion in self._examiner.portions(subjects):
            found = self._examiner.examine(portion, seen.at, seen.fingerprint, Cause.SNAPSHOT, concludes=True)
            findings.take(found)

    def _told(self, findings: Findings, at: datetime, most: int) -> Prospect:
        self._lose(findings)
        supported = self._state.supported(self._name)
        standing = self._state.suspicions.standing(self._name, at, (), supported)
        grown = findings.count(Fate.ADDED) - findings.count(Fate.ENDED)
        return Prospect(
            self._rows,
            findings.students,
            findings.cohorts_of(News.NEW, Fate.ADDED, most),
            findings.cohorts_of(News.BACK, Fate.ADDED, most),
            findings.cohorts_of(News.GONE, Fate.STAYS, most),
            findings.memberships_of(Fate.ADDED, most),
            findings.memberships_of(Fate.ENDED, most),
            findings.memberships_of(Fate.MISSING, most),
            limit_of(supported + grown),
            findings.count(Fate.MISSING, Fate.MISSING_HERE) + standing.confirmed,
            findings.renamed(most),
            dict(self._unmappable.most_common()),
            self._unknown,
        )

    def _lose(self, findings: Findings) -> None:
        """Cohorts of the source that no row names, nor the cohort query."""
        listed = (self._mapping.idnumber_of(row) for row in self._source.cohorts() or ())
        findings.name(idnumber for idnumber in listed if idnumber is not None)
        after = ""
        while page := self._state.supported_cohorts(self._name, after):
            records = self._state.cohort_records(page).values()
            findings.lose(record for record in records if record.state is CohortState.PRESENT)
            after = page[-1]
