"""A control port: JSON over HTTP on loopback, so that another process can script the stand-in.

| Request | Does |
|---|---|
| GET /state | where it listens, counts, sessions, open transactions, SCN, clock, planned faults |
| GET /statements?matching=...&user=... | the remembered executions, oldest first |
| POST /faults {fields of Fault} | plan a fault |
| DELETE /faults | forget all planned faults |
| POST /clock {"offset": s} or {"advance": s} or {"now": iso} or {"freeze": iso or null} | set the database's clock |
| POST /listener {"running": bool} | start or stop listening on the same port |
| POST /sessions/kill {"user": name} | cut connections (all without a name) |
| POST /accounts {"name", "locked", "expired", "password"} | change an account |
| POST /settings {"lock_timeout", "undo_floor", "system_zone"} | change how the database behaves |
| POST /identity {"name", "unique_name", "role", ...} | change what the database says it is |
| POST /refresh {"owner", "name"} | refresh a materialised view |
| POST /policy {"owner", "name", "condition"} | hide a table's or view's other rows from all but SYS; no condition: none |
| POST /instances {"number", "ahead": s} | one more instance of the cluster; answers with its DSN |
| POST /script {"sql", "user"} | run statements, then commit |
| POST /reset | set the counts to zero |

Answers are JSON; a request that cannot be done is answered 400 with {"error": why}.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.standins.oracle.errors import OraError
from tests.standins.oracle.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.oracle.listener import OracleStandin

HOST = "127.0.0.1"  # never any other: it has no password

Json = dict[str, Any]


class Control:
    """What the requests do. Pure of HTTP, so that it can be called as it is."""

    def __init__(self, standin: OracleStandin) -> None:
        self.standin = standin
        self.routes: dict[tuple[str, str], Callable[[Json], Any]] = {
            ("GET", "/state"): lambda _: self.state(),
            ("GET", "/statements"): self._statements,
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): lambda _: standin.faults.clear(),
            ("POST", "/clock"): self._clock,
            ("POST", "/listener"): self._listener,
            ("POST", "/sessions/kill"): lambda body: {"killed": standin.kill_sessions(body.get("user", ""))},
            ("POST", "/accounts"): self._account,
            ("POST", "/settings"): lambda body: self._change(standin.database.settings, body),
            ("POST", "/identity"): lambda body: self._change(standin.database.identity, body),
            ("POST", "/refresh"): lambda body: standin.database.refresh(body["owner"].upper(), body["name"].upper()),
            ("POST", "/policy"): lambda body: standin.database.catalog.protect(
                body["owner"].upper(), body["name"].upper(), body.get("condition", "")
            ),
            ("POST", "/instances"): lambda body: {
                "dsn": standin.add_instance(
                    int(body["number"]), ahead=dt.timedelta(seconds=float(body.get("ahead", 0)))
                )
            },
            ("POST", "/script"): lambda body: standin.database.run_script(body["sql"], body.get("user", "SYS").upper()),
            ("POST", "/reset"): lambda _: standin.activity.reset(),
        }

    def answer(self, method: str, path: str, body: Json) -> tuple[HTTPStatus, Any]:
        """Status and JSON value for a request."""
        route = self.routes.get((method, path))
        if route is None:
            return HTTPStatus.NOT_FOUND, {"error": f"{method} {path} is not known"}
        try:
            return HTTPStatus.OK, route(body) or {}
        except (OraError, KeyError, TypeError, ValueError) as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}

    def state(self) -> Json:
        standin, database = self.standin, self.standin.database
        return {
            "dsn": standin.dsn,
            "port": standin.port,
            "listening": standin.listening,
            **standin.activity.summary(),
            "sessions": [{"id": s.id, "user": s.user, **s.attributes} for s in list(standin.sessions)],
            "transactions": [
                {"id": t.id, "session": t.session, "start_scn": t.start_scn, "started": t.started.isoformat()}
                for t in database.ledger.transactions()
            ],
            "scn": database.ledger.scn,
            "now": database.clock.now().isoformat(),
            "clock_offset": database.clock.offset.total_seconds(),
            "faults": standin.faults.pending(),
            "settings": asdict(database.settings),
            "identity": asdict(database.identity),
        }

    def _statements(self, query: Json) -> list[Json]:
        found = self.standin.activity.executions(query.get("matching", ""), query.get("user", ""))
        return [{**asdict(e), "binds": [str(b) if b is not None else None for b in e.binds]} for e in found]

    def _add_fault(self, body: Json) -> None:
        self.standin.faults.add(Fault(**body))

    def _clock(self, body: Json) -> Json:
        clock = self.standin.clock
        for key, value in body.items():
            if key == "offset":
                clock.offset = dt.timedelta(seconds=float(value))
            elif key == "advance":
                clock.advance(dt.timedelta(seconds=float(value)))
            elif key == "now":
                clock.set(_moment(value))
            elif key == "freeze":
                clock.freeze(_moment(value) if value else None)
            else:
                raise ValueError(f"unknown field {key!r}")
        return {"now": clock.now().isoformat()}

    def _listener(self, body: Json) -> None:
        if body["running"]:
            self.standin.start_listener()
        else:
            self.standin.stop_listener()

    def _account(self, body: Json) -> None:
        account = self.standin.database.accounts.known(str(body["name"]).upper())
        self._change(account, {key: value for key, value in body.items() if key != "name"})
        if body.get("locked") is False:
            account.failed_in_a_row = 0

    @staticmethod
    def _change(target: object, fields: Json) -> None:
        unknown = [name for name in fields if not hasattr(target, name)]
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r}")
        for name, value in fields.items():
            setattr(target, name, value)


def _moment(text: str) -> dt.datetime:
    when = dt.datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a moment needs its offset, for example 2026-10-25T02:30:00+02:00")
    return when


class ControlServer:
    """Serves a Control on its own thread."""

    def __init__(self, control: Control, port: int = 0) -> None:
        self._server = ThreadingHTTPServer((HOST, port), _handler(control))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="oracle-control", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(control: Control) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            split = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            try:
                body = json.loads(self.rfile.read(size)) if size else {}
                if not isinstance(body, dict):
                    raise TypeError("the body must be a JSON object")  # noqa: TRY301 - answered just below
            except (TypeError, ValueError) as error:
                self._send(HTTPStatus.BAD_REQUEST, {"error": str(error)})
                return
            query = {key: found[-1] for key, found in parse_qs(split.query).items()}
            self._send(*control.answer(self.command, split.path, {**query, **body}))

        do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the names http.server calls

        def _send(self, status: HTTPStatus, value: Any) -> None:
            data = json.dumps(value, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing: the test's output is not the place."""

    return Handler
