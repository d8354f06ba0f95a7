"""Short ways to say what entries and records are, and a ledger in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from consumers.cohorts.plan import Doubt
from schemas.records import (
    CohortChanged,
    CohortEntry,
    CohortState,
    EntryStatus,
    LedgerEntry,
    MembershipChanged,
    Presence,
)

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRESENT, ABSENT, UNKNOWN = Presence.PRESENT, Presence.ABSENT, Presence.UNKNOWN


def entry(cohort: str = "A", student: str = "s1", **more: Any) -> LedgerEntry:
    """A membership that was just taken in and waits to be added."""
    known: dict[str, Any] = {
        "desired": PRESENT,
        "desired_revision": 1,
        "applied": UNKNOWN,
        "applied_revision": 0,
        "owned": False,
        "status": EntryStatus.PENDING,
        "since": NOW,
    }
    return LedgerEntry(cohort=cohort, student=student, **(known | more))


def member(cohort: str = "A", student: str = "s1", user_id: int = 1, **more: Any) -> LedgerEntry:
    """A membership that Moodle shows."""
    known: dict[str, Any] = {
        "applied": PRESENT,
        "applied_revision": 1,
        "owned": True,
        "status": EntryStatus.SETTLED,
        "user_id": user_id,
    }
    return entry(cohort, student, **(known | more))


def leaver(cohort: str = "A", student: str = "s1", user_id: int = 1, **more: Any) -> LedgerEntry:
    """A membership that is due to be removed."""
    known: dict[str, Any] = {"desired": ABSENT, "desired_revision": 2, "status": EntryStatus.DUE, "due_at": NOW}
    return member(cohort, student, user_id, **(known | more))


def cohort(idnumber: str = "A", moodle_id: int | None = 10, **more: Any) -> CohortEntry:
    """A cohort that Moodle has."""
    known: dict[str, Any] = {"state": CohortState.PRESENT, "revision": 1, "status": EntryStatus.SETTLED, "since": NOW}
    return CohortEntry(cohort=idnumber, name=idnumber, moodle_id=moodle_id, **(known | more))


def says(
    cohort_: str = "A", student: str = "s1", state: Presence = PRESENT, revision: int = 1, **more: Any
) -> MembershipChanged:
    """A record of a membership."""
    known: dict[str, Any] = {
        "sources": (),
        "cause": "enrolled",
        "source": "test",
        "observed_at": NOW,
        "fingerprint": "f",
    }
    return MembershipChanged(cohort=cohort_, student=student, state=state, revision=revision, **(known | more))


def announces(cohort_: str = "A", revision: int = 1, **more: Any) -> CohortChanged:
    """A record of a cohort."""
    known: dict[str, Any] = {
        "state": CohortState.PRESENT,
        "first_seen": NOW,
        "last_seen": NOW,
        "cause": "first_load",
        "source": "test",
        "fingerprint": "f",
    }
    return CohortChanged(cohort=cohort_, name=cohort_, revision=revision, **(known | more))


@dataclass
class Book:
    """A ledger to look at, and accounts: what ``View`` and ``Accounts`` ask for. All cohorts but ``others`` are ours."""

    entries: dict[tuple[str, str], LedgerEntry] = field(default_factory=dict)
    cohorts: dict[str, CohortEntry] = field(default_factory=dict)
    accounts: dict[str, int | Doubt] = field(default_factory=dict)
    others: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *entries: LedgerEntry, accounts: dict[str, int | Doubt] | None = None, **more: Any) -> Book:
        names = sorted({one.cohort for one in entries})
        numbered = {name: cohort(name, 10 + at) for at, name in enumerate(names)}
        return cls({(one.cohort, one.student): one for one in entries}, numbered, accounts or {}, **more)

    def entry(self, cohort: str, student: str) -> LedgerEntry | None:
        return self.entries.get((cohort, student))

    def cohort(self, cohort: str) -> CohortEntry | None:
        return self.cohorts.get(cohort)

    def owns(self, cohort: str) -> bool:
        return cohort not in self.others

    def named(self, cohort: str, user_id: int) -> Iterator[LedgerEntry]:
        return (one for one in self.entries.values() if one.cohort == cohort and one.user_id == user_id)

    def unplaced(self, cohort: str) -> Iterable[LedgerEntry]:
        return [
            one
            for one in self.entries.values()
            if one.cohort == cohort and one.user_id is None and one.desired is PRESENT
        ]

    def account_of(self, student: str) -> int | Doubt | None:
        return self.accounts.get(student)

    def revision_of(self, cohort: str, student: str | None) -> int:
        if student is None:
            known = self.cohorts.get(cohort)
            return known.revision if known else 0
        found = self.entries.get((cohort, student))
        return found.desired_revision if found else 0
