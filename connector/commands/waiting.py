"""What is parked, by reason: how much, since when, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.runtime.messages.translation import ENGLISH, Translation
from consumers.cohorts.remedies import REMEDIES
from schemas.records import CohortEntry, EntryStatus, LedgerEntry

_COHORTS = 20
"""Cohorts that are printed of each reason."""


@dataclass(slots=True)
class Waiting:
    """All that waits for one reason."""

    reason: str
    cohorts: list[CohortEntry] = field(default_factory=list)
    """Cohorts that cannot be used themselves."""
    members: list[LedgerEntry] = field(default_factory=list)

    @property
    def oldest(self) -> datetime:
        return min([*(one.since for one in self.cohorts), *(one.since for one in self.members)])

    @property
    def students(self) -> int:
        return len({entry.student for entry in self.members})

    @property
    def by_cohort(self) -> dict[str, list[LedgerEntry]]:
        """Members by cohort; cohorts that wait themselves are there also without any."""
        found: dict[str, list[LedgerEntry]] = {entry.cohort: [] for entry in self.cohorts}
        for entry in self.members:
            found.setdefault(entry.cohort, []).append(entry)
        return dict(sorted(found.items()))


def is_parked(record: object) -> bool:
    return isinstance(record, LedgerEntry | CohortEntry) and record.status is EntryStatus.PARKED


def gather(
    records: Iterable[LedgerEntry | CohortEntry], reasons: Collection[str] = (), cohorts: Collection[str] = ()
) -> list[Waiting]:
    """What is parked among these, by reason, the most first; only these reasons and cohorts, where any are named."""
    found: dict[str, Waiting] = {}
    for one in records:
        if not is_parked(one) or (reasons and one.reason not in reasons) or (cohorts and one.cohort not in cohorts):
            continue
        waiting = found.setdefault(one.reason, Waiting(one.reason))
        if isinstance(one, CohortEntry):
            waiting.cohorts.append(one)
        else:
            waiting.members.append(one)
    for waiting in found.values():
        waiting.cohorts.sort(key=lambda entry: entry.cohort)
        waiting.members.sort(key=lambda entry: (entry.cohort, entry.student))
    return sorted(found.values(), key=lambda one: (-len(one.members), -len(one.cohorts), one.reason))


def as_plain(waiting: Waiting, *, members: bool) -> dict[str, Any]:
    """For machines."""
    return {
        "reason": waiting.reason,
        "memberships": len(waiting.members),
        "students": waiting.students,
        "oldest": waiting.oldest,
        "remedy": REMEDIES.get(waiting.reason),
        "cohorts": [
            {"cohort": cohort, "memberships": len(entries), "oldest": _oldest(entries, waiting, cohort)}
            for cohort, entries in waiting.by_cohort.items()
        ],
    } | ({"members": [_member(entry) for entry in waiting.members]} if members else {})


def as_lines(
    found: Sequence[Waiting], now: datetime, *, members: bool, translation: Translation = ENGLISH
) -> Iterator[str]:
    """For people. Members are named only if asked for."""
    for waiting in found:
        by_cohort = waiting.by_cohort
        people = f"{len(waiting.members)} memberships of {waiting.students} students"
        yield f"{waiting.reason}: {people} in {len(by_cohort)} cohorts, for {age(now - waiting.oldest)} at most"
        if remedy := REMEDIES.get(waiting.reason):
            yield f"    {translation.words(remedy)}"
        for cohort, entries in list(by_cohort.items())[: None if members else _COHORTS]:
            since = _oldest(entries, waiting, cohort)
            yield f"  {cohort}  {len(entries)} memberships, for {age(now - since)}"
            if members:
                yield from (f"    {entry.student}  since {entry.since:%Y-%m-%d %H:%M}Z" for entry in entries)
        if not members and len(by_cohort) > _COHORTS:
            yield f"  … and {len(by_cohort) - _COHORTS} more cohorts; --members or --json shows them"
    total = sum(len(waiting.members) for waiting in found)
    cohorts = sum(len(waiting.cohorts) for waiting in found)
    yield f"{total} memberships and {cohorts} cohorts are parked." if found else "Nothing is parked."


def age(time: timedelta) -> str:
    """A time in its largest unit."""
    seconds = max(0, int(time.total_seconds()))
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} seconds"


def _oldest(entries: Sequence[LedgerEntry], waiting: Waiting, cohort: str) -> datetime:
    own = (entry.since for entry in waiting.cohorts if entry.cohort == cohort)
    return min((*own, *(entry.since for entry in entries)))


def _member(entry: LedgerEntry) -> dict[str, Any]:
    return {"cohort": entry.cohort, "student": entry.student, "since": entry.since, "cause": entry.cause}
