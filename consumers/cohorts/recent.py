"""What a partition's journal says of the last day, in the partition's local store: removals, and commands answered.

Both are written with the journal entry that says so, in the same transaction of the store, and filled from the journal
topic when a partition is taken over. So they never say less than the journal, whatever became of process or file.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from consumers.cohorts.breaker import Intent
from consumers.cohorts.reasons import Reason
from consumers.cohorts.rows import to_ms
from schemas.records import JournalEntry

TABLES = """
CREATE TABLE intents (
    cohort TEXT NOT NULL, student TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL, allowance TEXT,
    PRIMARY KEY (cohort, student, revision)
) WITHOUT ROWID;
CREATE INDEX intents_at ON intents (at);
CREATE TABLE followed (command TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX followed_at ON followed (at)
"""
KEPT = timedelta(hours=48)
"""How long rows stand. Longer than the day that counts, so that a clock that is set back finds them again."""


class Recent:
    """The two tables of one store."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def note(self, entry: JournalEntry) -> None:
        """Remember what this entry of the journal says, where it is of that kind.

        A removal that is tried again counts from its last attempt. One that a person released is none of these.
        """
        at = to_ms(entry.at)
        if entry.kind == "intent" and entry.action == "remove" and entry.reason != Reason.RELEASED and entry.student:
            self._database.execute(
                "INSERT INTO intents VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = MAX(at, excluded.at)",
                (entry.cohort, entry.student, entry.revision, at, entry.details.get("allowance")),
            )
        if command := entry.details.get("command"):
            self._database.execute("INSERT OR REPLACE INTO followed VALUES (?, ?)", (command, at))

    def followed(self, command: str) -> bool:
        """Whether the command of this id was answered before: followed or refused."""
        return self._database.execute("SELECT 1 FROM followed WHERE command = ?", (command,)).fetchone() is not None

    def intents(self, since: datetime) -> list[Intent]:
        """Removals whose last attempt is later than ``since``."""
        rows = self._database.execute(
            "SELECT i.cohort, i.student, i.revision, i.allowance, e.applied IS 'present' FROM intents i "
            "LEFT JOIN entries e ON e.cohort = i.cohort AND e.student = i.student WHERE i.at > ?",
            (to_ms(since),),
        )
        return [
            Intent(cohort, student, revision, under, bool(shown)) for cohort, student, revision, under, shown in rows
        ]

    def forget_before(self, moment: datetime) -> None:
        """Drop what was noted earlier."""
        for table in ("intents", "followed"):
            self._database.execute(f"DELETE FROM {table} WHERE at <= ?", (to_ms(moment),))  # noqa: S608 - our own names
