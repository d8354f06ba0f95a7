"""One client connection, from CONNECT to close."""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.standins.oracle import answers, ttc, wire
from tests.standins.oracle.auth import LoginExchange
from tests.standins.oracle.calls import Calls, Dropped
from tests.standins.oracle.errors import SESSION_ENDING, STANDIN_FAILURE, OraError, usual_text
from tests.standins.oracle.requests import Bind, Execute, Fetch, Hello, Logon, Piggybacks, Request, decode
from tests.standins.oracle.wire import NeedMoreData, Reader

if TYPE_CHECKING:
    from tests.standins.oracle.listener import OracleStandin

log = logging.getLogger(__name__)
Work = Callable[[], Coroutine[Any, Any, bytes]]  # answers one request

IDLE = 0.02  # seconds after a full packet before the request is taken to be complete


class Session:
    """Reads requests, answers them one at a time, and listens for breaks meanwhile."""

    def __init__(
        self, standin: OracleStandin, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.standin, self.id = standin, number
        self.calls = Calls(standin, number)
        self._in, self._out = reader, writer
        self._large = False  # 32-bit packet lengths, from ACCEPT on
        self._partial = bytearray()  # a request still arriving
        self._login: LoginExchange | None = None
        self._call: asyncio.Task[bytes] | None = None
        self._instance = ""  # which the client asked for; empty: any

    # --- packets ---------------------------------------------------------------

    @property
    def user(self) -> str:
        """Who logged on, or tried to."""
        return self.calls.user

    @property
    def attributes(self) -> dict[str, str]:
        """Module, action and the like, as the client has set them."""
        return self.calls.attributes

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
            if self.calls.engine:
                self.calls.engine.interrupt()
                await self.calls.in_worker(self.calls.engine.close)
            self.calls.worker.shutdown(wait=False)
            self._out.close()

    async def _read_packet(self) -> tuple[int, bytes]:
        head = await self._in.readexactly(wire.HEADER)
        size = int.from_bytes(head[:4] if self._large else head[:2], "big")
        return head[4], await self._in.readexactly(size - wire.HEADER)

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
        place = re.search(rb"INSTANCE_NAME\s*=\s*([^)\s]+)", descriptor, re.IGNORECASE)
        self._instance = place[1].decode() if place else ""
        try:
            await self.calls.fault("connect")
            names = {i.name.upper() for i in self.standin.database.instances.values()}
            if service.upper() not in self.standin.services:
                raise OraError(12514, usual_text(12514))  # noqa: TRY301 - the one way out of here
            if self._instance and self._instance.upper() not in names:
                raise OraError(12521, usual_text(12521))  # noqa: TRY301
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
                    self._out.write(self.calls.packets(call.result()))
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
        return self.calls.cursor(cursor_id).binds

    async def _marker(self, kind: int) -> None:
        """A break: stop the call, then answer the client's reset with ORA-01013."""
        if kind == wire.MARKER_RESET:
            self._send_marker(wire.MARKER_RESET)
            self._out.write(self.calls.packets(self.calls.end(error=OraError(1013, usual_text(1013)))))
            return
        if self._call:
            if self.calls.engine:
                self.calls.engine.interrupt()
            self._call.cancel()
            await asyncio.wait({self._call})
            self._call = None
            await self.calls.in_worker(lambda: None)  # until the interrupted statement has ended
            if self.calls.engine:
                self.calls.engine.resume()
        self._partial = bytearray()
        self._send_marker(wire.MARKER_BREAK)

    # --- answering -------------------------------------------------------------

    async def _refuse(self, error: OraError) -> bytes:
        return self.calls.end(error=error)

    async def _answer(self, ahead: Piggybacks, request: Request) -> bytes:
        """The answer to one request; an ORA error becomes an error message."""
        for cursor_id in ahead.closed_cursors:
            self.calls.cursors.pop(cursor_id, None)
        self.calls.attributes |= ahead.attributes
        cursor_id = 0
        try:
            if self.calls.engine:
                self.calls.engine.attributes = self.calls.attributes
                if ahead.schema is not None:
                    self.calls.engine.set_schema(ahead.schema)
            if isinstance(request, Hello):
                return answers.protocol() if request.kind == ttc.PROTOCOL else answers.data_types()
            if isinstance(request, Logon):
                return await (self._challenge(request) if request.phase == 1 else self._log_on(request))
            if self.calls.engine is None:
                raise OraError(1012, "not logged on")  # noqa: TRY301 - the one way out of here
            if isinstance(request, Execute):
                cursor = self.calls.opened(request)
                cursor_id = cursor.id
                return await self.calls.execute(self.calls.engine, cursor, request)
            if isinstance(request, Fetch):
                return await self.calls.fetch(self.calls.cursor(request.cursor_id), request.rows)
            return await self.calls.simple(self.calls.engine, request)
        except OraError as error:
            message = self.calls.end(cursor_id, error=error)
            if error.code in SESSION_ENDING:
                raise Dropped(self.calls.packets(message)) from error
            return message
        except (Dropped, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("session %d: internal error", self.id)
            return self.calls.end(error=OraError(STANDIN_FAILURE, f"stand-in failure: {error!r}"))

    async def _challenge(self, request: Logon) -> bytes:
        self.calls.user = request.user.strip('"').upper()
        account = self.standin.database.accounts.find(self.calls.user)
        # An unknown user gets a challenge as well, and fails phase two like a bad password.
        self._login = LoginExchange(account.password if account else "\0no such user")
        return answers.parameters(self._login.challenge()) + answers.status(in_transaction=False)

    async def _log_on(self, request: Logon) -> bytes:
        database = self.standin.database
        proof = self._login.verify(request.pairs) if self._login else None
        try:
            await self.calls.fault("logon")
            may_connect = database.catalog.has_system(self.calls.user, "CREATE SESSION")
            database.accounts.logged_on(self.calls.user, proved=proof is not None, may_connect=may_connect)
        except OraError:
            self.standin.activity.logged_on(self.calls.user, granted=False)
            raise
        assert proof
        self.calls.engine = database.session(self.calls.user, self.id, self._instance)
        if zone := request.pairs.get("AUTH_ALTER_SESSION"):
            self.calls.engine.execute(zone.rstrip("\0"), [[]])
        self.standin.activity.logged_on(self.calls.user, granted=True)
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
            "AUTH_INSTANCENAME": self.calls.engine.instance.name,
        }
        return answers.parameters([(key, text, 0) for key, text in pairs.items()]) + answers.status(
            in_transaction=False
        )
