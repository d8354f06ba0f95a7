"""One stand-in database, shared by all sessions."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from tests.standins.oracle import dictionary
from tests.standins.oracle.accounts import Account
from tests.standins.oracle.catalog import SYS, Catalog, Sequence
from tests.standins.oracle.clock import Clock
from tests.standins.oracle.compiler.context import View
from tests.standins.oracle.compiler.macros import MACROS
from tests.standins.oracle.compiler.translation import Translated
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.mvcc import Ledger, Snapshot, Transaction
from tests.standins.oracle.script import statements

if TYPE_CHECKING:
    from tests.standins.oracle.engine import EngineSession

_SETUP = (
    MACROS
    + """
CREATE TABLE "X$TX" (txid BIGINT, scn BIGINT NOT NULL, committed TIMESTAMP NOT NULL);
CREATE SEQUENCE "X$SEQ";
"""
)
CACHED_STATEMENTS = 2000


@dataclass(slots=True)
class Identity:
    """What the database says of itself (SYS_CONTEXT, V$DATABASE, V$INSTANCE)."""

    name: str = "STUB"
    unique_name: str = "STUB"
    role: str = "PRIMARY"
    open_mode: str = "READ WRITE"
    container: str = "FREEPDB1"
    service_name: str = "FREEPDB1"
    instance_name: str = "stub"
    instance_number: int = 1
    host: str = "localhost"
    version: str = "19.21.0.0.0"
    dbid: int = 1_234_567_890


@dataclass(slots=True)
class Settings:
    """How the database behaves; may be changed while it runs."""

    lock_timeout: float | None = 30.0
    """Seconds a change waits for another transaction's rows before ORA-30006; None: for ever, as Oracle."""
    undo_floor: int = 0
    """Snapshots with a lower SCN get ORA-01555."""
    system_zone: str = "UTC"
    """The zone of the server's operating system: SYSDATE is a wall clock there."""


class Database:
    """Data, catalog, accounts, transactions."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        identity: Identity | None = None,
        settings: Settings | None = None,
        start_scn: int = 5_000_000,
    ) -> None:
        self.duck = duckdb.connect(":memory:")
        self.duck.execute("SET GLOBAL TimeZone = 'UTC'")
        self.duck.execute(_SETUP)
        self.clock = clock or Clock()
        self.identity = identity or Identity()
        self.settings = settings or Settings()
        self.settings.undo_floor = self.settings.undo_floor or start_scn
        self.started = self.clock.now()
        self.catalog = Catalog()
        self.accounts = self.catalog.accounts
        self.ledger = Ledger(start_scn)
        self.writing = threading.RLock()
        """Held while row versions or definitions change: one writer at a time."""
        self.sessions: dict[int, EngineSession] = {}
        self.translations: dict[object, Translated] = {}
        self._numbers = count(1_000_001)  # sessions that come in-process, without a connection
        self.accounts.add(Account(SYS, "", locked=True, dba=True))
        self.catalog.system_grants |= {
            ("CONNECT", "CREATE SESSION"),
            *(("RESOURCE", f"CREATE {kind}") for kind in ("TABLE", "SEQUENCE")),
        }
        self._committer = self.duck.cursor()

    def add_user(self, name: str, password: str, *, dba: bool = False) -> None:
        """An account, with every privilege or with none but to log on."""
        self.catalog.add_account(Account(name, password, dba=dba))
        self.catalog.system_grants.add((name, "CREATE SESSION"))

    def session(self, user: str, number: int | None = None) -> EngineSession:
        """A session of a user, as if logged on."""
        from tests.standins.oracle.engine import EngineSession

        session = EngineSession(self, user, next(self._numbers) if number is None else number)
        self.sessions[session.number] = session
        return session

    def run_script(self, script: str, user: str = SYS) -> None:
        """Run a script's statements and commit."""
        session = self.session(user)
        try:
            for statement in statements(script):
                try:
                    session.execute(statement, [[]])
                except OraError as error:
                    error.add_note(f"in the script's statement: {statement}")
                    raise
            session.commit()
        finally:
            session.close()

    def close(self) -> None:
        for session in list(self.sessions.values()):
            session.close()
        self._committer.close()
        self.duck.close()

    # --- time -----------------------------------------------------------------------------

    def now(self) -> dt.datetime:
        """The present instant in UTC, without zone."""
        return self.clock.now().replace(tzinfo=None)

    def system_time(self) -> dt.datetime:
        """The wall clock of the server's operating system."""
        return self.clock.now().astimezone(ZoneInfo(self.settings.system_zone)).replace(tzinfo=None)

    # --- transactions -----------------------------------------------------------------------

    def begin(self, session: EngineSession) -> Transaction:
        return self.ledger.begin(session.number, session.user, self.system_time().replace(microsecond=0))

    def commit(self, transaction: Transaction) -> None:
        with self.ledger.changed:
            at = self.now()
            rows = ", ".join(f"({n}, {self.ledger.scn + 1}, TIMESTAMP '{at}')" for n in transaction.ids)
            self._committer.execute(f'INSERT INTO "X$TX" VALUES {rows}')
            self.ledger.commit(transaction, at)

    def check_age(self, snapshot: Snapshot) -> None:
        """ORA-01555 where the undo to build an old snapshot is gone."""
        if snapshot.scn < self.settings.undo_floor:
            raise OraError(1555, 'snapshot too old: rollback segment number 7 with name "_SYSSMU7_1" too small')

    # --- statements ---------------------------------------------------------------------------

    def dictionary_view(self, name: str, user: str) -> View | None:
        """A dictionary or V$ view as the user sees it now."""
        return dictionary.view(self, name, user)

    def last_number(self, sequence: Sequence) -> int:
        """LAST_NUMBER of the dictionary: the first value not yet in a cache."""
        with self.duck.cursor() as duck:
            found = duck.execute(
                "SELECT last_value FROM duckdb_sequences() WHERE sequence_name = ?", [sequence.stored]
            ).fetchone()
        if not found or found[0] is None:
            return sequence.start
        step = sequence.increment * max(sequence.cache, 1)
        return int(sequence.start + ((found[0] - sequence.start) // step + 1) * step)

    def remember(self, key: object, translated: Translated) -> None:
        """Keep a translation for the next execution of the same text."""
        if len(self.translations) >= CACHED_STATEMENTS:
            self.translations.clear()
        self.translations[key] = translated
