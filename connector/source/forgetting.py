"""What is dropped from the tables of the state when a cohort is released.

Its number stays, since other caches know it; it costs a line until the file is made anew.
"""

from __future__ import annotations

import json
import sqlite3

from schemas.records import CohortState


def vanished_cohorts(store: sqlite3.Connection) -> list[str]:
    """Those that have vanished, by idnumber."""
    rows = store.execute("SELECT cohort FROM cohorts WHERE state = ? ORDER BY cohort", (CohortState.VANISHED.value,))
    return [cohort for (cohort,) in rows]


def forget(store: sqlite3.Connection, cohort: str, student: str | None) -> list[list[str]]:
    """Drop one membership of a cohort, or without a student the cohort and all of them. For each membership that was
    dropped, the sources that supported it.
    """
    found = store.execute("SELECT id FROM cohorts WHERE cohort = ?", (cohort,)).fetchone()
    if found is None:
        return []
    place: tuple[object, ...] = found
    where = "cohort = ?"
    if student is not None:
        place = (*found, student)
        where = "cohort = ? AND student = (SELECT id FROM students WHERE student = ?)"
    rows = store.execute(
        f"SELECT p.sources FROM memberships m JOIN supports p ON p.id = m.support WHERE m.{where}",  # noqa: S608
        place,
    ).fetchall()
    store.execute(f"DELETE FROM memberships WHERE {where}", place)  # noqa: S608 - our own words
    if student is None:
        store.execute("UPDATE cohorts SET state = NULL, colliding = 0, revision = 0, record = NULL WHERE id = ?", found)
    return [json.loads(sources) for (sources,) in rows]
