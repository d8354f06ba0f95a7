"""One client connection, from CONNECT to close."""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from tests.standins.oracle import answers, ttc, wire
from tests.standins.oracle.activity import Executed
from tests.standins.oracle.auth import LoginExchange
from tests.standins.oracle.errors import SESSION_ENDING, STANDIN_FAILURE, OraError, usual_text
from tests.standins.oracle.requests import Bind, Call, Execute, Fetch, Hello, Logon, Piggybacks, Request, decode
from tests.standins.oracle.values import rowid_text
from tests.standins.oracle.wire import NeedMoreData, Reader

if TYPE_CHECKING:
    from tests.standins.oracle.engine import EngineSession, Result
    from tests.standins.oracle.faults import Point
    from tests.standins.oracle.listener import OracleStandin
    from tests.standins.oracle.values import Column

log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, bytes]]  # answers one request

IDLE = 0.02  # seconds after a full packet before the request is taken to be complete


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


class Session:
    """Reads requests, answers them one at a time, and listens for breaks meanwhile."""

    def __init__(
        self, standin: OracleStandin, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.standin, self.id = standin, number
        self.user = ""
        self.attributes: dict[str, str] = {}
        self._in, self._out = reader, writer
        self._large = False  # 32-bit packet lengths, from ACCEPT on
        self._partial = bytearray()  # a request still arriving
        self._cursors: dict[int, OpenCursor] = {}
        self._cursor_ids = count(1)
        self._login: LoginExchange | None = None
        self._engine: EngineSession | None = None
        self._call: asyncio.Task[bytes] | None = None
        # One thread: an interrupted call ends before the next begins.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"session-{number}")

    # --- packets ---------------------------------------------------------------

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._out.transport.abort()

    async def run(self) -> None:
        """The whole conversation."""
        try:
            if await self._handshake():
                await self._converse()
        except (asyncio.IncompleteReadError, ConnectionError):
            log.debug("session %d: the client went away", self.id)
        except Dropped as drop:
            self._out.write(drop.last)
        except Exception:
            log.exception("session %d failed", self.id)
        finally:
            if self._call:
                self._call.cancel()
            if self._engine:
                self._engine.interrupt()
                await self._in_worker(self._engine.close)
            self._worker.shutdown(wait=False)
            self._out.close()

    async def _read_packet(self) -> tuple[int, bytes]:
        head = await self._in.readexactly(wire.HEADER)
        size = int.from_bytes(head[:4] if self._large else head[:2], "big")
        return head[4], await self._in.readexactly(size - wire.HEADER)

    def _packets(self, message: bytes) -> bytes:
        return wire.data_packets(message, self.standin.sdu, end_of_response=False)

    def _send_marker(self, kind: int) -> None:
        self._out.write(wire.packet(wire.MARKER, bytes((1, 0, kind)), large=True))

    async def _handshake(self) -> bool:
        """CONNECT in, ACCEPT or REFUSE out."""
        kind, body = await self._read_packet()
        if kind != wire.CONNECT:
            return False
        length, offset = struct.unpack(">HH", body[16:20])
        descriptor = body[offset - wire.HEADER :]
        while len(descriptor) < length:  # over 230 bytes it follows in a DATA packet
            _, more = await self._read_packet()
            descriptor += more[2:]
        wanted = re.search(rb"SERVICE_NAME\s*=\s*([^)\s]+)", descriptor, re.IGNORECASE)
        service = wanted[1].decode() if wanted else ""
        try:
            await self._fault("connect")
            if service.upper() not in self.standin.services:
                raise OraError(12514, usual_text(12514))  # noqa: TRY301 - the one way out of here
        except OraError as error:
            self._out.write(answers.refuse(error.code))
            await self._out.drain()
            return False
        self._out.write(answers.accept(self.standin.sdu))
        self._large = True
        return True

    async def _converse(self) -> None:
        """Requests until the client logs off. A call runs as a task so that a break
        (a MARKER packet) can interrupt it.
        """
        packet = asyncio.ensure_future(self._read_packet())
        try:
            while True:
                waiting = {packet, self._call} if self._call else {packet}
                # A full packet is most likely continued; one that is not may still end a request.
                idle = IDLE if self._partial and not self._call else None
                done, _ = await asyncio.wait(waiting, timeout=idle, return_when=asyncio.FIRST_COMPLETED)
                if self._call in done:
                    call, self._call = self._call, None
                    self._out.write(self._packets(call.result()))
                    await self._out.drain()
                elif packet in done:
                    kind, body = packet.result()
                    if kind == wire.MARKER:
                        await self._marker(body[2])
                    elif int.from_bytes(body[:2], "big") == wire.DATA_FLAG_EOF:
                        return
                    else:
                        self._partial += body[2:]
                        if len(body) + wire.HEADER < self.standin.sdu:
                            self._start_call()
                    packet = asyncio.ensure_future(self._read_packet())
                else:
                    self._start_call()
        finally:
            packet.cancel()

    def _start_call(self) -> None:
        """Decode what has arrived and start working on it, unless it is incomplete."""
        try:
            ahead, request = decode(Reader(self._partial), self._binds_of)
        except NeedMoreData:
            return
        except OraError as error:
            work: Work = partial(self._refuse, error)
        except ValueError as error:
            log.exception("session %d sent a request that is not understood", self.id)
            work = partial(self._refuse, OraError(3115, f"unsupported network datatype or representation: {error}"))
        else:
            work = partial(self._answer, ahead, request)
        self._partial = bytearray()
        self._call = asyncio.ensure_future(work())

    def _binds_of(self, cursor_id: int) -> list[Bind]:
        return self._cursor(cursor_id).binds

    def _cursor(self, cursor_id: int) -> OpenCursor:
        if cursor := self._cursors.get(cursor_id):
            return cursor
        raise OraError(1001, "invalid cursor")

    async def _marker(self, kind: int) -> None:
        """A break: stop the call, then answer the client's reset with ORA-01013."""
        if kind == wire.MARKER_RESET:
            self._send_marker(wire.MARKER_RESET)
            self._out.write(self._packets(self._end(error=OraError(1013, usual_text(1013)))))
            return
        if self._call:
            if self._engine:
                self._engine.interrupt()
            self._call.cancel()
            await asyncio.wait({self._call})
            self._call = None
            await self._in_worker(lambda: None)  # until the interrupted statement has ended
            if self._engine:
                self._engine.resume()
        self._partial = bytearray()
        self._send_marker(wire.MARKER_BREAK)

    # --- answering -------------------------------------------------------------

    async def _refuse(self, error: OraError) -> bytes:
        return self._end(error=error)

    async def _answer(self, ahead: Piggybacks, request: Request) -> bytes:
        """The answer to one request; an ORA error becomes an error message."""
        for cursor_id in ahead.closed_cursors:
            self._cursors.pop(cursor_id, None)
        self.attributes |= ahead.attributes
        cursor_id = 0
        try:
            if self._engine:
                self._engine.attributes = self.attributes
                if ahead.schema is not None:
                    self._engine.set_schema(ahead.schema)
            if isinstance(request, Hello):
                return answers.protocol() if request.kind == ttc.PROTOCOL else answers.data_types()
            if isinstance(request, Logon):
                return await (self._challenge(request) if request.phase == 1 else self._log_on(request))
            if self._engine is None:
                raise OraError(1012, "not logged on")  # noqa: TRY301 - the one way out of here
            if isinstance(request, Execute):
                cursor = self._opened(request)
                cursor_id = cursor.id
                return await self._execute(self._engine, cursor, request)
            if isinstance(request, Fetch):
                return await self._fetch(self._cursor(request.cursor_id), request.rows)
            return await self._simple(self._engine, request)
        except OraError as error:
            message = self._end(cursor_id, error=error)
            if error.code in SESSION_ENDING:
                raise Dropped(self._packets(message)) from error
            return message
        except (Dropped, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("session %d: internal error", self.id)
            return self._end(error=OraError(STANDIN_FAILURE, f"stand-in failure: {error!r}"))

    def _end(
        self, cursor_id: int = 0, *, rowcount: int = 0, rowid: str | None = None, error: OraError | None = None
    ) -> bytes:
        return answers.end(cursor_id, in_transaction=self._in_transaction, rowcount=rowcount, rowid=rowid, error=error)

    @property
    def _in_transaction(self) -> bool:
        return bool(self._engine and self._engine.in_transaction)

    async def _in_worker(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def _challenge(self, request: Logon) -> bytes:
        self.user = request.user.strip('"').upper()
        account = self.standin.database.accounts.find(self.user)
        # An unknown user gets a challenge as well, and fails phase two like a bad password.
        self._login = LoginExchange(account.password if account else "\0no such user")
        return answers.parameters(self._login.challenge()) + answers.status(in_transaction=False)

    async def _log_on(self, request: Logon) -> bytes:
        database = self.standin.database
        proof = self._login.verify(request.pairs) if self._login else None
        try:
            await self._fault("logon")
            may_connect = database.catalog.has_system(self.user, "CREATE SESSION")
            database.accounts.logged_on(self.user, proved=proof is not None, may_connect=may_connect)
        except OraError:
            self.standin.activity.logged_on(self.user, granted=False)
            raise
        assert proof
        self._engine = database.session(self.user, self.id)
        if zone := request.pairs.get("AUTH_ALTER_SESSION"):
            self._engine.execute(zone.rstrip("\0"), [[]])
        self.standin.activity.logged_on(self.user, granted=True)
        service = self.standin.services[0]
        pairs = {
            "AUTH_SVR_RESPONSE": proof,
            "AUTH_VERSION_NO": str(ttc.SERVER_VERSION),
            "AUTH_SESSION_ID": str(self.id),
            "AUTH_SERIAL_NUM": "1",
            "AUTH_MAX_OPEN_CURSORS": "300",
            "AUTH_MAX_IDEN_LENGTH": "128",
            "AUTH_SC_SERVICE_NAME": service,
            "AUTH_SC_DBUNIQUE_NAME": database.identity.unique_name,
            "AUTH_INSTANCENAME": database.identity.instance_name,
        }
        return answers.parameters([(key, text, 0) for key, text in pairs.items()]) + answers.status(
            in_transaction=False
        )

    async def _simple(self, engine: EngineSession, request: Call) -> bytes:
        if request.code == ttc.F_COMMIT:
            await self._commit(engine)
        elif request.code == ttc.F_ROLLBACK:
            await self._fault("rollback")
            await self._in_worker(engine.rollback)
            self.standin.activity.ended(committed=False)
        elif request.code == ttc.F_PING:
            await self._fault("ping")
        return answers.status(in_transaction=self._in_transaction)

    async def _commit(self, engine: EngineSession) -> None:
        await self._fault("commit")
        await self._in_worker(engine.commit)
        self.standin.activity.ended(committed=True)
        await self._fault("commit", after=True)

    def _opened(self, request: Execute) -> OpenCursor:
        if request.sql:
            cursor = OpenCursor(next(self._cursor_ids), request.sql)
            self._cursors[cursor.id] = cursor
        else:
            cursor = self._cursor(request.cursor_id)
        if request.binds:
            cursor.binds = request.binds
        return cursor

    async def _execute(self, engine: EngineSession, cursor: OpenCursor, request: Execute) -> bytes:
        rows = request.rows or [[]]
        types = tuple(bind.type for bind in cursor.binds)
        if request.sql:
            await self._fault("parse", cursor.sql)
        self._record(cursor.sql, rows)
        keep = await self._fault("execute", cursor.sql)
        if request.options & ttc.OPT_EXECUTE:
            result: Result = await self._in_worker(lambda: engine.execute(cursor.sql, rows, types))
        else:
            result = await self._in_worker(lambda: engine.describe(cursor.sql, types))
        if request.options & ttc.OPT_COMMIT:
            await self._commit(engine)
        await self._fault("execute", cursor.sql, after=True)
        if result.columns is None:
            return self._end(cursor.id, rowcount=result.rowcount, rowid=_rowid(result.lastrowid))
        cursor.rows = answers.encode_rows(result.columns, result.rows, result.zoned)
        cursor.sent = 0
        # Columns that changed since the last execution are described again: the driver learns of an altered table.
        describe = bool(request.sql) or result.columns != cursor.columns
        cursor.columns = result.columns
        head = answers.describe(result.columns) if describe else b""
        if not request.fetch_rows:
            return head + self._end(cursor.id)
        return self._cut(keep, head + await self._in_worker(lambda: self._next_rows(cursor, request.fetch_rows)))

    async def _fetch(self, cursor: OpenCursor, rows: int) -> bytes:
        self.standin.activity.fetched()
        keep = await self._fault("fetch", cursor.sql)
        return self._cut(keep, await self._in_worker(lambda: self._next_rows(cursor, rows)))

    def _next_rows(self, cursor: OpenCursor, limit: int) -> bytes:
        out = [answers.row_header()]
        for row in cursor.rows:
            out.append(row)
            if len(out) > limit:
                break
        cursor.sent += len(out) - 1
        done = OraError(ttc.NO_DATA_FOUND, "no data found") if len(out) <= limit else None
        out.append(self._end(cursor.id, rowcount=cursor.sent, error=done))
        return b"".join(out)

    def _record(self, sql: str, rows: list[list[Any]]) -> None:
        named = {key: self.attributes.get(key, "") for key in ("module", "action", "client_identifier")}
        self.standin.activity.executed(
            Executed(session=self.id, user=self.user, sql=sql, rows=len(rows), binds=tuple(rows[0]), **named)
        )

    # --- faults ----------------------------------------------------------------

    async def _fault(self, point: Point, sql: str = "", *, after: bool = False) -> int | None:
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
        raise Dropped(self._packets(message)[:keep])


def _rowid(row: tuple[int, int] | None) -> str | None:
    return rowid_text(*row) if row else None
