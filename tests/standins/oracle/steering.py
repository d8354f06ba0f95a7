"""Runs commands: transactions, session settings, grants, users. Definitions are next door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.oracle.accounts import Account
from tests.standins.oracle.catalog import SYS, Privilege
from tests.standins.oracle.compiler.moments import zone_name
from tests.standins.oracle.definitions import Definitions
from tests.standins.oracle.environment import in_zone, offset_text
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.mvcc import Blocked
from tests.standins.oracle.sql import commands as c
from tests.standins.oracle.waiting import patiently

if TYPE_CHECKING:
    from tests.standins.oracle.engine import EngineSession

_OBJECT_PRIVILEGES = frozenset(
    ["SELECT", "READ", "INSERT", "UPDATE", "DELETE", "REFERENCES", "ALTER", "INDEX", "EXECUTE"]
)
_FORMATS = {
    "NLS_DATE_FORMAT": "date",
    "NLS_TIMESTAMP_FORMAT": "timestamp",
    "NLS_TIMESTAMP_TZ_FORMAT": "timestamp_tz",
}
# Settings whose only supported value is the default, for another would change results.
_FIXED = {
    "NLS_SORT": ("BINARY",),
    "NLS_COMP": ("BINARY",),
    "NLS_NUMERIC_CHARACTERS": (".,",),
    "NLS_LANGUAGE": ("AMERICAN",),
    "NLS_TERRITORY": ("AMERICA",),
    "NLS_CALENDAR": ("GREGORIAN",),
    "NLS_DATE_LANGUAGE": ("AMERICAN", "ENGLISH"),
}
# Settings that cannot change results here.
_HARMLESS = frozenset(
    [
        "CURSOR_SHARING",
        "OPTIMIZER_MODE",
        "STATISTICS_LEVEL",
        "SQL_TRACE",
        "TIMED_STATISTICS",
        "DDL_LOCK_TIMEOUT",
        "PARALLEL",
    ]
)


class Steering:
    """Commands of one session."""

    def __init__(self, session: EngineSession) -> None:
        self.session = session
        self.database = session.database
        self.catalog = session.database.catalog

    def run(self, command: c.Command) -> None:
        """Do it. Raises OraError."""
        session = self.session
        match command:
            case c.Commit():
                session.commit()
            case c.Rollback(""):
                session.rollback()
            case c.Rollback(name):
                session.rollback_to(name)
            case c.Savepoint(name):
                self.database.ledger.save(session.begun(), name)
            case c.SetTransaction(mode):
                self._set_transaction(mode)
            case c.LockTable():
                self._lock_table(command)
            case c.AlterSession(settings):
                for name, value in settings.items():
                    self._set(name, value)
            case _:
                session.require_writable()
                session.commit()  # a definition commits, before and after
                with self.database.writing:
                    self._define(command)
                self.database.ledger.advance()

    def _define(self, command: c.Command) -> None:
        match command:
            case c.Grant():
                self._grant(command)
            case c.ChangeUser():
                self._change_user(command)
            case c.CreateRole(name):
                self._require_dba()
                self.catalog.roles = self.catalog.roles | {name}
                self.catalog.touch()
            case c.Comment():
                pass
            case c.Drop("USER", name):
                self._drop_user(name[-1])
            case _:
                Definitions(self.session).run(command)

    def _require_dba(self) -> None:
        if not self.catalog.is_dba(self.session.user):
            raise OraError(1031, "insufficient privileges")

    # --- transactions ---------------------------------------------------------------------

    def _set_transaction(self, mode: str) -> None:
        session = self.session
        if session.transaction or session.fixed:
            raise OraError(1453, "SET TRANSACTION must be first statement of transaction")
        if mode == "READ ONLY":
            session.fixed, session.read_only = self.database.ledger.now(), True
        elif mode == "SERIALIZABLE":
            session.fixed = self.database.ledger.now(session.begun())

    def _lock_table(self, command: c.LockTable) -> None:
        session, ledger = self.session, self.database.ledger
        table = self.catalog.table(command.name, session.schema)
        self.catalog.require(session.user, "SELECT", table)
        if command.mode != "EXCLUSIVE":
            if command.mode in ("ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE"):
                return  # hinders nothing but exclusive locks
            raise OraError(3001, f"unimplemented feature: LOCK TABLE IN {command.mode} MODE")

        def attempt() -> None:
            held = {
                n
                for t in ledger.transactions()
                if t is not session.transaction and table.key in t.tables
                for n in t.ids
            }
            if held:
                raise Blocked(held)
            transaction = session.changing()
            transaction.table_locks.add(table.stored)
            transaction.tables.add(table.key)

        patiently(session, attempt, self.database.settings.lock_timeout if command.wait is None else command.wait)

    # --- session settings --------------------------------------------------------------------

    def _set(self, name: str, value: str) -> None:
        session = self.session
        if name == "TIME_ZONE":
            session.zone = self._zone(value)
        elif name == "CURRENT_SCHEMA":
            if not self.database.accounts.find(value) and value != SYS:
                raise OraError(1435, "user does not exist")
            session.schema = value
        elif name in _FORMATS:
            session.use_formats(**{_FORMATS[name]: value})
        elif name == "ISOLATION_LEVEL":
            raise OraError(3001, "unimplemented feature: ALTER SESSION SET ISOLATION_LEVEL")
        elif name in _FIXED:
            if value.upper() not in _FIXED[name]:
                raise OraError(3001, f"unimplemented feature: {name} other than {_FIXED[name][0]}")
        elif name not in _HARMLESS:
            raise OraError(2248, "invalid option for ALTER SESSION")

    def _zone(self, value: str) -> str:
        if value.upper() == "LOCAL":
            system = self.database.settings.system_zone
            now = self.database.now()
            return offset_text(in_zone(now, system) - now)
        return "+00:00" if value.upper() == "DBTIMEZONE" else zone_name(value)

    # --- users and grants -----------------------------------------------------------------------

    def _change_user(self, command: c.ChangeUser) -> None:
        own = command.name == self.session.user and not command.create
        if not own:
            self._require_dba()
        if command.create:
            account = Account(command.name, command.password or "")
            self.catalog.add_account(account)
        else:
            account = self.database.accounts.known(command.name)
            if command.password is not None:
                account.password, account.expired = command.password, False
        if command.locked is not None:
            account.locked = command.locked
            account.failed_in_a_row = 0
        account.expired = account.expired or command.expired

    def _drop_user(self, name: str) -> None:
        self._require_dba()
        self.database.accounts.drop(name)
        for thing in [t for t in self.catalog.objects.values() if t.owner == name]:
            Definitions(self.session).remove(thing)
        self.catalog.object_grants = {p for p in self.catalog.object_grants if p.grantee != name}
        self.catalog.system_grants = {(g, p) for g, p in self.catalog.system_grants if g != name}
        self.catalog.touch()

    def _grant(self, command: c.Grant) -> None:
        grantees = [self.catalog.grantee(name) for name in command.grantees]
        if command.on:
            self._object_grant(command, grantees)
        else:
            self._require_dba()
            for grantee in grantees:
                for privilege in command.privileges:
                    pair = (grantee, privilege)
                    if command.revoke and pair not in self.catalog.system_grants:
                        raise OraError(1952, f"system privileges not granted to '{grantee}'")
                    granted = self.catalog.system_grants
                    # Sets are replaced, never changed: others may be reading them.
                    self.catalog.system_grants = granted - {pair} if command.revoke else granted | {pair}
        self.catalog.touch()

    def _object_grant(self, command: c.Grant, grantees: list[str]) -> None:
        on = self._grantable(command)
        wanted = (
            ["SELECT", "INSERT", "UPDATE", "DELETE"] if command.privileges[0].startswith("ALL") else command.privileges
        )
        if unknown := [p for p in wanted if p not in _OBJECT_PRIVILEGES]:
            raise OraError(990, f"missing or invalid privilege: {unknown[0]}")
        for grantee in grantees:
            for privilege in wanted:
                held = {
                    p for p in self.catalog.object_grants if (p.grantee, p.privilege, p.on) == (grantee, privilege, on)
                }
                self.catalog.object_grants = self.catalog.object_grants - held
                if not command.revoke:
                    granted = Privilege(grantee, privilege, on, self.session.user, command.grantable)
                    self.catalog.object_grants = self.catalog.object_grants | {granted}
                elif not held and not command.privileges[0].startswith("ALL"):
                    raise OraError(1927, "cannot REVOKE privileges you did not grant")

    def _grantable(self, command: c.Grant) -> tuple[str, str]:
        """The object, if this user may grant on it."""
        name, user = command.on, self.session.user
        if name[-1].startswith(("V$", "GV$")):
            raise OraError(2030, "can only select from fixed tables/views")
        if found := self.catalog.lookup(name, self.session.schema):
            on = found.key
        elif self.database.dictionary_view(name[-1], SYS) and name[:-1] in ((), (SYS,)):
            on = (SYS, name[-1])
        else:
            raise OraError(942, "table or view does not exist")
        enabled = self.catalog.enabled(user)
        passed_on = any(p.on == on and p.grantable and p.grantee in enabled for p in self.catalog.object_grants)
        if on[0] != user and not self.catalog.is_dba(user) and not passed_on:
            raise OraError(
                1031 if self.catalog.sees(user, on) else 942,
                "insufficient privileges" if self.catalog.sees(user, on) else "table or view does not exist",
            )
        return on
