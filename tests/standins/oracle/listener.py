"""The stand-in as a whole: a listener on its own thread before one database."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Coroutine, Mapping, Sequence
from itertools import count
from typing import Any, Self

from tests.standins.oracle.activity import Activity
from tests.standins.oracle.clock import Clock
from tests.standins.oracle.control import Control, ControlServer
from tests.standins.oracle.database import Database, Identity, Settings
from tests.standins.oracle.faults import FaultPlan
from tests.standins.oracle.session import Session
from tests.standins.oracle.switching import hurry, relax

DEFAULT_USERS = {"APP": "app"}
DEFAULT_SERVICE = "FREEPDB1"
START_TIMEOUT = 30.0  # seconds until the listener must be up, or down


class OracleStandin:
    """A server the python-oracledb thin driver takes for Oracle 19c.

    `with OracleStandin() as standin: oracledb.connect(user="app", password="app", dsn=standin.dsn)`

    `users` are created with every privilege; ones with fewer come from CREATE USER and GRANT
    in `init`, a script run as SYS before the listener starts. `lock_timeout` and `system_zone`
    are explained in Settings, `control_port` (0: a free one) in control.py. All methods may be
    called from any thread.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        users: Mapping[str, str] = DEFAULT_USERS,
        services: Sequence[str] = (DEFAULT_SERVICE,),
        sdu: int = 8192,
        init: str = "",
        control_port: int | None = None,
        clock: Clock | None = None,
        lock_timeout: float | None = 30.0,
        system_zone: str = "UTC",
    ) -> None:
        self.host, self.port, self.sdu = host, port, sdu
        self.services = tuple(service.upper() for service in services)
        settings = Settings(lock_timeout=lock_timeout, system_zone=system_zone)
        self.database = Database(clock=clock, settings=settings, identity=Identity(service_name=self.services[0]))
        self.faults = FaultPlan()
        self.activity = Activity()
        self.sessions: set[Session] = set()
        for name, password in users.items():
            self.database.add_user(name.upper(), password, dba=True)
        if init:
            self.database.run_script(init)
        self._control = None if control_port is None else ControlServer(Control(self), control_port)
        self._ids = count(1)
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="oracle-standin", daemon=True)

    @property
    def dsn(self) -> str:
        """Easy Connect string of the first service."""
        return f"{self.host}:{self.port}/{self.services[0]}"

    def add_instance(self, number: int, *, ahead: dt.timedelta = dt.timedelta()) -> str:
        """One more instance of a cluster, its host's clock so far ahead; returns the DSN of connections to it."""
        instance = self.database.add_instance(number, ahead=ahead)
        return (
            f"(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST={self.host})(PORT={self.port}))"
            f"(CONNECT_DATA=(SERVICE_NAME={self.services[0]})(INSTANCE_NAME={instance.name})))"
        )

    @property
    def control_url(self) -> str:
        """Where the control port answers; empty without one."""
        return self._control.url if self._control else ""

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    @property
    def clock(self) -> Clock:
        """What SYSDATE and SYSTIMESTAMP say."""
        return self.database.clock

    def start(self) -> Self:
        """Listen; returns when connections are accepted."""
        hurry()
        self._thread.start()
        self.start_listener()
        if self._control:
            self._control.start()
        return self

    def stop(self) -> None:
        """Cut all connections, roll their transactions back, stop listening."""
        if self._control:
            self._control.stop()
        self.stop_listener()
        self._wait(self._end_sessions())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT)
        self.database.close()
        relax()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_listener(self) -> None:
        """Accept connections (again, on the same port)."""
        self._wait(self._listen())

    def stop_listener(self) -> None:
        """Refuse new connections as a host without listener does; open ones go on."""
        self._wait(self._unlisten())

    def kill_sessions(self, user: str = "") -> int:
        """Cut every connection (of one user), as an instance crash would; says how many."""
        doomed = [s for s in list(self.sessions) if not user or s.user == user.upper()]
        for session in doomed:
            self._loop.call_soon_threadsafe(session.abort)
        return len(doomed)

    def now(self) -> dt.datetime:
        """The database's present instant, in UTC."""
        return self.clock.now()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _end_sessions(self) -> None:
        while self.sessions:  # each rolls back
            for session in list(self.sessions):
                session.abort()
            await asyncio.sleep(0.01)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.activity.connected()
        session = Session(self, next(self._ids), reader, writer)
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
