"""The ledger of one partition in a local SQLite file: a cache of the ledger topic, rebuilt and never migrated.

Changes stand in an open SQLite transaction, which ``keep`` ends after the ledger topic has them and ``discard`` forgets.
So the file never says more than the topic, and a crash leaves it at an earlier, whole state. It remembers up to which
offset of the ledger topic it speaks; a restart reads on from there.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from consumers.cohorts.reasons import Reason
from consumers.cohorts.recent import TABLES as _RECENT
from consumers.cohorts.recent import Recent
from consumers.cohorts.rows import cohort_of, entry_of, row_of, row_of_cohort, to_ms
from consumers.cohorts.site_identity import NEWEST
from schemas.codec import definition, schema_fingerprint
from schemas.records import CohortEntry, EntryStatus, JournalEntry, LedgerEntry, Presence

LAYOUT = "3"
"""Of the tables below. A file of another layout is thrown away and filled from the topic."""
MARKER = schema_fingerprint(definition("PartitionMarker")).hex()
"""Of the marker's fields, since it is kept as it is: so a file of another release is thrown away as well."""

_TABLES = """
CREATE TABLE entries (
    cohort TEXT NOT NULL, student TEXT NOT NULL, desired TEXT NOT NULL, desired_revision INTEGER NOT NULL,
    applied TEXT NOT NULL, applied_revision INTEGER NOT NULL, owned INTEGER NOT NULL, status TEXT NOT NULL,
    since INTEGER NOT NULL, user_id INTEGER, reason TEXT NOT NULL, due_at INTEGER, siblings TEXT,
    changed_at INTEGER, cause TEXT NOT NULL, PRIMARY KEY (cohort, student)
) WITHOUT ROWID;
CREATE INDEX entries_pending ON entries (reason) WHERE status = 'pending';
CREATE INDEX entries_due ON entries (due_at) WHERE status = 'due';
CREATE INDEX entries_held ON entries (reason) WHERE status = 'held';
CREATE INDEX entries_unread ON entries (cohort, student) WHERE reason = 'moodle_unread';
CREATE INDEX entries_quarantined ON entries (since) WHERE status = 'quarantined';
CREATE INDEX entries_parked ON entries (reason, student) WHERE status = 'parked';
CREATE INDEX entries_parked_students ON entries (student) WHERE status = 'parked';
CREATE TABLE cohorts (
    cohort TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, revision INTEGER NOT NULL, status TEXT NOT NULL,
    since INTEGER NOT NULL, category TEXT, colliding_with TEXT, moodle_id INTEGER, reason TEXT NOT NULL,
    forgotten INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_PUT = f"INSERT OR REPLACE INTO entries VALUES ({','.join('?' * 15)})"  # noqa: S608 - only question marks
_PUT_COHORT = f"INSERT OR REPLACE INTO cohorts VALUES ({','.join('?' * 11)})"  # noqa: S608


class Store:
    """One partition. Not shared between threads, nor between processes: a file in use elsewhere is left alone and a
    temporary one taken instead.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        """``identity`` names the topics that it caches; a file of other topics is thrown away. None: in memory."""
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._identity = f"{LAYOUT} {MARKER} {identity}"
        self._database = _memory() if path is None else self._open(path)
        self.recent = Recent(self._database)
        self._present: int | None = None
        """How many memberships Moodle shows, once somebody has asked; counting takes some 0.3 s a million."""
        if self.fact("identity") is None:
            self.set_fact("identity", self._identity)

    def close(self) -> None:
        """Forget what was not kept."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._database.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def keep(self) -> None:
        """What was changed since the last time is in the topic now."""
        self._database.execute("COMMIT")
        self._database.execute("BEGIN IMMEDIATE")

    def discard(self) -> None:
        """Forget what was changed since ``keep``."""
        self._database.execute("ROLLBACK")
        self._database.execute("BEGIN IMMEDIATE")
        self._present = None

    def fact(self, name: str) -> str | None:
        """A remembered fact."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def note(self, entry: JournalEntry) -> None:
        """Remember what an entry of the journal says of removals and commands."""
        self.recent.note(entry)

    def followed(self, command: str) -> bool:
        """Whether the command of this id was answered before: followed or refused. Asked within two days of its issue."""
        return self.recent.followed(command)

    def put(self, entry: LedgerEntry) -> None:
        if self._present is not None:
            self._present += (entry.applied is Presence.PRESENT) - self._shows(entry.cohort, entry.student)
        self._database.execute(_PUT, row_of(entry))

    def put_cohort(self, entry: CohortEntry) -> None:
        self._database.execute(_PUT_COHORT, row_of_cohort(entry))

    def remove(self, cohort: str, student: str) -> None:
        """There is no such entry any more."""
        if self._present is not None:
            self._present -= self._shows(cohort, student)
        self._database.execute("DELETE FROM entries WHERE cohort = ? AND student = ?", (cohort, student))

    def entry(self, cohort: str, student: str) -> LedgerEntry | None:
        rows = self._select("cohort = ? AND student = ?", (cohort, student))
        return next(rows, None)

    def entries_of(self, cohort: str) -> Iterator[LedgerEntry]:
        """All memberships of a cohort, by student."""
        return self._select("cohort = ? ORDER BY student", (cohort,))

    def parked_in(self, cohort: str) -> Iterator[LedgerEntry]:
        """Parked memberships of a cohort."""
        return self._select("cohort = ? AND status = 'parked'", (cohort,))

    def held_in(self, cohort: str, reason: str) -> Iterator[LedgerEntry]:
        """Removals of a cohort that are held for this reason."""
        return self._select("cohort = ? AND status = 'held' AND reason = ?", (cohort, reason))

    def named(self, cohort: str, user_id: int) -> Iterator[LedgerEntry]:
        """Memberships of a cohort that were applied to this account."""
        return self._select("cohort = ? AND user_id = ?", (cohort, user_id))

    def unplaced(self, cohort: str) -> Iterator[LedgerEntry]:
        """Memberships of a cohort that are wanted and have no account yet."""
        return self._select("cohort = ? AND user_id IS NULL AND desired = 'present'", (cohort,))

    def wanted(self, cohort: str) -> list[str]:
        """Students who are wanted in a cohort, whether they are there or not."""
        query = "SELECT student FROM entries WHERE cohort = ? AND desired = 'present'"
        return [str(row[0]) for row in self._database.execute(query, (cohort,))]

    def kept(self, cohort: str) -> Iterator[LedgerEntry]:
        """Memberships of a cohort whose account was let stay for another key."""
        return self._select(f"cohort = ? AND reason = '{Reason.OTHER_KEY}'", (cohort,))

    def with_status(self, status: EntryStatus) -> Iterator[LedgerEntry]:
        # Written out, since a partial index serves no bound value.
        return self._select(f"status = '{status.value}'", ())

    def of_cause(self, status: EntryStatus, cause: str) -> Iterator[LedgerEntry]:
        """Entries of a status that stand there for this cause."""
        return self._select(f"status = '{status.value}' AND cause = ?", (cause,))

    def pending(self, after: tuple[str, str], limit: int) -> list[LedgerEntry]:
        """Entries that wait to be added, by cohort and student, behind the given one."""
        where = "status = 'pending' AND reason = '' AND (cohort, student) > (?, ?) ORDER BY cohort, student LIMIT ?"
        return list(self._select(where, (*after, limit)))

    def due(self, until: datetime, limit: int, after: LedgerEntry | None = None) -> Iterator[LedgerEntry]:
        """Removals whose time has come, the longest due first; only those behind ``after``, which was given before."""
        where = "status = 'due' AND due_at <= ? {} ORDER BY due_at, cohort, student LIMIT ?"
        if after is None or after.due_at is None:
            return self._select(where.format(""), (to_ms(until), limit))
        behind = "AND (due_at, cohort, student) > (?, ?, ?)"
        place = (to_ms(after.due_at), after.cohort, after.student)
        return self._select(where.format(behind), (to_ms(until), *place, limit))

    def quarantined_before(self, moment: datetime) -> Iterator[LedgerEntry]:
        """Entries whose quarantine began before this moment; those that wait to be read are another matter."""
        where = f"status = 'quarantined' AND reason <> '{Reason.UNREAD}' AND since <= ?"
        return self._select(where, (to_ms(moment),))

    def parked_students(self, students: Iterable[str]) -> Iterator[LedgerEntry]:
        """Parked memberships of these students."""
        for student in students:
            yield from self._select("status = 'parked' AND student = ?", (student,))

    def parked(self, reason: str, after: str, limit: int) -> list[str]:
        """Students with memberships parked for this reason, in order, after the given one."""
        query = (
            "SELECT DISTINCT student FROM entries WHERE status = 'parked' AND reason = ? AND student > ? "
            "ORDER BY student LIMIT ?"
        )
        return [str(row[0]) for row in self._database.execute(query, (reason, after, limit))]

    def cohort(self, cohort: str) -> CohortEntry | None:
        row = self._database.execute("SELECT * FROM cohorts WHERE cohort = ?", (cohort,)).fetchone()
        return None if row is None else cohort_of(row)

    def unsettled_cohorts(self) -> list[CohortEntry]:
        rows = self._database.execute("SELECT * FROM cohorts WHERE status <> 'settled' ORDER BY cohort")
        return [cohort_of(row) for row in rows]

    def counts(self) -> dict[tuple[str, str], int]:
        """Entries that are not settled, by status and reason."""
        found: dict[tuple[str, str], int] = {}
        for status in ("pending", "due", "held", "quarantined", "parked"):
            query = f"SELECT reason, COUNT(*) FROM entries WHERE status = '{status}' GROUP BY reason"  # noqa: S608
            found |= {(status, str(reason)): int(count) for reason, count in self._database.execute(query)}
        return found

    def present(self, cohort: str | None = None) -> int:
        """How many memberships Moodle shows: of a cohort, or of the whole partition."""
        query = "SELECT COUNT(*) FROM entries WHERE applied = 'present'"
        if cohort is not None:
            return int(self._database.execute(f"{query} AND cohort = ?", (cohort,)).fetchone()[0])
        if self._present is None:
            self._present = int(self._database.execute(query).fetchone()[0])
        return self._present

    def held_cohorts(self) -> int:
        """Cohorts with removals that wait for a person."""
        query = "SELECT COUNT(DISTINCT cohort) FROM entries WHERE status = 'held'"
        return int(self._database.execute(query).fetchone()[0])

    def site_users(self) -> list[int]:
        """Accounts that memberships were applied to: the newest ones, and the oldest."""
        query = "SELECT DISTINCT user_id FROM entries WHERE owned ORDER BY user_id {} LIMIT ?"
        newest = self._database.execute(query.format("DESC"), (NEWEST,)).fetchall()
        oldest = self._database.execute(query.format(""), (1,)).fetchall()
        return sorted({int(row[0]) for row in (*newest, *oldest) if row[0] is not None})

    def all_after(self, after: tuple[str, str], limit: int) -> list[LedgerEntry]:
        """Entries by cohort and student, behind the given one."""
        return list(self._select("(cohort, student) > (?, ?) ORDER BY cohort, student LIMIT ?", (*after, limit)))

    def cohorts_after(self, after: str, limit: int) -> list[CohortEntry]:
        """Cohorts in order, behind the given one."""
        rows = self._database.execute("SELECT * FROM cohorts WHERE cohort > ? ORDER BY cohort LIMIT ?", (after, limit))
        return [cohort_of(row) for row in rows]

    def unread(self, after: tuple[str, str], limit: int) -> list[LedgerEntry]:
        """Entries of which nobody knows what Moodle shows, by cohort and student, behind the given one."""
        where = f"reason = '{Reason.UNREAD}' AND (cohort, student) > (?, ?) ORDER BY cohort, student LIMIT ?"
        return list(self._select(where, (*after, limit)))

    def _shows(self, cohort: str, student: str) -> bool:
        """Whether Moodle shows this membership."""
        query = "SELECT 1 FROM entries WHERE cohort = ? AND student = ? AND applied = 'present'"
        return self._database.execute(query, (cohort, student)).fetchone() is not None

    def _select(self, where: str, values: tuple[object, ...]) -> Iterator[LedgerEntry]:
        # A list, since the caller changes what it reads.
        rows = self._database.execute(f"SELECT * FROM entries WHERE {where}", values).fetchall()  # noqa: S608
        return map(entry_of, rows)

    def _open(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            try:
                database = _connect(path)
                if _identity_in(database) in (self._identity, None):
                    return database
                database.close()
            except sqlite3.OperationalError as error:
                if "locked" in str(error):  # a process that has not noticed yet that it lost the partition
                    self._temporary = tempfile.TemporaryDirectory(dir=path.parent)
                    return _connect(Path(self._temporary.name) / path.name)
                raise
            except sqlite3.DatabaseError:
                pass  # not a database, or a broken one
            _remove(path)
        raise RuntimeError(f"{path} cannot be made a database; is its disk writable?")


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
    try:
        _check(database)
        return _prepared(database)
    except sqlite3.DatabaseError:
        database.close()
        raise


def _check(database: sqlite3.Connection) -> None:
    """Raises ``sqlite3.DatabaseError`` for a file that a crash of the machine has damaged."""
    if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("damaged")


def _memory() -> sqlite3.Connection:
    return _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))


def _prepared(database: sqlite3.Connection) -> sqlite3.Connection:
    # A cache may lose its last moments in a power cut, but must not mix old and new pages.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "locking_mode = EXCLUSIVE", "cache_size = -4000"):
        database.execute(f"PRAGMA {pragma}").fetchall()
    database.execute("BEGIN IMMEDIATE")
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
        for statement in (_TABLES + _RECENT).split(";\n"):
            database.execute(statement)
    return database


def _identity_in(database: sqlite3.Connection) -> str | None:
    row = database.execute("SELECT value FROM facts WHERE name = 'identity'").fetchone()
    return None if row is None else str(row[0])


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
