"""Why memberships are missing whose rows are gone: what can be found out beyond that.

A row may be gone from a view and still be in its table; or it may support another student by now. Both only make the
cause more exact. Whether a membership has ended is decided by other evidence, see ``suspects``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import replace

from connector.runtime.patterns import Unmappable
from connector.source.causes import Cause
from connector.source.difference import improved
from connector.source.examining import MOST_VALUES, Examined
from connector.source.feed import Feed
from connector.source.known import Known
from connector.source.mapping import Row
from connector.source.rowkeys import unpacked
from connector.source.state import State
from connector.source.store import chunks
from connector.source.suspects import Case
from schemas.records import Suspects

_MOST_KEYS = 50_000
"""Keys of lost rows that are looked for elsewhere; so many absences are a broken view, and wait for a person anyhow."""


def left_view(feed: Feed, lost: Mapping[Case, frozenset[str]]) -> frozenset[Case]:
    """The cases of which a row is still in what a hint watches, beside the membership query. ``lost`` has the keys of
    the rows that supported each. Raises what a read raises.
    """
    students = sorted({case.student for case, keys in lost.items() if keys})
    if not students or feed.mapping.row_key is None:
        return frozenset()
    values = sorted({value for found in feed.state.values_of(feed.name, students).values() for value in found})
    keys: set[str] = set()
    for start in range(0, len(values), MOST_VALUES):
        rows = feed.source.watched(values[start : start + MOST_VALUES])
        if rows is None:
            return frozenset()
        keys.update(_keys(feed, rows))
    return frozenset(case for case, rows_of in lost.items() if rows_of & keys)


def _keys(feed: Feed, rows: Iterable[Row]) -> Iterator[str]:
    pattern = feed.mapping.row_key
    assert pattern is not None
    for row in rows:
        try:
            yield pattern.render(row)
        except Unmappable:
            continue  # it never supported a membership under a key


class Absences:
    """What one pass of a snapshot misses."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._fresh: set[Case] = set()
        """Missing since this pass, for no known reason."""

    def told(self, found: Examined) -> tuple[Examined, Counter[Cause]]:
        """With the causes of what is missing now for the first time, and how many of these there are by cause."""
        feed = self._feed
        before = _cases(feed, (entry for held in found.known.suspects.values() for entry in held))
        fresh = _cases(feed, found.difference.suspects) - before
        left = left_view(feed, {case: _rows(feed, found.known, case) for case in fresh})
        cohorts = _by_student(left)
        told = [
            _told(entry, cohorts.get(entry.student, ()), Cause.LEFT_VIEW) if entry.source == feed.name else entry
            for entry in found.difference.suspects
        ]
        self._fresh |= fresh - left
        counts = Counter({Cause.LEFT_VIEW: len(left), Cause.DELETED: len(fresh) - len(left)})
        return replace(found, difference=replace(found.difference, suspects=tuple(told))), +counts

    def moved(self) -> Generator[None, None, tuple[list[Suspects], int]]:
        """At the end of the pass: the entries of students whose missing rows support somebody else by now, with that as
        their cause, and how many of these cases this pass was the first to miss. Looks through the state piece by piece.
        """
        feed, lost = self._feed, self._lost()
        gone: set[Case] = set()
        if lost:
            for piece in supporting_rows(feed.state, feed.name):
                for key, student, _ in piece:
                    cases = lost.get(key, ())
                    if cases and all(case.student != student for case in cases):
                        gone.update(cases)
                yield
        entries, improving = [], set()
        cohorts = _by_student(gone)
        for entry in feed.state.suspicions.of(sorted(cohorts)):
            told = _told(entry, cohorts[entry.student], Cause.KEY_CHANGED) if entry.source == feed.name else entry
            if told != entry:
                entries.append(told)
                pairs = zip(entry.missing, told.missing, strict=True)
                improving |= {Case(entry.student, now.cohort) for was, now in pairs if was != now}
        return entries, len(improving & self._fresh)

    def _lost(self) -> dict[str, set[Case]]:
        """By row key, what is missing for no known reason, whoever missed it first."""
        feed = self._feed
        found: dict[str, set[Case]] = {}
        for students in chunks(feed.state.suspicions.students(feed.name)):
            known = feed.state.known(students)
            entries = [entry for held in known.suspects.values() for entry in held]
            for case in _cases(feed, entries, Cause.DELETED):
                for key in _rows(feed, known, case):
                    if len(found) < _MOST_KEYS or key in found:
                        found.setdefault(key, set()).add(case)
        return found


def stamps_of(feed: Feed, keys: Collection[str]) -> Generator[None, None, dict[str, int]]:
    """The stamps that the rows with these keys bore last, whoever they supported. Looks through the state piece by piece."""
    found: dict[str, int] = {}
    for piece in supporting_rows(feed.state, feed.name):
        for key, _, stamp in piece:
            if stamp is not None and key in keys:
                found[key] = max(stamp, found.get(key, stamp))
        yield
    return found


def supporting_rows(state: State, source: str, piece: int = 5000) -> Iterator[list[tuple[str, str, int | None]]]:
    """Key, student and stamp of every row that supports a membership in this source, in pieces: between two of them
    anything may be written.
    """
    store, after = state.store, (-1, -1)
    while page := store.execute(
        "SELECT student, cohort, support, rows FROM memberships WHERE (student, cohort) > (?, ?) "
        "ORDER BY student, cohort LIMIT ?",
        (*after, piece),
    ).fetchall():
        after = (page[-1][0], page[-1][1])
        supports = set(state.supports_of(source))
        names = dict(
            store.execute("SELECT id, student FROM students WHERE id BETWEEN ? AND ?", (page[0][0], page[-1][0]))
        )
        yield [
            (row.row, names[student], row.stamp)
            for student, _, support, text in page
            if support in supports and text
            for row in unpacked(text)
            if row.source == source
        ]


def _cases(feed: Feed, entries: Iterable[Suspects], cause: Cause | None = None) -> set[Case]:
    """What is missing in this source, of this cause only if it is given."""
    return {
        Case(entry.student, suspect.cohort)
        for entry in entries
        if entry.source == feed.name
        for suspect in entry.missing
        if cause is None or suspect.cause == cause
    }


def _rows(feed: Feed, known: Known, case: Case) -> frozenset[str]:
    held = known.memberships.get(case.student, {}).get(case.cohort)
    return held.rows_of(feed.name) if held is not None else frozenset()


def _by_student(cases: Iterable[Case]) -> dict[str, set[str]]:
    """The cohorts of the cases by student."""
    found: dict[str, set[str]] = {}
    for case in cases:
        found.setdefault(case.student, set()).add(case.cohort)
    return found


def _told(entry: Suspects, cohorts: Collection[str], cause: Cause) -> Suspects:
    """With this cause for these cohorts, where none is known that says as much."""
    return replace(entry, missing=tuple(improved(s, cause) if s.cohort in cohorts else s for s in entry.missing))
