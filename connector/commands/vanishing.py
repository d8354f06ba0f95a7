"""The register of cohorts that the sources have no longer. Pure."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TextIO

from schemas.records import CohortChanged, CohortEntry, CohortState, LedgerEntry, Presence

COLUMNS = ("cohort", "name", "source", "first_seen", "last_seen", "days", "release_at", "moodle_id", "members")


@dataclass(frozen=True, slots=True)
class Vanished:
    """A cohort without rows in the source. Moodle keeps it, with its members."""

    cohort: str
    name: str
    source: str | None
    """The source that had it last; None if only the ledger knows of it."""
    first_seen: datetime | None
    last_seen: datetime | None
    """When it was last known to have rows; None if only the ledger knows of it."""
    release_at: datetime | None
    """From when on a snapshot releases it; None if the settings release none."""
    moodle_id: int | None
    """Moodle's id; None if Moodle never had it."""
    members: int
    """Members that the ledger knows Moodle to show."""

    def days(self, now: datetime) -> int | None:
        """Whole days since it was last seen."""
        return None if self.last_seen is None else (now - self.last_seen).days

    def plain(self, now: datetime) -> dict[str, Any]:
        """For machines, by ``COLUMNS``."""
        found: dict[str, Any] = {name: getattr(self, name) for name in COLUMNS if name != "days"}
        moments = {name: value.isoformat() for name, value in found.items() if isinstance(value, datetime)}
        return {name: (found | moments | {"days": self.days(now)})[name] for name in COLUMNS}


def is_vanished(record: object) -> bool:
    """Whether a record says that a cohort has vanished; one that was released is none of ours any more."""
    if isinstance(record, CohortEntry) and record.forgotten == record.revision > 0:
        return False
    return isinstance(record, CohortChanged | CohortEntry) and record.state is CohortState.VANISHED


def register_of(
    told: Iterable[CohortChanged],
    known: Iterable[CohortEntry],
    entries: Iterable[LedgerEntry],
    ages: Mapping[str, timedelta | None],
) -> list[Vanished]:
    """All that have vanished, whoever says so, the longest gone first. ``told``: records of the sources; ``known`` and
    ``entries``: of the ledger; ``ages``: after how long each source releases.
    """
    words = {record.cohort: record for record in told if is_vanished(record)}
    places = {entry.cohort: entry for entry in known}
    gone = words.keys() | {cohort for cohort, entry in places.items() if is_vanished(entry)}
    members = Counter(entry.cohort for entry in entries if entry.applied is Presence.PRESENT)
    found = [_vanished(cohort, words.get(cohort), places.get(cohort), members[cohort], ages) for cohort in gone]
    return sorted(found, key=_by_age)


def _by_age(one: Vanished) -> tuple[bool, float, str]:
    """The longest gone first; those of whom that is not known last."""
    return one.last_seen is None, one.last_seen.timestamp() if one.last_seen else 0.0, one.cohort


def _vanished(
    cohort: str,
    word: CohortChanged | None,
    place: CohortEntry | None,
    members: int,
    ages: Mapping[str, timedelta | None],
) -> Vanished:
    moodle_id = None if place is None else place.moodle_id
    if word is None:
        return Vanished(cohort, place.name if place is not None else "", None, None, None, None, moodle_id, members)
    age = ages.get(word.source)
    release_at = None if age is None else word.last_seen + age
    return Vanished(cohort, word.name, word.source, word.first_seen, word.last_seen, release_at, moodle_id, members)


def lines(found: Sequence[Vanished], now: datetime) -> list[str]:
    """For people."""
    if not found:
        return ["No cohort has vanished."]
    text = [f"{'first seen':<12}{'last seen':<12}{'days':>6}{'members':>9}  cohort"]
    for one in found:
        days = one.days(now)
        name = f"  ({one.name})" if one.name and one.name != one.cohort else ""
        gone = f"{'-' if days is None else days:>6}{one.members:>9}"
        text.append(f"{_day(one.first_seen):<12}{_day(one.last_seen):<12}{gone}  {one.cohort}{name}")
    members = sum(one.members for one in found)
    text.append(f"{len(found)} cohorts have vanished; Moodle keeps them with {members} members.")
    due = [one.release_at for one in found if one.release_at is not None]
    if due:
        text.append(f"The first of them may be released from {min(due):%Y-%m-%d} on; Moodle keeps it all the same.")
    return text


def write_csv(found: Iterable[Vanished], now: datetime, file: TextIO) -> None:
    """With a line of names first."""
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(one.plain(now) for one in found)


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d}"
