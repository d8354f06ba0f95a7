"""The HTTP side: connections, and the stand-in as something that can be started and stopped."""

import contextlib
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias

from tests.standins.moodle.control import CONTROL_PATH, Control
from tests.standins.moodle.faults import ConnectionCut, Faults
from tests.standins.moodle.latency import INSTANT, CostModel, Workers
from tests.standins.moodle.service import Service
from tests.standins.moodle.site import Site
from tests.standins.moodle.web import ENDPOINT, Request, Response, ServerProfile, nginx_page

Dispatch: TypeAlias = Callable[[Request], Response]

log = logging.getLogger(__name__)
_LONGEST_LINE = 1 << 20


class MoodleStandin:
    """A Moodle on a port of this machine.

    As a context manager it listens from entry to exit. ``stop`` and ``start`` make an outage: connections are refused
    in between, the site keeps its data and the port. The control endpoint answers on the same port, and during an
    outage on ``control_url``.
    """

    def __init__(
        self,
        site: Site,
        port: int = 0,
        *,
        latency: CostModel = INSTANT,
        profile: ServerProfile | None = None,
        workers: Workers | None = None,
        control_port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.site = site
        self.service = Service(site, profile, latency, workers)
        self.control = Control(self.service, self)
        self._host = host
        self._main = _Listener(host, port, self._dispatch)
        self._side = _Listener(host, control_port, self._dispatch_control)
        self._timer: threading.Timer | None = None

    @property
    def faults(self) -> Faults:
        return self.service.faults

    @property
    def url(self) -> str:
        """Address of the site; the endpoint is below it."""
        return f"http://{self._host}:{self._main.port}"

    @property
    def endpoint(self) -> str:
        return self.url + ENDPOINT

    @property
    def control_url(self) -> str:
        return f"http://{self._host}:{self._side.port}{CONTROL_PATH}"

    def token(self, caller: str = "full") -> str:
        return self.site.token(caller)

    def __enter__(self) -> Self:
        self._side.open()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._side.close()
        self.service.drain()

    def start(self) -> None:
        """Listen; nothing happens when it does already."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._main.open()

    def stop(self) -> None:
        """Refuse connections and drop those that are open."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._main.close()

    def close_door(self, seconds: float | None) -> None:
        self.stop()
        if seconds is not None:
            self._timer = threading.Timer(seconds, self.start)
            self._timer.daemon = True
            self._timer.start()

    def open_door(self) -> None:
        self.start()

    def _dispatch(self, request: Request) -> Response:
        if request.path == CONTROL_PATH:
            return self.control.handle(request)
        return self.service.handle(request)

    def _dispatch_control(self, request: Request) -> Response:
        if request.path == CONTROL_PATH:
            return self.control.handle(request)
        return nginx_page(404, "Not Found")


class _Listener:
    """A port that can be closed and opened again."""

    def __init__(self, host: str, port: int, dispatch: Dispatch) -> None:
        self._host = host
        self.port = port
        self._dispatch = dispatch
        self._server: _Server | None = None

    def open(self) -> None:
        if self._server is not None:
            return
        self._server = _Server((self._host, self.port), self._dispatch)
        self.port = self._server.server_address[1]
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()

    def close(self) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()
        server.drop_connections()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], dispatch: Dispatch) -> None:
        self.dispatch = dispatch
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Connection)

    def watch(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def drop_connections(self) -> None:
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _BadRequestError(Exception):
    """What came is not HTTP."""


class _Connection(socketserver.StreamRequestHandler):
    """One connection; requests are read by hand since the library's reader costs more than Moodle's work."""

    server: _Server
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        self.server.watch(self.connection)
        try:
            while self._exchange():
                pass
        except (ConnectionError, TimeoutError):
            log.debug("client has gone")
        finally:
            self.server.forget(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def _exchange(self) -> bool:
        """One request and its answer; whether the connection stays open."""
        try:
            read = self._read()
        except _BadRequestError:
            self._write(nginx_page(400, "Bad Request"), keep=False)
            return False
        if read is None:
            return False
        request, keep = read
        try:
            response = self.server.dispatch(request)
        except ConnectionCut as cut:
            if cut.response is not None:
                whole = _head(cut.response, keep=False) + cut.response.body
                self.wfile.write(whole[: len(whole) - len(cut.response.body) // 2 - 1])
                self.wfile.flush()
            return False
        self._write(response, keep=keep)
        return keep

    def _read(self) -> tuple[Request, bool] | None:
        line = self.rfile.readline(_LONGEST_LINE)
        if line in {b"\r\n", b"\n"}:
            line = self.rfile.readline(_LONGEST_LINE)
        if not line:
            return None
        words = line.split()
        if len(words) != 3:
            raise _BadRequestError
        headers = self._read_headers()
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        body = self._read_body(headers)
        path, _, query = words[1].partition(b"?")
        request = Request(
            words[0].decode("latin-1"),
            path.decode("latin-1"),
            query,
            body,
            headers.get("content-type", ""),
            headers.get("host", ""),
            self.client_address[0],
        )
        keep = headers.get("connection", "").lower() != "close" and words[2] != b"HTTP/1.0"
        return request, keep

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while True:
            line = self.rfile.readline(65536)
            if line in {b"\r\n", b"\n"}:
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise _BadRequestError
            headers[name.lower()] = value.strip()

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise _BadRequestError
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError
        return body

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            try:
                size = int(self.rfile.readline(1024).split(b";")[0], 16)
            except ValueError as error:
                raise _BadRequestError from error
            chunks.append(self.rfile.read(size))
            self.rfile.readline(1024)
            if not size:
                return b"".join(chunks)

    def _write(self, response: Response, *, keep: bool) -> None:
        self.wfile.write(_head(response, keep=keep) + response.body)
        self.wfile.flush()


def _head(response: Response, *, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {response.reason}", "Server: nginx"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Content-Length: {len(response.body)}", f"Connection: {'keep-alive' if keep else 'close'}", "", ""]
    return "\r\n".join(lines).encode("latin-1")
