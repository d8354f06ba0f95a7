"""One session: logs on when needed, runs statements, tries again what may pass, and counts its time in the database.

A refused password is tried once per value: a wrong one must not lock the account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, TypeVar

import oracledb
import tenacity

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted, Unavailable
from connector.runtime.messages import OracleMessage, SettingsMessage, message
from connector.runtime.settings import Secret
from connector.source.oracle import errors
from connector.source.oracle.errors import DriverError
from connector.source.oracle.logon import LogOn, NoAnswer
from connector.source.oracle.statements import READ_ONLY
from connector.source.settings import SourceSettings

T = TypeVar("T")
_ATTEMPTS = 3
_thick = Lock()


class Session:
    """Not for use by several threads. Connects lazily, and anew after the connection was lost."""

    def __init__(
        self,
        source: str,
        settings: SourceSettings,
        clock: Clock,
        *,
        timeout_s: float | None = None,
        patience_s: float | None = None,
    ) -> None:
        """``timeout_s`` ends a call, ``patience_s`` the wait for a log-on, which goes on behind it and may be there when
        it is asked for again; None: as the settings say.
        """
        self.source, self._settings, self._clock = source, settings, clock
        # Resolving, connecting and the log-on's own round trips: some room beyond the TCP connection's time.
        self._patience_s = patience_s or settings.connect_timeout.total_seconds() * 1.5
        self._timeout_ms = int((timeout_s or settings.call_timeout.total_seconds()) * 1000)
        self._connection: oracledb.Connection | None = None
        self._password = self._wallet_password = ""
        self._log_on = LogOn(self._open, clock.monotonic)
        self._refused: tuple[bytes, Halted] | None = None
        self.busy = 0.0
        """Seconds spent inside the database so far."""

    def rows(
        self, query: str, sql: str, binds: Mapping[str, object] | None = None, types: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of a statement. ``query`` names it in messages, and as the session's action.

        Raises:
            Unavailable: three attempts failed in ways that may pass.
            Halted: it cannot succeed until a person acts.
        """

        def fetch(cursor: oracledb.Cursor) -> list[tuple[Any, ...]]:
            self._execute(cursor, sql, binds, types)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

        return self._retrying(query, fetch)

    def columns(self, query: str, sql: str) -> dict[str, Any]:
        """Names of a statement's columns with the driver's types, in order. Raises as ``rows`` does."""

        def describe(cursor: oracledb.Cursor) -> dict[str, Any]:
            cursor.execute(sql)
            return {column[0]: column[1] for column in cursor.description or ()}

        return self._retrying(query, describe)

    def stream(self, query: str, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        """Batches of rows of one statement, within one read-only transaction. Not tried again: who reads starts anew.

        Raises:
            Unavailable, Halted: as ``rows``.
        """
        try:
            with self._calling(query) as connection:
                cursor = connection.cursor()
                cursor.execute(READ_ONLY)
                self._execute(cursor, sql, None, None)
            while True:
                with self._calling(query):
                    batch = cursor.fetchmany(self._settings.fetch_rows)
                if not batch:
                    return
                yield batch
        finally:
            self.close()

    def close(self) -> None:
        """Log off; the next call logs on again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(oracledb.Error):  # it may be gone already
                connection.close()

    def _retrying(self, query: str, call: Callable[[oracledb.Cursor], T]) -> T:
        def attempt() -> T:
            with self._calling(query) as connection, connection.cursor() as cursor:
                return call(cursor)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_another),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=2.0, jitter=0.3),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(attempt)

    @contextmanager
    def _calling(self, query: str) -> Iterator[oracledb.Connection]:
        """Around one call: names it to the DBA, counts its time, and translates its errors."""
        began = self._clock.monotonic()
        try:
            connection = self.connected()
            connection.action = query[:32]
            yield connection
        except oracledb.Error as error:
            fault = errors.calling(self.source, query, error)
            if DriverError.of(error).connection_lost or isinstance(fault, Unavailable):
                # After a time-out or an unknown error the session may be in any state; a new one is not.
                self.close()
            raise fault from error
        except UnicodeDecodeError as error:
            reason = f"a text is not in the database's character set ({error.reason})"
            raise Halted(
                message(OracleMessage.QUERY_REFUSED, source=self.source, query=query, reason=reason)
            ) from error
        finally:
            self.busy += self._clock.monotonic() - began

    def _execute(
        self,
        cursor: oracledb.Cursor,
        sql: str,
        binds: Mapping[str, object] | None,
        types: Mapping[str, Any] | None,
    ) -> None:
        cursor.arraysize = self._settings.fetch_rows
        # One more than fits: the driver then knows the end without another round trip.
        cursor.prefetchrows = self._settings.fetch_rows + 1
        if types:
            cursor.setinputsizes(**types)
        cursor.execute(sql, dict(binds) if binds else None)

    def connected(self) -> oracledb.Connection:
        """The connection, made if there is none."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> oracledb.Connection:
        settings = self._settings
        self._password = self._secret("password", settings.password)
        if settings.wallet_password is not None:
            self._wallet_password = self._secret("wallet_password", settings.wallet_password)
        mark = hashlib.sha256(f"{settings.user}\0{self._password}".encode()).digest()
        if self._refused is not None and self._refused[0] == mark:
            raise self._refused[1]
        try:
            connection = self._log_on(self._patience_s)
            connection.call_timeout = self._timeout_ms
            connection.module = settings.module[:48]  # V$SESSION cuts it there
        except NoAnswer as error:
            reason = f"no answer within {self._patience_s:g} s"
            raise Unavailable(message(OracleMessage.NO_ANSWER, source=self.source, reason=reason)) from error
        except oracledb.Error as error:
            fault = errors.connecting(self.source, error)
            if isinstance(fault, Halted) and DriverError.of(error).wrong_password:
                self._refused = (mark, fault)
            raise fault from error
        return connection

    def _secret(self, name: str, secret: Secret) -> str:
        try:
            return secret.read()
        except (OSError, ValueError) as error:
            key = f"sources.{self.source}.{name}"
            raise Halted(message(SettingsMessage.SECRET_UNREADABLE, key=key, reason=error)) from error

    def _open(self) -> oracledb.Connection:
        settings = self._settings
        more: dict[str, Any] = {}
        if settings.config_dir is not None:
            more["config_dir"] = str(settings.config_dir)
        if settings.wallet is not None:
            more["wallet_location"] = str(settings.wallet)
        if settings.wallet_password is not None:
            more["wallet_password"] = self._wallet_password
        if settings.mode == "thick":
            _use_client_libraries(settings)
        else:
            more["tcp_connect_timeout"] = settings.connect_timeout.total_seconds()
        return oracledb.connect(user=settings.user, password=self._password, dsn=settings.dsn, **more)


def _worth_another(error: BaseException) -> bool:
    """Whether to try at once again. What has used up its time already would keep other sources waiting."""
    slow = (OracleMessage.NO_ANSWER, OracleMessage.TIMED_OUT)
    return isinstance(error, Unavailable) and error.message.entry not in slow


def _use_client_libraries(settings: SourceSettings) -> None:
    """Switch the driver to thick mode, once a process."""
    with _thick:
        if oracledb.is_thin_mode():
            oracledb.init_oracle_client(
                lib_dir=str(settings.lib_dir) if settings.lib_dir is not None else None,
                config_dir=str(settings.config_dir) if settings.config_dir is not None else None,
            )
