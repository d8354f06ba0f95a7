"""What the consumer is asked, and what of it is still under way. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consumers.reconciler.drift import Difference, Drift
from schemas.records import CohortEntry, Command, EntryStatus, LedgerEntry, Record

AUTHOR = "reconciler"
_COMMAND_LIFE = timedelta(hours=1)
_WHOLE_COHORT = 50
"""From so many differences on, one command for the whole cohort is cheaper than one for each membership."""


def commands_for(differences: Sequence[Difference], now: datetime, new_id: Callable[[], str]) -> Iterator[Command]:
    """The commands that have these differences looked at again; none of them says what is desired."""
    by_cohort: dict[str, list[Difference]] = defaultdict(list)
    for difference in differences:
        by_cohort[difference.cohort].append(difference)
    for cohort, found in by_cohort.items():
        if any(_is_to_be_made_anew(difference) for difference in found):
            yield _command("recreate", cohort, None, now, new_id)
            continue
        students = {difference.student for difference in found}
        whole = None in students or len(students) >= _WHOLE_COHORT
        for student in [None] if whole else sorted(students, key=str):
            yield _command("recheck", cohort, student, now, new_id)


@dataclass(slots=True)
class Watched:
    """Memberships that are being put right: hears the ledger's records from the moment of asking on."""

    memberships: set[tuple[str, str]] = field(default_factory=set)
    cohorts: set[str] = field(default_factory=set)
    """Of which everything counts."""
    pending: set[tuple[str, str | None]] = field(default_factory=set)
    """What is to be applied and is not yet."""

    @classmethod
    def of(cls, differences: Sequence[Difference]) -> Watched:
        return cls(
            {(one.cohort, one.student) for one in differences if one.student is not None},
            {one.cohort for one in differences if _is_to_be_made_anew(one)},
        )

    def hear(self, record: Record) -> None:
        """Take in a record of the ledger."""
        if isinstance(record, LedgerEntry):
            place: tuple[str, str | None] = record.cohort, record.student
            concerned = record.cohort in self.cohorts or place in self.memberships
        elif isinstance(record, CohortEntry):
            place, concerned = (record.cohort, None), record.cohort in self.cohorts
        else:
            return
        if concerned and record.status is EntryStatus.PENDING:
            self.pending.add(place)
        else:
            self.pending.discard(place)

    def __bool__(self) -> bool:
        return bool(self.memberships or self.cohorts)


def _is_to_be_made_anew(difference: Difference) -> bool:
    return difference.kind is Drift.COHORT_DELETED and difference.known


def _command(kind: str, cohort: str, student: str | None, now: datetime, new_id: Callable[[], str]) -> Command:
    return Command(
        id=new_id(),
        kind=kind,
        cohort=cohort,
        student=student,
        author=AUTHOR,
        issued_at=now,
        expires_at=now + _COMMAND_LIFE,
    )
