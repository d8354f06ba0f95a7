"""What a survey of a source has found so far, in a temporary file: any number of memberships in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector.source.examining import Examined
from connector.source.store import chunks, marks
from schemas.records import CohortChanged, MembershipChanged, Presence

_SAMPLES = 5
_PAGE = 200
_TABLES = """
CREATE TABLE sighted (student TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (student, value)) WITHOUT ROWID;
CREATE TABLE split (student TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE cohorts (cohort TEXT PRIMARY KEY, news TEXT, name TEXT, before TEXT) WITHOUT ROWID;
CREATE TABLE found (student TEXT NOT NULL, cohort TEXT NOT NULL, fate TEXT NOT NULL, PRIMARY KEY (student, cohort))
    WITHOUT ROWID;
CREATE INDEX found_cohort ON found (fate, cohort, student);
"""


class Fate(StrEnum):
    """What would become of a membership."""

    ADDED = "added"
    ENDED = "ended"
    MISSING = "missing"
    MISSING_HERE = "missing_here"
    """Missing in this source, while another one supports it."""
    STAYS = "stays"
    """Missing with all others of its cohort."""


class News(StrEnum):
    """What would become of a cohort."""

    NEW = "new"
    BACK = "back"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Listed:
    """A cohort of a list."""

    cohort: str
    name: str
    members: int
    sample: tuple[str, ...]
    """Keys of some of these members. Personal: for a person's eyes, not for logs."""


@dataclass(frozen=True, slots=True)
class Part:
    """Cohorts that share a fate, with the memberships in question."""

    cohorts: int = 0
    memberships: int = 0
    first: tuple[Listed, ...] = ()
    """By idnumber; no more than were asked for."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A cohort whose rows give another name or category."""

    cohort: str
    before: str
    now: str


class Findings:
    """Of one survey of one source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")

    def close(self) -> None:
        self._store.close()

    # --- taking note ------------------------------------------------------------------------------------------------

    def sight(self, values: Mapping[str, frozenset[str]]) -> set[str]:
        """Rows of these students have come; those of whom some had come before. What was found of these is forgotten:
        all their rows have to be read at once.
        """
        again = set(values).difference(self.unsighted(list(values)))
        rows = [(student, value) for student, found in values.items() for value in found]
        self._store.executemany("INSERT OR IGNORE INTO sighted VALUES (?, ?)", rows)
        self._store.executemany("INSERT OR IGNORE INTO split VALUES (?)", [(student,) for student in again])
        self._store.executemany("DELETE FROM found WHERE student = ?", [(student,) for student in again])
        return again

    def take(self, examined: Examined) -> None:
        """What a comparison says."""
        known, desired = examined.known, examined.desired
        named = {cohort for wanted in desired.values() for cohort in wanted.mentioned}
        records = ((cohort, known.cohorts.get(cohort)) for cohort in named)
        rows = [(cohort, record and described(record.name, record.category)) for cohort, record in records]
        self._store.executemany("INSERT OR IGNORE INTO cohorts (cohort, name) VALUES (?, ?)", rows)
        for change in examined.difference.changes:
            if isinstance(change, CohortChanged):
                news = News.BACK if change.cohort in known.cohorts else News.NEW
                self._describe(change.cohort, news, described(change.name, change.category))
        for cohort in examined.difference.renames:
            supports = (w.memberships[cohort].cohort for w in desired.values() if cohort in w.memberships)
            now = min(described(found.name, found.category) for found in supports)
            before = described(known.cohorts[cohort].name, known.cohorts[cohort].category)
            if now != before:  # otherwise rows disagree, and the name stays
                self._describe(cohort, None, now, before)
        self._store.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?)", self._fates(examined))

    def _fates(self, examined: Examined) -> Iterator[tuple[str, str, Fate]]:
        known = examined.known
        for change in examined.difference.changes:
            if isinstance(change, MembershipChanged):
                held = known.memberships.get(change.student, {}).get(change.cohort)
                if change.state is Presence.ABSENT:
                    yield change.student, change.cohort, Fate.ENDED
                elif held is None:
                    yield change.student, change.cohort, Fate.ADDED
        entries = {e.student: e for all_ in known.suspects.values() for e in all_ if e.source == self._source}
        entries |= {e.student: e for e in examined.difference.suspects if e.source == self._source}
        for student, entry in entries.items():
            for suspect in entry.missing:
                held = known.memberships.get(student, {}).get(suspect.cohort)
                alone = held is None or held.sources == (self._source,)
                yield student, suspect.cohort, Fate.MISSING if alone else Fate.MISSING_HERE

    def name(self, cohorts: Iterable[str]) -> None:
        """These exist, whether or not any row names them."""
        self._store.executemany("INSERT OR IGNORE INTO cohorts (cohort) VALUES (?)", [(cohort,) for cohort in cohorts])

    def lose(self, cohorts: Iterable[CohortChanged]) -> None:
        """Those of these that were not named have no rows: their members stay."""
        records = {record.cohort: record for record in cohorts}
        for record in (records[cohort] for cohort in self._unnamed(list(records))):
            self._describe(record.cohort, News.GONE, described(record.name, record.category))
            self._store.execute(
                "UPDATE found SET fate = ? WHERE cohort = ? AND fate IN (?, ?)",
                (Fate.STAYS, record.cohort, Fate.MISSING, Fate.MISSING_HERE),
            )

    def _describe(self, cohort: str, news: News | None, name: str, before: str | None = None) -> None:
        self._store.execute("INSERT OR REPLACE INTO cohorts VALUES (?, ?, ?, ?)", (cohort, news, name, before))

    # --- looking up -------------------------------------------------------------------------------------------------

    @property
    def students(self) -> int:
        """Students of whom rows have come."""
        return int(self._store.execute("SELECT count(DISTINCT student) FROM sighted").fetchone()[0])

    def unsighted(self, students: Sequence[str]) -> list[str]:
        """Those of whom no row has come."""
        found = {
            s for piece in chunks(students) for s in self._among("SELECT student FROM sighted WHERE student", piece)
        }
        return [student for student in students if student not in found]

    def split(self) -> Iterator[dict[str, frozenset[str]]]:
        """Students whose rows came apart, with their values of the student column, page by page."""
        after = ""
        while page := self._store.execute(
            "SELECT student FROM split WHERE student > ? ORDER BY student LIMIT ?", (after, _PAGE)
        ).fetchall():
            students: dict[str, set[str]] = {}
            for (student,) in page:
                values = self._store.execute("SELECT value FROM sighted WHERE student = ?", (student,))
                students[student] = {value for (value,) in values}
            yield {student: frozenset(values) for student, values in students.items()}
            after = page[-1][0]

    def returned(self, after: str) -> list[str]:
        """Cohorts that are back, page by page."""
        rows = self._store.execute(
            "SELECT cohort FROM cohorts WHERE news = ? AND cohort > ? ORDER BY cohort LIMIT ?",
            (News.BACK, after, _PAGE),
        )
        return [cohort for (cohort,) in rows]

    def count(self, *fates: Fate) -> int:
        """Memberships of these fates."""
        found = self._store.execute(f"SELECT count(*) FROM found WHERE fate IN ({marks(fates)})", fates)  # noqa: S608
        return int(found.fetchone()[0])

    def cohorts_of(self, news: News, fate: Fate, most: int) -> Part:
        """Cohorts of whom there is this news, with their memberships of this fate."""
        query = (
            "SELECT c.cohort, c.name, count(f.student) AS n FROM cohorts c "
            "LEFT JOIN found f ON f.cohort = c.cohort AND f.fate = ? WHERE c.news = ? GROUP BY c.cohort ORDER BY c.cohort"
        )
        return self._part(query, (fate, news), fate, most)

    def memberships_of(self, fate: Fate, most: int) -> Part:
        """Memberships of this fate; additions only in cohorts of whom there is no news."""
        query = (
            "SELECT f.cohort, c.name, count(*) AS n FROM found f LEFT JOIN cohorts c ON c.cohort = f.cohort "
            "WHERE f.fate = ? AND (c.news IS NULL OR f.fate <> 'added') GROUP BY f.cohort ORDER BY f.cohort"
        )
        return self._part(query, (fate,), fate, most)

    def renamed(self, most: int) -> tuple[int, tuple[Renamed, ...]]:
        """How many cohorts are renamed, and the first of them."""
        (count,) = self._store.execute("SELECT count(before) FROM cohorts").fetchone()
        rows = self._store.execute(
            "SELECT cohort, before, name FROM cohorts WHERE before IS NOT NULL ORDER BY cohort LIMIT ?", (most,)
        )
        return count, tuple(Renamed(*row) for row in rows)

    def _part(self, query: str, values: tuple[str, ...], fate: Fate, most: int) -> Part:
        cohorts, memberships = self._store.execute(
            f"SELECT count(*), coalesce(sum(n), 0) FROM ({query})",  # noqa: S608 - one of the two above
            values,
        ).fetchone()
        first = []
        for cohort, name, members in self._store.execute(f"{query} LIMIT ?", (*values, most)).fetchall():
            sample = self._store.execute(
                "SELECT student FROM found WHERE fate = ? AND cohort = ? ORDER BY student LIMIT ?",
                (fate, cohort, _SAMPLES),
            )
            first.append(Listed(cohort, name or "", members, tuple(student for (student,) in sample)))
        return Part(cohorts, memberships, tuple(first))

    def _unnamed(self, cohorts: Sequence[str]) -> list[str]:
        found = {c for piece in chunks(cohorts) for c in self._among("SELECT cohort FROM cohorts WHERE cohort", piece)}
        return [cohort for cohort in cohorts if cohort not in found]

    def _among(self, select: str, values: Sequence[str]) -> set[str]:
        return {found for (found,) in self._store.execute(f"{select} IN ({marks(values)})", list(values))}


def described(name: str, category: str | None) -> str:
    """A cohort's name, and where it belongs."""
    return name if category is None else f"{name} [{category}]"
