"""Things that go wrong on purpose, for a number of calls of a function."""

import threading
from dataclasses import dataclass
from enum import StrEnum

from tests.standins.moodle import web
from tests.standins.moodle.errors import MoodleError
from tests.standins.moodle.output import error_text
from tests.standins.moodle.web import Response


class Kind(StrEnum):
    """What happens to a call."""

    DELAY = "delay"
    """The call is worked on ``seconds`` later."""
    DROP_BEFORE = "drop_before"
    """The connection is cut; the call is never worked on."""
    DROP_AFTER = "drop_after"
    """The call is carried out and committed; the connection is cut instead of an answer."""
    TRUNCATE = "truncate"
    """Committed; the connection is cut in the middle of the answer."""
    GATEWAY_TIMEOUT = "gateway_timeout"
    """504 at once; the call is committed ``seconds`` later."""
    STATUS = "status"
    """Answered with HTTP ``status`` (500 empty, others a page of the web server); never worked on."""
    EXCEPTION = "exception"
    """Answered with a Moodle exception of ``errorcode``; never worked on."""


@dataclass(slots=True)
class Fault:
    kind: Kind
    function: str | None = None
    """Only calls of this function; ``None``: all."""
    skip: int = 0
    """This many calls go well first."""
    count: int | None = 1
    """How many calls are hit; ``None``: all from then on."""
    seconds: float = 0.0
    status: int = 502
    errorcode: str = "dmlwriteexception"


class ConnectionCut(Exception):
    """The connection is to be closed in the middle of *response*, or with nothing said."""

    def __init__(self, response: Response | None = None) -> None:
        super().__init__("connection cut")
        self.response = response


_EXCEPTIONS = {
    "dmlwriteexception": ("dml_write_exception", "Error writing to database"),
    "dmlreadexception": ("dml_read_exception", "Error reading from database"),
    "dbconnectionfailed": ("dml_connection_exception", "Error: Database connection failed"),
    "sitemaintenance": (
        "core\\exception\\moodle_exception",
        "The site is undergoing maintenance and is currently not available",
    ),
    "invalidtoken": ("core\\exception\\moodle_exception", "Invalid token - token not found"),
    "accessexception": ("webservice_access_exception", "Access control exception"),
}
_REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 429: "Too Many Requests"}


class Faults:
    """The faults that are set, in the order they were set; each call meets at most one."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, function: str) -> Fault | None:
        """The fault that a call of *function* meets now."""
        with self._lock:
            for fault in self._faults:
                if fault.function not in {None, function}:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._faults.remove(fault)
                return fault
        return None


def faulty_answer(fault: Fault) -> Response:
    """The answer of a fault that keeps the call from being worked on."""
    if fault.kind is Kind.EXCEPTION:
        exception, message = _EXCEPTIONS.get(
            fault.errorcode, ("core\\exception\\moodle_exception", f"error/{fault.errorcode}")
        )
        text = error_text("json", MoodleError(exception, fault.errorcode, message), debugging=False)
        return Response(200, "OK", web.moodle_headers("json"), text.encode())
    reason = _REASONS.get(fault.status, "Error")
    if fault.status == 500:
        return Response(500, reason, (("Content-Type", "text/html; charset=UTF-8"),))
    return web.nginx_page(fault.status, reason)
