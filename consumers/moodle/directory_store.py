"""What is known of Moodle's accounts, in a local SQLite file.

A cache: whatever does not fit (another layout, another site, other settings, a damaged file) is thrown away and read
again from Moodle. Safe for use by several threads of one process.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_LAYOUT = 1
_SCHEMA = """
CREATE TABLE entries (value TEXT NOT NULL, username TEXT NOT NULL, PRIMARY KEY (value, username)) WITHOUT ROWID;
CREATE INDEX entries_by_username ON entries (username);
CREATE TABLE users (user_id INTEGER PRIMARY KEY, username TEXT NOT NULL, deleted INTEGER NOT NULL);
CREATE INDEX users_by_username ON users (username);
CREATE TABLE looked (value TEXT PRIMARY KEY, missing_since REAL, last REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# A cache need not survive a power cut, only the end of its process.
_SESSION = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TEMP TABLE asked (item PRIMARY KEY) WITHOUT ROWID;
"""


class Candidate(NamedTuple):
    """An account that carries a value, as far as is known."""

    username: str
    user_id: int | None
    """``None`` until it has been looked up."""
    deleted: bool


class Looked(NamedTuple):
    """When a value was looked for. Times are seconds of the epoch."""

    last: float
    missing_since: float | None
    """Since when in vain; ``None`` if it was found the last time."""


class DirectoryStore:
    """The cache. Values are normalised, usernames in lower case."""

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        """Open the file, or memory if ``path`` is ``None``; ``fingerprint`` tells whose accounts these are and how read."""
        self._lock = threading.RLock()
        self._db = _open(path, fingerprint)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def meta(self, name: str) -> float | None:
        """A remembered number."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else float(row[0])

    def remember(self, **numbers: float | None) -> None:
        """Remember numbers; ``None`` forgets one."""
        with self._transaction() as db:
            for name, number in numbers.items():
                db.execute("DELETE FROM meta WHERE name = ?", (name,))
                if number is not None:
                    db.execute("INSERT INTO meta VALUES (?, ?)", (name, repr(number)))

    def empty(self) -> None:
        """Forget all accounts, and when they were read."""
        with self._transaction() as db:
            for table in ("entries", "users", "looked"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            db.execute("DELETE FROM meta WHERE name <> 'of'")

    def count_values(self) -> int:
        """Distinct values that lead to some account."""
        with self._lock:
            return int(self._db.execute("SELECT COUNT(DISTINCT value) FROM entries").fetchone()[0])

    def count_lost(self, values: Collection[str]) -> int:
        """Known values that are not among ``values``."""
        with self._asking(values) as db:
            query = "SELECT COUNT(DISTINCT value) FROM entries WHERE value NOT IN (SELECT item FROM asked)"
            return int(db.execute(query).fetchone()[0])

    def replace_entries(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Put (value, username) ``pairs`` in the place of all known; accounts found deleted are looked up anew if named."""
        with self._transaction() as db:
            db.execute("DELETE FROM entries")
            db.execute("DELETE FROM users WHERE deleted")
            db.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", pairs)

    def put_values(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Let each username of the (value, username) ``pairs`` carry that value and no other."""
        pairs = list(pairs)
        with self._transaction() as db:
            db.executemany("DELETE FROM entries WHERE username = ?2 AND value <> ?1", pairs)
            db.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", pairs)

    def known_values(self) -> list[str]:
        """All values that lead to some account."""
        with self._lock:
            return [value for (value,) in self._db.execute("SELECT DISTINCT value FROM entries ORDER BY value")]

    def clear_values(self, values: Collection[str]) -> None:
        """Forget which accounts carry ``values``."""
        with self._asking(values) as db:
            db.execute("DELETE FROM entries WHERE value IN (SELECT item FROM asked)")

    def candidates(self, values: Collection[str]) -> dict[str, list[Candidate]]:
        """Accounts for each of ``values``, ordered by username."""
        found: dict[str, list[Candidate]] = {value: [] for value in values}
        query = """SELECT value, username, user_id, deleted FROM asked JOIN entries ON value = item
                   LEFT JOIN users USING (username) ORDER BY value, username, user_id"""
        with self._asking(values) as db:
            for value, username, user_id, deleted in db.execute(query):
                found[value].append(Candidate(username, user_id, bool(deleted)))
        return found

    def put_users(self, users: Iterable[tuple[int, str]]) -> None:
        """Take over (id, username) of accounts that exist. A username belongs to the account that had it last."""
        with self._transaction() as db:
            for user_id, username in users:
                db.execute("DELETE FROM users WHERE username = ? AND user_id <> ?", (username, user_id))
                db.execute("INSERT OR REPLACE INTO users VALUES (?, ?, 0)", (user_id, username))

    def mark_deleted(self, user_ids: Collection[int]) -> None:
        """Remember that these accounts were deleted; they keep the username by which they were known."""
        with self._asking(user_ids) as db:
            db.execute("UPDATE users SET deleted = 1 WHERE user_id IN (SELECT item FROM asked)")

    def forget_users(self, user_ids: Collection[int]) -> None:
        """Forget ids, so that they are looked up again."""
        with self._asking(user_ids) as db:
            db.execute("DELETE FROM users WHERE user_id IN (SELECT item FROM asked)")

    def values_of(self, user_ids: Collection[int]) -> dict[int, set[str]]:
        """Values that lead to each of ``user_ids``; an id that is not known is absent."""
        found: dict[int, set[str]] = {}
        query = """SELECT user_id, value FROM asked JOIN users ON user_id = item LEFT JOIN entries USING (username)"""
        with self._asking(user_ids) as db:
            for user_id, value in db.execute(query):
                found.setdefault(user_id, set()).update([] if value is None else [value])
        return found

    def newest_user(self) -> int:
        """The highest id known; 0 if none is."""
        with self._lock:
            return int(self._db.execute("SELECT COALESCE(MAX(user_id), 0) FROM users").fetchone()[0])

    def looked(self, values: Collection[str]) -> dict[str, Looked]:
        """When ``values`` were looked for; one that never was is absent."""
        query = "SELECT value, last, missing_since FROM asked JOIN looked ON value = item"
        with self._asking(values) as db:
            return {value: Looked(last, since) for value, last, since in db.execute(query)}

    def note_looked(self, found: Iterable[str], missed: Iterable[str], now: float) -> None:
        """Remember that values were looked for just now, and with what success."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO looked VALUES (?, NULL, ?)", ((value, now) for value in found))
            db.executemany(
                "INSERT INTO looked VALUES (?1, ?2, ?2) ON CONFLICT (value) DO UPDATE "
                "SET last = ?2, missing_since = COALESCE(missing_since, ?2)",
                ((value, now) for value in missed),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:
            yield self._db

    @contextmanager
    def _asking(self, items: Collection[object]) -> Iterator[sqlite3.Connection]:
        """A transaction in which the table ``asked`` holds ``items``: SQLite takes only so many parameters."""
        with self._transaction() as db:
            db.execute("DELETE FROM asked")
            db.executemany("INSERT OR IGNORE INTO asked VALUES (?)", ((item,) for item in items))
            yield db


def _open(path: Path | None, fingerprint: str) -> sqlite3.Connection:
    """The database, emptied first if it is not what is wanted."""
    if path is None:
        return _made(":memory:", fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        if path.exists():
            db = sqlite3.connect(path, check_same_thread=False)
            if _fits(db, fingerprint):
                db.executescript(_SESSION)
                return db
            db.close()
            for suffix in ("", "-journal", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _made(str(path), fingerprint)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One opens the file at a time: consumers that start together share it, and one that is half made fits nobody."""
    with path.with_name(path.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed, or the process ends
        yield


def _fits(db: sqlite3.Connection, fingerprint: str) -> bool:
    """Whether this is a sound store of this layout and for these accounts."""
    try:
        checks = (
            ("PRAGMA user_version", _LAYOUT),
            ("SELECT value FROM meta WHERE name = 'of'", fingerprint),
            ("PRAGMA quick_check", "ok"),
        )
        return all(db.execute(query).fetchone() == (wanted,) for query, wanted in checks)
    except sqlite3.DatabaseError:
        return False


def _made(place: str, fingerprint: str) -> sqlite3.Connection:
    db = sqlite3.connect(place, check_same_thread=False)
    db.executescript(_SESSION + _SCHEMA)
    with db:
        db.execute("INSERT INTO meta VALUES ('of', ?)", (fingerprint,))
        db.execute(f"PRAGMA user_version = {_LAYOUT}")
    return db
