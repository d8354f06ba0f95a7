"""The other roles and Moodle, as far as a reconciliation needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from consumers.reconciler.compare import MoodleView, is_released
from consumers.reconciler.drift import Difference
from schemas.records import CohortEntry, LedgerEntry, Notification


@dataclass(frozen=True, slots=True)
class Scope:
    """What to reconcile; empty means everything."""

    source: str | None = None
    cohorts: tuple[str, ...] = ()
    students: tuple[str, ...] = ()

    def covers(self, cohort: str, student: str | None) -> bool:
        return (not self.cohorts or cohort in self.cohorts) and (
            not self.students or student is None or student in self.students
        )

    def met_in(self, cohorts: Iterable[CohortEntry], entries: Iterable[LedgerEntry]) -> set[tuple[str, str]]:
        """The names of this scope that these records of the ledger know, each with "cohort" or "student"."""
        named, students = set(self.cohorts), set(self.students)
        met = {("cohort", one.cohort) for one in cohorts if one.cohort in named and not is_released(one)}
        return met | {("student", one.student) for one in entries if students and one.student in students}

    def without(self, met: Collection[tuple[str, str]]) -> Scope:
        """The names that are left when these are not counted."""
        cohorts = tuple(one for one in dict.fromkeys(self.cohorts) if ("cohort", one) not in met)
        return Scope(None, cohorts, tuple(one for one in dict.fromkeys(self.students) if ("student", one) not in met))

    @property
    def text(self) -> str:
        """Without the students' keys, which are personal data."""
        parts = [f"source {self.source}"] if self.source else []
        parts += [f"cohort {cohort}" for cohort in self.cohorts]
        parts += [f"{len(self.students)} students"] if self.students else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition of the ledger."""

    cohorts: Sequence[CohortEntry]
    entries: Sequence[LedgerEntry]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the consumer has to get to: the ends of its topics at one moment. What comes later is not waited for."""

    memberships: Mapping[int, int]
    """End by partition."""
    commands: Mapping[int, int]


class ConnectorSide(Protocol):
    """The connector, as far as the reconciler needs it."""

    def running(self) -> bool:
        """Whether a connector takes part in its election."""
        ...

    def expected_rows(self) -> Mapping[str, int]:
        """Rows of the last snapshot of each source that had one: about so many the next one will read."""
        ...

    def ask(self, scope: Scope) -> Mapping[str, str]:
        """Ask to look again; the id of the signal by source."""
        ...

    def heard(self) -> Iterable[Notification]:
        """Notifications since the last call."""
        ...


class ConsumerSide(Protocol):
    """The consumer, as far as the reconciler needs it."""

    def running(self) -> bool:
        """Whether a consumer is in its group."""
        ...

    @property
    def partitions(self) -> int:
        """How many views ``ledger`` gives."""
        ...

    def target(self) -> Target:
        """The ends as they are now."""
        ...

    def backlog(self, target: Target) -> int:
        """Partitions in which some record or command before the target is not worked off yet: their marker has not passed
        it. What is held, parked or due has been passed.
        """
        ...

    def ledger(self, cohorts: Collection[str] | None = None) -> Iterator[PartitionView]:
        """The ledger as it is now, a partition at a time; only these cohorts, if any are named."""
        ...

    def students(self, cohorts: Collection[str] | None = None) -> Iterator[Collection[str]]:
        """Students whom the ledger names, some at a time and perhaps more than once; cheaper than ``ledger``."""
        ...

    def repair(self, differences: Sequence[Difference]) -> None:
        """Ask to compare these again and to put them right."""
        ...

    def pending(self) -> int:
        """Of the memberships in the last ``repair``, those that are still being applied."""
        ...


class MoodleSide(Protocol):
    """Moodle, to read."""

    def look_ahead(self, students: Iterable[Collection[str]]) -> Iterator[None]:
        """Look up the accounts of these students, some with each step, until most of them turn out to be known."""
        ...

    def begin(self) -> None:
        """A comparison begins: what an earlier one read is old."""
        ...

    def view(self, cohorts: Sequence[CohortEntry], students: Collection[str]) -> MoodleView:
        """What Moodle has of these cohorts, and where these students' keys lead to."""
        ...

    def deleted(self, user_ids: Collection[int]) -> Collection[int]:
        """Those of these accounts that are deleted or were never there."""
        ...


class Exclusion(Protocol):
    """Keeps a second reconciliation of the same sink away."""

    def take(self) -> None:
        """Make sure that nobody else reconciles; raises ``Busy`` otherwise."""
        ...

    def keep(self) -> None:
        """Called every few seconds while at work; raises ``Unavailable`` when somebody else may have begun."""
        ...

    def finished(self) -> None:
        """A reconciliation of everything came to its end."""
        ...


class Alone:
    """No second one has to be kept away."""

    def take(self) -> None:
        """Nothing to take."""

    def keep(self) -> None:
        """Nothing to keep."""

    def finished(self) -> None:
        """Nobody asks for it."""
