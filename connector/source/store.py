"""The tables of the embedded state, and how to open them.

The file is a cache of the topics: it is made anew, never migrated, whenever anything about it is not as expected. It is
written with few guarantees about a crash of the machine, since the worst that can be lost is the time to read the topics.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_VERSION = 2
"""Of these tables; another one found in a file means that the file is made anew."""
_CACHE_KIB = 32_768
_MOST_VALUES = 400

_TABLES = """
CREATE TABLE cohorts (
    id INTEGER PRIMARY KEY,
    cohort TEXT NOT NULL UNIQUE,
    loose TEXT NOT NULL,
    state TEXT,                 -- NULL: named by memberships, its own record not read yet
    colliding INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0,
    record BLOB
);
CREATE INDEX cohorts_loose ON cohorts (loose);
CREATE TABLE students (id INTEGER PRIMARY KEY, student TEXT NOT NULL UNIQUE);
CREATE TABLE supports (id INTEGER PRIMARY KEY, sources TEXT NOT NULL, writer TEXT NOT NULL, fingerprint TEXT NOT NULL,
    UNIQUE (sources, writer, fingerprint));
CREATE TABLE memberships (
    student INTEGER NOT NULL,
    cohort INTEGER NOT NULL,
    support INTEGER NOT NULL,
    rows TEXT,                  -- JSON of the supporting rows; NULL for none
    PRIMARY KEY (student, cohort)
) WITHOUT ROWID;
CREATE INDEX memberships_cohort ON memberships (cohort, student);
CREATE TABLE supported (source TEXT PRIMARY KEY, memberships INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE suspects (
    source TEXT NOT NULL,
    student TEXT NOT NULL,
    cohort TEXT NOT NULL,
    first_missed INTEGER NOT NULL,
    confirmed INTEGER,
    look INTEGER NOT NULL,      -- database time, ms, before which a second look is no use
    PRIMARY KEY (source, student, cohort)
) WITHOUT ROWID;
CREATE INDEX suspects_look ON suspects (source, look);
CREATE INDEX suspects_cohort ON suspects (source, cohort);
CREATE TABLE suspicions (source TEXT NOT NULL, student TEXT NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (student, source)) WITHOUT ROWID;
CREATE TABLE concluded (source TEXT NOT NULL, at INTEGER NOT NULL, student TEXT NOT NULL, cohort TEXT NOT NULL,
    PRIMARY KEY (source, student, cohort)) WITHOUT ROWID;
CREATE INDEX concluded_at ON concluded (source, at);
CREATE TABLE student_values (source TEXT NOT NULL, student TEXT NOT NULL, vals TEXT NOT NULL,
    PRIMARY KEY (source, student)) WITHOUT ROWID;
CREATE TABLE checkpoints (source TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE alerts (key TEXT PRIMARY KEY, code TEXT NOT NULL, parameters TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) WITHOUT ROWID;
-- Of running snapshots: which students they have brought.
CREATE TEMP TABLE seen (source TEXT NOT NULL, student TEXT NOT NULL, PRIMARY KEY (source, student)) WITHOUT ROWID;
"""


def open_store(path: Path | None, identity: str) -> sqlite3.Connection:
    """The tables, empty unless the file was made for the same ``identity`` (topics and their ids).

    In a temporary file that goes with the connection if ``path`` is None, or while another process has the file: two
    would spoil each other's positions.
    """
    if path is None:
        return _made("", identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        found = _opened(path, identity)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return _made("", identity)
    if found is not None:
        return found
    for name in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        name.unlink(missing_ok=True)
    return _made(str(path), identity)


def _opened(path: Path, identity: str) -> sqlite3.Connection | None:
    """The file as it is; None if it is damaged, or of something else.

    Raises:
        sqlite3.OperationalError: another process has it.
    """
    found = sqlite3.connect(path, isolation_level=None, timeout=0)
    usable = False
    try:
        _tune(found)
        row = found.execute("SELECT value FROM facts WHERE name = 'identity'").fetchone()
        usable = row is not None and row[0] == _mark(identity)
        usable = usable and found.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        if usable:
            _temporary(found)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise
        usable = False
    finally:
        if not usable:
            found.close()
    return found if usable else None


def _mark(identity: str) -> str:
    return f"{_VERSION} {identity}"


def _made(path: str, identity: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    _tune(connection)
    connection.executescript(_TABLES)
    connection.execute("INSERT INTO facts VALUES ('identity', ?)", (_mark(identity),))
    return connection


def _tune(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = FILE")


def _temporary(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        if "CREATE TEMP TABLE" in statement:
            connection.execute(statement[statement.index("CREATE TEMP") :])


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Pieces that fit into one statement."""
    for start in range(0, len(items), _MOST_VALUES):
        yield items[start : start + _MOST_VALUES]


def marks(items: Sequence[object]) -> str:
    """As many question marks."""
    return ", ".join("?" * len(items))


def milliseconds(at: datetime) -> int:
    """A moment as records keep it."""
    return round(at.timestamp() * 1000)


def moment(ms: int) -> datetime:
    """The moment of ``milliseconds``."""
    return datetime.fromtimestamp(ms / 1000, UTC)
