"""One session: logs on when needed, runs statements, tries again what may pass, and counts its time in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import oracledb
import tenacity

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted, Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.oracle import errors
from connector.source.oracle.account import Account
from connector.source.oracle.columns import Described
from connector.source.oracle.errors import DriverError
from connector.source.oracle.logon import LogOn, NoAnswer
from connector.source.oracle.statements import READ_ONLY
from connector.source.settings import SourceSettings

T = TypeVar("T")
Row = tuple[Any, ...]
Expected = Mapping[int, frozenset[Any]]
"""By position in the answer, the driver's types that a column may have."""
_ATTEMPTS = 3
_AT_ONCE_S = 1.0
"""What fails within it is tried again at once; what took longer would fail as slowly again."""
_VAIN = (
    OracleMessage.NO_ANSWER,
    OracleMessage.TIMED_OUT,
    OracleMessage.LIMITED,
    OracleMessage.COLUMN_RETYPED,
    OracleMessage.DATABASE_CHANGED,
)


class Session:
    """Not for use by several threads, but for ``cancel``. Connects lazily, and anew after the connection was lost."""

    def __init__(
        self,
        account: Account,
        source: str,
        settings: SourceSettings,
        clock: Clock,
        *,
        timeout_s: float | None = None,
        patience_s: float | None = None,
        greet: Callable[[Session], None] | None = None,
    ) -> None:
        """``timeout_s`` ends a call, ``patience_s`` the wait for a log-on, which goes on behind it and may be there when
        it is asked for again; None: as the settings say. ``greet`` looks at each new connection by means of this session
        before anything else does; if it raises, the connection is closed.
        """
        self.source, self._account, self._settings, self._clock = source, account, settings, clock
        self._patience_s = patience_s or settings.connect_timeout.total_seconds()
        self._timeout_ms = int((timeout_s or settings.call_timeout.total_seconds()) * 1000)
        self._connection: oracledb.Connection | None = None
        self._log_on = LogOn(clock.monotonic)
        self._greet, self._greeting = greet, False
        self._failed_in_s = 0.0
        self._sql = ""
        self.busy = 0.0
        """Seconds spent inside the database so far. The wait for a connection is not among them, nor a call that lost it:
        most of that time nobody may have worked on it, and after an outage polling should go on at once.
        """

    def rows(
        self,
        query: str,
        sql: str,
        binds: Mapping[str, object] | None = None,
        types: Mapping[str, Any] | None = None,
        expected: Expected | None = None,
    ) -> list[Row]:
        """All rows of a statement. ``query`` names it in messages, and as the session's action.

        Raises:
            Unavailable: three attempts failed in ways that may pass; or a column is not of a type that is ``expected``.
            Halted: it cannot succeed until a person acts.
        """

        def fetch(cursor: oracledb.Cursor) -> list[Row]:
            self._execute(cursor, sql, binds, types)
            self._look_at_types(query, cursor, expected or {})
            found: list[Row] = cursor.fetchall()
            return found

        return self._retrying(query, fetch)

    def columns(self, query: str, sql: str) -> dict[str, Described]:
        """A statement's columns by name, in order. Raises as ``rows`` does."""

        def describe(cursor: oracledb.Cursor) -> dict[str, Described]:
            self._sql = sql
            cursor.execute(sql)
            return {column[0]: Described.of(column) for column in cursor.description or ()}

        return self._retrying(query, describe)

    def stream(self, query: str, sql: str, expected: Expected | None = None) -> Iterator[list[Row]]:
        """Batches of rows of one statement, within one read-only transaction. Not tried again: who reads starts anew.

        Raises:
            Unavailable, Halted: as ``rows``.
        """
        try:
            with self._calling(query) as connection:
                cursor = connection.cursor()
                cursor.execute(READ_ONLY)
                self._execute(cursor, sql, None, None)
            self._look_at_types(query, cursor, expected or {})
            while True:
                with self._calling(query):
                    batch = cursor.fetchmany(self._settings.fetch_rows)
                if not batch:
                    return
                yield batch
        finally:
            self.close()

    def cancel(self) -> None:
        """End the call that another thread is waiting in."""
        connection = self._connection
        if connection is not None:
            with suppress(oracledb.Error, OSError):  # it may be gone, or closed just now
                connection.cancel()

    def close(self) -> None:
        """Log off; the next call logs on again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(oracledb.Error):  # it may be gone already
                connection.close()

    def _retrying(self, query: str, call: Callable[[oracledb.Cursor], T]) -> T:
        def attempt() -> T:
            with self._calling(query) as connection, connection.cursor() as cursor:
                found = call(cursor)
                if connection.transaction_in_progress:
                    # A query through a database link opens one, which must not stay open in two databases.
                    connection.rollback()
                return found

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._worth_another),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=2.0, jitter=0.3),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(attempt)

    @contextmanager
    def _calling(self, query: str) -> Iterator[oracledb.Connection]:
        """Around one call: names it to the DBA, counts its time, and translates its errors."""
        connection = self.connected()
        began, lost = self._clock.monotonic(), False
        try:
            connection.action = query[:32]
            yield connection
        except oracledb.Error as error:
            fault = errors.calling(self.source, query, error, self._sql)
            lost = DriverError.of(error).connection_lost
            if lost or isinstance(fault, Unavailable):
                # After a time-out or an unknown error the session may be in any state; a new one is not.
                self.close()
            raise fault from error
        except (ValueError, OverflowError) as error:
            self.close()  # the driver stopped in the middle of an answer
            reason = f"it brought a value that cannot be read ({_said(error)})"
            raise Halted(
                message(OracleMessage.QUERY_REFUSED, source=self.source, query=query, reason=reason)
            ) from error
        finally:
            self._failed_in_s = self._clock.monotonic() - began
            self.busy += 0.0 if lost else self._failed_in_s

    def _look_at_types(self, query: str, cursor: oracledb.Cursor, expected: Expected) -> None:
        for place, types in expected.items():
            column = (cursor.description or ())[place]
            if column[1] not in types:
                raise Unavailable(
                    message(
                        OracleMessage.COLUMN_RETYPED,
                        source=self.source,
                        query=query,
                        column=column[0],
                        type=Described.of(column).name,
                    )
                )

    def _execute(
        self,
        cursor: oracledb.Cursor,
        sql: str,
        binds: Mapping[str, object] | None,
        types: Mapping[str, Any] | None,
    ) -> None:
        self._sql = sql
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
            if self._greet is not None and not self._greeting:
                self._greeting = True
                try:
                    self._greet(self)
                except BaseException:
                    self.close()
                    raise
                finally:
                    self._greeting = False
        return self._connection

    def _connect(self) -> oracledb.Connection:
        given = self._account.credentials()
        began = self._clock.monotonic()
        try:
            connection = self._log_on(partial(self._account.log_on, given), self._patience_s)
            connection.call_timeout = self._timeout_ms
            connection.module = self._settings.module[:48]  # V$SESSION cuts it there
        except NoAnswer as error:
            reason = f"no answer within {self._patience_s:g} s"
            raise Unavailable(message(OracleMessage.NO_ANSWER, source=self.source, reason=reason)) from error
        except oracledb.Error as error:
            raise errors.connecting(self.source, error) from error
        finally:
            self._failed_in_s = self._clock.monotonic() - began
        return connection

    def _worth_another(self, error: BaseException) -> bool:
        """Whether to try at once again. What has used up its time already would keep other sources waiting."""
        passing = isinstance(error, Unavailable) and error.message.entry not in _VAIN
        return passing and self._failed_in_s < _AT_ONCE_S


def _said(error: ValueError | OverflowError) -> str:
    """What the driver choked on: a text that is not in the character set, a DATE before the year 1. Free of the value."""
    return error.reason if isinstance(error, UnicodeDecodeError) else str(error)
