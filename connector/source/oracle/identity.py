"""Which database this is: by what any user may ask of it, and by V$DATABASE where that is granted."""

from __future__ import annotations

from collections.abc import Callable

import oracledb

from connector.runtime.errors import Halted, Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.identity import other_database
from connector.source.oracle import statements
from connector.source.oracle.errors import DriverError
from connector.source.oracle.session import Row, Session
from schemas.records import DatabaseIdentity

_LOOK_AGAIN_S = 600.0
_OLDER = {"ORA-02003", "ORA-00904"}
"""Oracle 11.2 has no containers, and refuses to be asked for one."""


class IdentityQuery:
    """Asks for one source, and remembers the answer: what a later connection leads to is compared with it."""

    def __init__(self, source: str, monotonic: Callable[[], float]) -> None:
        self._source, self._monotonic = source, monotonic
        self._known: DatabaseIdentity | None = None
        self._asked_by: Session | None = None
        self._hidden_since: float | None = None

    def ask(self, session: Session) -> DatabaseIdentity:
        """Which database a session reads, whichever it was before. Raises as ``Session.rows`` does."""
        self._asked_by = session
        try:
            self._known = self._asked(session)
        finally:
            self._asked_by = None
        return self._known

    def greet(self, session: Session) -> None:
        """Look at a session's new connection.

        After a failover it may lead to another database under the same address. Nobody must read a row of that before
        somebody has accepted it, not even the call for whose sake the connection was made.

        Raises:
            Unavailable: it leads to another database than ``ask`` has found; or as ``Session.rows`` does.
        """
        known = self._known
        if known is None or session is self._asked_by:
            return
        now = self._asked(session)
        if reasons := other_database(known, now):
            what = "; ".join(reasons)
            raise Unavailable(message(OracleMessage.DATABASE_CHANGED, source=self._source, what=what))

    def _asked(self, session: Session) -> DatabaseIdentity:
        name, container, unique, role = self._first_of(session, statements.IDENTITY, statements.IDENTITY_11)
        # A pluggable database that is cloned keeps its container's names.
        full = f"{name}/{container}" if container and container != name else str(name or "")
        return DatabaseIdentity(full, str(unique or ""), str(role or ""), self._incarnation(session))

    def _incarnation(self, session: Session) -> str | None:
        if self._hidden_since is not None and self._monotonic() - self._hidden_since < _LOOK_AGAIN_S:
            return None
        self._hidden_since = None
        try:
            found = self._first_of(session, statements.INCARNATION, statements.INCARNATION_11)
        except Halted as fault:
            cause = fault.__cause__
            if not (isinstance(cause, oracledb.Error) and DriverError.of(cause).no_such_object):
                raise
            self._hidden_since = self._monotonic()
            return None
        return "/".join(str(part) for part in found)

    @staticmethod
    def _first_of(session: Session, newer: str, older: str) -> Row:
        """The row of a statement, or of another one where the database is too old for it."""
        try:
            (row,) = session.rows("identity", newer)
        except Halted as fault:
            cause = fault.__cause__
            if not (isinstance(cause, oracledb.Error) and DriverError.of(cause).code in _OLDER):
                raise
            (row,) = session.rows("identity", older)
        return row
