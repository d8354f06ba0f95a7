"""A logged-on session's calls: execute, fetch, commit, rollback, with the faults planned for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

from tests.standins.oracle import answers, ttc, wire
from tests.standins.oracle.activity import Executed
from tests.standins.oracle.errors import OraError, usual_text
from tests.standins.oracle.requests import Bind, Call, Execute
from tests.standins.oracle.values import rowid_text

if TYPE_CHECKING:
    from tests.standins.oracle.engine import EngineSession, Result
    from tests.standins.oracle.faults import Point
    from tests.standins.oracle.listener import OracleStandin
    from tests.standins.oracle.values import Column

T = TypeVar("T")


@dataclass(slots=True)
class OpenCursor:
    """A server-side cursor: the statement, its binds and the rows not yet sent."""

    id: int
    sql: str
    binds: list[Bind] = field(default_factory=list)
    columns: list[Column] | None = None
    rows: Iterator[bytes] = field(default_factory=lambda: iter(()))
    sent: int = 0


class Dropped(Exception):
    """The connection is to be closed now, after `last` has been sent."""

    def __init__(self, last: bytes = b"") -> None:
        self.last = last


class Calls:
    """Works on one engine session, one call at a time."""

    def __init__(self, standin: OracleStandin, number: int) -> None:
        self.standin, self.id = standin, number
        self.user = ""
        self.attributes: dict[str, str] = {}
        self.engine: EngineSession | None = None
        self.cursors: dict[int, OpenCursor] = {}
        self._cursor_ids = count(1)
        # One thread: an interrupted call ends before the next begins.
        self.worker = ThreadPoolExecutor(1, thread_name_prefix=f"session-{number}")

    async def in_worker(self, work: Callable[[], T]) -> T:
        """Run blocking work on the session's thread."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, work)

    @property
    def in_transaction(self) -> bool:
        return bool(self.engine and self.engine.in_transaction)

    def packets(self, message: bytes) -> bytes:
        """A message cut into packets."""
        return wire.data_packets(message, self.standin.sdu, end_of_response=False)

    def end(
        self, cursor_id: int = 0, *, rowcount: int = 0, rowid: str | None = None, error: OraError | None = None
    ) -> bytes:
        """The message that ends every answer."""
        rowcount = error.rowcount if error and error.rowcount else rowcount
        return answers.end(cursor_id, in_transaction=self.in_transaction, rowcount=rowcount, rowid=rowid, error=error)

    def cursor(self, cursor_id: int) -> OpenCursor:
        """An open cursor, or ORA-01001."""
        if cursor := self.cursors.get(cursor_id):
            return cursor
        raise OraError(1001, "invalid cursor")

    async def simple(self, engine: EngineSession, request: Call) -> bytes:
        """Commit, rollback, ping or log off."""
        if request.code == ttc.F_COMMIT:
            await self._commit(engine)
        elif request.code == ttc.F_ROLLBACK:
            await self.fault("rollback")
            await self.in_worker(engine.rollback)
            self.standin.activity.ended(committed=False)
        elif request.code == ttc.F_PING:
            await self.fault("ping")
        return answers.status(in_transaction=self.in_transaction)

    async def _commit(self, engine: EngineSession) -> None:
        await self.fault("commit")
        await self.in_worker(engine.commit)
        self.standin.activity.ended(committed=True)
        await self.fault("commit", after=True)

    def opened(self, request: Execute) -> OpenCursor:
        """The cursor a request is about, a new one for a new text."""
        if request.sql:
            cursor = OpenCursor(next(self._cursor_ids), request.sql)
            self.cursors[cursor.id] = cursor
        else:
            cursor = self.cursor(request.cursor_id)
        if request.binds:
            cursor.binds = request.binds
        return cursor

    async def execute(self, engine: EngineSession, cursor: OpenCursor, request: Execute) -> bytes:
        """Run a statement, or describe it; queries answer with their first rows."""
        rows = request.rows or [[]]
        types = tuple(bind.type for bind in cursor.binds)
        if request.sql:
            await self.fault("parse", cursor.sql)
        self._record(cursor.sql, rows)
        keep = await self.fault("execute", cursor.sql)
        if request.options & ttc.OPT_EXECUTE:
            result: Result = await self.in_worker(lambda: engine.execute(cursor.sql, rows, types))
        else:
            result = await self.in_worker(lambda: engine.describe(cursor.sql, types))
        if request.options & ttc.OPT_COMMIT:
            await self._commit(engine)
        await self.fault("execute", cursor.sql, after=True)
        if result.columns is None:
            return self.end(cursor.id, rowcount=result.rowcount, rowid=_rowid(result.lastrowid))
        cursor.rows = answers.encode_rows(result.columns, result.rows, result.zoned)
        cursor.sent = 0
        # Columns that changed since the last execution are described again: the driver learns of an altered table.
        describe = bool(request.sql) or result.columns != cursor.columns
        cursor.columns = result.columns
        head = answers.describe(result.columns) if describe else b""
        if not request.fetch_rows:
            return head + self.end(cursor.id)
        return self._cut(keep, head + await self.in_worker(lambda: self._next_rows(cursor, request.fetch_rows)))

    async def fetch(self, cursor: OpenCursor, rows: int) -> bytes:
        """More rows."""
        self.standin.activity.fetched()
        keep = await self.fault("fetch", cursor.sql)
        return self._cut(keep, await self.in_worker(lambda: self._next_rows(cursor, rows)))

    def _next_rows(self, cursor: OpenCursor, limit: int) -> bytes:
        rows = list(islice(cursor.rows, limit))
        cursor.sent += len(rows)
        done = OraError(ttc.NO_DATA_FOUND, "no data found") if len(rows) < limit else None
        return b"".join((answers.row_header(), *rows, self.end(cursor.id, rowcount=cursor.sent, error=done)))

    def _record(self, sql: str, rows: list[list[Any]]) -> None:
        named = {key: self.attributes.get(key, "") for key in ("module", "action", "client_identifier")}
        self.standin.activity.executed(
            Executed(session=self.id, user=self.user, sql=sql, rows=len(rows), binds=tuple(rows[0]), **named)
        )

    # --- faults ----------------------------------------------------------------

    async def fault(self, point: Point, sql: str = "", *, after: bool = False) -> int | None:
        """Act on the planned faults; returns how many bytes of the answer to let through, if limited."""
        keep = None
        for fault in self.standin.faults.take(point, sql, self.user, after=after):
            if fault.delay:
                await asyncio.sleep(fault.delay)
            if fault.ora:
                raise OraError(fault.ora, fault.message or usual_text(fault.ora))
            if fault.drop:
                raise Dropped
            keep = fault.drop_after_bytes
        return keep

    def _cut(self, keep: int | None, message: bytes) -> bytes:
        if keep is None:
            return message
        raise Dropped(self.packets(message)[:keep])


def _rowid(row: tuple[int, int] | None) -> str | None:
    return rowid_text(*row) if row else None
