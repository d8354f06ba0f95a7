"""The numbers that stand for students, cohorts and combinations of sources in the tables of the state."""

from __future__ import annotations

import json
import sqlite3

from connector.runtime.collation import loose_key
from schemas.records import MembershipChanged

_CACHED = 50_000


class Numbers:
    """Gives each a number when it is named first; writing happens within ``State.writing``. If that is rolled back,
    another one must be made.
    """

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        self._cohorts: dict[str, int] = {}
        self._students: dict[str, int] = {}
        self._recent: dict[tuple[tuple[str, ...], str, str], int] = {}
        """The same as ``_supports``, as records name them."""
        self._supports = {
            (sources, writer, mark): number
            for number, sources, writer, mark in store.execute("SELECT id, sources, writer, fingerprint FROM supports")
        }

    def student(self, student: str) -> int:
        """Of a student's key."""
        return self._id(self._students, "students", "student", student)

    def cohort(self, cohort: str) -> int:
        """Of a cohort's idnumber."""
        if cohort not in self._cohorts:
            self._store.execute(
                "INSERT OR IGNORE INTO cohorts (cohort, loose) VALUES (?, ?)", (cohort, loose_key(cohort))
            )
        return self._id(self._cohorts, "cohorts", "cohort", cohort)

    def support(self, record: MembershipChanged) -> int:
        """Of a combination of sources, writer and fingerprint; there are few."""
        plain = (record.sources, record.source, record.fingerprint)
        number = self._recent.get(plain)
        if number is None:
            number = self._recent[plain] = self._support(record)
        return number

    def _support(self, record: MembershipChanged) -> int:
        key = (json.dumps(sorted(record.sources), ensure_ascii=False), record.source, record.fingerprint)
        number = self._supports.get(key)
        if number is None:
            made = self._store.execute("INSERT INTO supports (sources, writer, fingerprint) VALUES (?, ?, ?)", key)
            assert made.lastrowid is not None
            number = self._supports[key] = made.lastrowid
        return number

    def supports_of(self, source: str) -> list[int]:
        """Of every combination that this source is part of."""
        return [number for (text, _, _), number in self._supports.items() if source in json.loads(text)]

    def supports_beside(self, source: str) -> list[int]:
        """Of every combination that is not this source alone."""
        return [number for (text, _, _), number in self._supports.items() if json.loads(text) != [source]]

    def _id(self, cache: dict[str, int], table: str, column: str, text: str) -> int:
        number = cache.get(text)
        if number is None:
            if len(cache) >= _CACHED:
                cache.clear()
            select = f"SELECT id FROM {table} WHERE {column} = ?"  # noqa: S608 - names of our own tables
            found = self._store.execute(select, (text,)).fetchone()
            if found is None:
                made = self._store.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (text,))  # noqa: S608
                found = (made.lastrowid,)
            number = cache[text] = int(found[0])
        return number
