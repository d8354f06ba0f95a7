"""The rows that support memberships, as the state keeps them: their keys, and the stamps that they bore last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from schemas.records import SupportingRow

_encode = json.JSONEncoder(ensure_ascii=False).encode  # ``json.dumps`` makes another one each time

Place = tuple[str, str]
"""Student and cohort of a membership."""


def packed(rows: Sequence[SupportingRow]) -> str | None:
    """Text for a column; None for no rows."""
    if not rows:
        return None
    plain = [[row.source, row.row] if row.stamp is None else [row.source, row.row, row.stamp] for row in rows]
    return _encode(plain)


def unpacked(text: str | None) -> tuple[SupportingRow, ...]:
    """The rows of ``packed``."""
    return tuple(SupportingRow(*row) for row in json.loads(text)) if text else ()


def restamp(store: sqlite3.Connection, rows: Mapping[Place, tuple[SupportingRow, ...]]) -> None:
    """Remember the stamps that rows bear now. Only within ``State.writing``.

    Not published: a change of nothing but stamps is no news. A state that is read from the topics anew has older ones,
    which may later cost a snapshot the exact cause of what it finds.
    """
    store.executemany(
        "UPDATE memberships SET rows = ? WHERE student = (SELECT id FROM students WHERE student = ?) "
        "AND cohort = (SELECT id FROM cohorts WHERE cohort = ?)",
        [(packed(kept), student, cohort) for (student, cohort), kept in rows.items()],
    )
