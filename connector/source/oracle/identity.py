"""Which database this is: by what any user may ask of it, and by V$DATABASE where that is granted."""

from __future__ import annotations

from collections.abc import Callable

import oracledb

from connector.runtime.errors import Halted
from connector.source.oracle import statements
from connector.source.oracle.errors import DriverError
from connector.source.oracle.session import Row, Session
from schemas.records import DatabaseIdentity

_LOOK_AGAIN_S = 600.0
_OLDER = {"ORA-02003", "ORA-00904"}
"""Oracle 11.2 has no containers, and refuses to be asked for one."""


class IdentityQuery:
    """Asks for one source."""

    def __init__(self, session: Session, monotonic: Callable[[], float]) -> None:
        self._session, self._monotonic = session, monotonic
        self._hidden_since: float | None = None

    def __call__(self) -> DatabaseIdentity:
        """Raises as ``Session.rows`` does."""
        name, container, unique, role = self._first_of(statements.IDENTITY, statements.IDENTITY_11)
        # A pluggable database that is cloned keeps its container's names.
        full = f"{name}/{container}" if container and container != name else str(name or "")
        return DatabaseIdentity(full, str(unique or ""), str(role or ""), self._incarnation())

    def _incarnation(self) -> str | None:
        if self._hidden_since is not None and self._monotonic() - self._hidden_since < _LOOK_AGAIN_S:
            return None
        self._hidden_since = None
        try:
            found = self._first_of(statements.INCARNATION, statements.INCARNATION_11)
        except Halted as fault:
            cause = fault.__cause__
            if not (isinstance(cause, oracledb.Error) and DriverError.of(cause).no_such_object):
                raise
            self._hidden_since = self._monotonic()
            return None
        return "/".join(str(part) for part in found)

    def _first_of(self, newer: str, older: str) -> Row:
        """The row of a statement, or of another one where the database is too old for it."""
        try:
            (row,) = self._session.rows("identity", newer)
        except Halted as fault:
            cause = fault.__cause__
            if not (isinstance(cause, oracledb.Error) and DriverError.of(cause).code in _OLDER):
                raise
            (row,) = self._session.rows("identity", older)
        return row
