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
from tests.standins.oracle.catalog import SYS, Catalog, MaterializedView, Sequence
from tests.standins.oracle.clock import Clock
from tests.standins.oracle.cluster import Instance
from tests.standins.oracle.compiler.context import View
from tests.standins.oracle.compiler.macros import MACROS
from tests.standins.oracle.compiler.translation import Translated
from tests.standins.oracle.definitions import Definitions
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
        self.instances = {1: Instance(1, "stub")}
        """The cluster's, by number; `add_instance` makes more."""
        self.sessions: dict[int, EngineSession] = {}
        self.translations: dict[object, Translated] = {}
        self._numbers = count(1_000_001)  # sessions that come in-process, without a connection
        self.accounts.add(Account(SYS, "", locked=True, dba=True))
        self.catalog.system_grants |= {
            ("CONNECT", "CREATE SESSION"),
            *(("RESOURCE", f"CREATE {kind}") for kind in ("TABLE", "SEQUENCE")),
        }
        self._committer = self.duck.cursor()
        self._committed: list[str] = []

    def add_user(self, name: str, password: str, *, dba: bool = False) -> None:
        """An account, with every privilege or with none but to log on."""
        self.catalog.add_account(Account(name, password, dba=dba))
        self.catalog.system_grants.add((name, "CREATE SESSION"))

    def add_instance(self, number: int, name: str = "", *, ahead: dt.timedelta = dt.timedelta()) -> Instance:
        """One more instance of the cluster, its host's clock so far ahead of the first one's."""
        name = name or f"{self.instances[1].name}{number}"
        self.instances[number] = Instance(number, name, f"{name}-host", ahead)
        return self.instances[number]

    def session(self, user: str, number: int | None = None, instance: str = "") -> EngineSession:
        """A session of a user, as if logged on, in the instance of a name (default: the first)."""
        from tests.standins.oracle.engine import EngineSession

        place = next((i for i in self.instances.values() if i.name.upper() == instance.upper()), self.instances[1])
        session = EngineSession(self, user, next(self._numbers) if number is None else number, place)
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

    def refresh(self, owner: str, name: str) -> None:
        """Refresh a materialised view, as its job would."""
        view = self.catalog.objects[owner, name]
        assert isinstance(view, MaterializedView)
        session = self.session(owner)
        try:
            Definitions(session).refresh(view)
        finally:
            session.close()

    def close(self) -> None:
        for session in list(self.sessions.values()):
            session.close()
        self._committer.close()
        self.duck.close()

    # --- time -----------------------------------------------------------------------------

    def now(self, instance: Instance | None = None) -> dt.datetime:
        """The present instant in UTC, without zone, as an instance's host (default: the first's) has it."""
        return self.clock.now().replace(tzinfo=None) + (instance or self.instances[1]).ahead

    def system_time(self, instance: Instance | None = None) -> dt.datetime:
        """The wall clock of an instance's host."""
        utc = self.now(instance).replace(tzinfo=dt.UTC)
        return utc.astimezone(ZoneInfo(self.settings.system_zone)).replace(tzinfo=None)

    # --- transactions -----------------------------------------------------------------------

    def begin(self, session: EngineSession) -> Transaction:
        started = self.system_time(session.instance).replace(microsecond=0)
        return self.ledger.begin(session.number, session.user, started, session.instance.number)

    def commit(self, transaction: Transaction) -> None:
        with self.ledger.changed:
            at = self.now()
            self._committed += [f"({n}, {self.ledger.scn + 1}, TIMESTAMP '{at}')" for n in transaction.ids]
            self.ledger.commit(transaction, at)

    def note_commits(self) -> None:
        """Bring X$TX up to date, for statements that ask for SCNs; few do."""
        with self.ledger.changed:
            if self._committed:
                self._committer.execute(f'INSERT INTO "X$TX" VALUES {", ".join(self._committed)}')
                self._committed.clear()

    def check_age(self, snapshot: Snapshot) -> None:
        """ORA-01555 where the undo to build an old snapshot is gone."""
        if snapshot.scn < self.settings.undo_floor:
            raise OraError(1555, 'snapshot too old: rollback segment number 7 with name "_SYSSMU7_1" too small')

    # --- statements ---------------------------------------------------------------------------

    def dictionary_view(self, name: str, user: str, instance: Instance | None = None) -> View | None:
        """A dictionary or V$ view as the user sees it now, in an instance (default: the first)."""
        return dictionary.view(self, name, user, instance or self.instances[1])

    def forget_numbers(self, instance: int | None = None) -> None:
        """Lose the sequence numbers cached by an instance (default: by all), as its crash would."""
        for sequence in self.catalog.of_kind(Sequence):
            sequence.numbers.forget(instance)

    def remember(self, key: object, translated: Translated) -> None:
        """Keep a translation for the next execution of the same text."""
        if len(self.translations) >= CACHED_STATEMENTS:
            self.translations.clear()
        self.translations[key] = translated
