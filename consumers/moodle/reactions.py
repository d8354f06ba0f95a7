"""The one table from what was seen to what is done about it.

Keys are Moodle's error codes, HTTP statuses, and the HTTP library's exceptions. Each has a class of error for reads and
one for writes: a read can always be repeated, a write only when it is certain that nothing was applied.

Decide by Moodle's ``errorcode`` first, whatever the status: nearly every failure of Moodle is a 200. What is not in the
table falls to the defaults at its end.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import httpx

from connector.runtime.messages import MoodleMessage
from consumers.moodle.errors import (
    Contended,
    Forbidden,
    Halted,
    MoodleError,
    OutcomeUnknown,
    Refused,
    TokenRejected,
    TooLarge,
    Unavailable,
)


class Reaction(NamedTuple):
    """How one thing that can be seen is taken."""

    reading: type[MoodleError]
    writing: type[MoodleError]
    kind: MoodleMessage


def _both(error: type[MoodleError], kind: MoodleMessage) -> Reaction:
    return Reaction(error, error, kind)


def _perhaps_applied(kind: MoodleMessage) -> Reaction:
    return Reaction(Unavailable, OutcomeUnknown, kind)


Seen = str | int | type[Exception]

SERVICE_USER = _both(Halted, MoodleMessage.SERVICE_USER_BROKEN)
NO_TOKEN = _both(TokenRejected, MoodleMessage.TOKEN_REFUSED)
WRONG_ADDRESS = _both(Halted, MoodleMessage.WRONG_ADDRESS)
LOGIN = _both(Halted, MoodleMessage.LOGIN_WANTED)
MISUSED = _both(Halted, MoodleMessage.MISUSED)
BLOCKED = _both(Forbidden, MoodleMessage.BLOCKED)
CERTIFICATE = _both(Halted, MoodleMessage.CERTIFICATE)
SERVICES_OFF = _both(Halted, MoodleMessage.SERVICES_OFF)
FORM_LOST = _both(Halted, MoodleMessage.FORM_LOST)
FORM_TOO_LARGE = _both(TooLarge, MoodleMessage.FORM_TOO_LARGE)
GARBLED = Reaction(Halted, OutcomeUnknown, MoodleMessage.GARBLED)
ANSWER_TOO_LARGE = Reaction(Halted, OutcomeUnknown, MoodleMessage.ANSWER_TOO_LARGE)
SLOW = _perhaps_applied(MoodleMessage.SLOW)
UNREACHABLE = _both(Unavailable, MoodleMessage.UNREACHABLE)

TABLE: MappingProxyType[Seen, Reaction] = MappingProxyType(
    {
        # -- Moodle's own codes -------------------------------------------------------------------------------------
        # The connection to the database is opened before anything else; one that is lost later has other codes.
        "dbconnectionfailed": _both(Unavailable, MoodleMessage.DATABASE_DOWN),
        "sitemaintenance": _both(Unavailable, MoodleMessage.MAINTENANCE),
        "upgraderunning": _both(Unavailable, MoodleMessage.MAINTENANCE),
        "locktimeout": _both(Unavailable, MoodleMessage.DOWN),
        # A failed COMMIT is reported by these, so a write may be there.
        "dmlreadexception": _perhaps_applied(MoodleMessage.DATABASE_DOWN),
        "dmltransactionexception": _perhaps_applied(MoodleMessage.DATABASE_DOWN),
        # Moodle checks what it is about to answer after the commit.
        "invalidresponse": Reaction(Halted, OutcomeUnknown, MoodleMessage.MISUSED),
        "dmlwriteexception": _both(Contended, MoodleMessage.CONTENDED),
        "invaliduser": _both(Refused, MoodleMessage.NOT_FOUND),
        "invalidrecord": _both(Refused, MoodleMessage.NOT_FOUND),
        "invalidparameter": _both(Refused, MoodleMessage.REFUSED),
        # Raised by much code that runs inside a call, for example of a plugin that watches one cohort.
        "codingerror": _both(Refused, MoodleMessage.REFUSED),
        "nopermissions": _both(Forbidden, MoodleMessage.NO_PERMISSION),
        "errorreportview": _both(Forbidden, MoodleMessage.REPORT_FORBIDDEN),
        "invalidtoken": NO_TOKEN,
        "invalidtimedtoken": NO_TOKEN,
        "accessexception": _both(TokenRejected, MoodleMessage.ACCESS_DENIED),
        "servicenotavailable": _both(TokenRejected, MoodleMessage.ACCESS_DENIED),
        "wsaccessuserdeleted": SERVICE_USER,
        "wsaccessuserexpired": SERVICE_USER,
        "wsaccessusernologin": SERVICE_USER,
        "wsaccessusersuspended": SERVICE_USER,
        "wsaccessuserunconfirmed": SERVICE_USER,
        "usernotfullysetup": SERVICE_USER,
        "forcepasswordchangenotice": SERVICE_USER,
        "sitepolicynotagreed": SERVICE_USER,
        # Adding members wraps whatever a context check says, before it looks at rights. Numeric ids are all that we
        # send, so what is left is the service user.
        "Error": SERVICE_USER,
        "enablewsdescription": SERVICES_OFF,
        "formatnotsupported": MISUSED,
        "keyalreadyset": MISUSED,
        # -- HTTP, where the body was not Moodle's ------------------------------------------------------------------
        # Moodle redirects before it does anything, when the address is not the one in its settings.
        301: WRONG_ADDRESS,
        302: WRONG_ADDRESS,
        303: WRONG_ADDRESS,
        307: WRONG_ADDRESS,
        308: WRONG_ADDRESS,
        400: WRONG_ADDRESS,  # "plain HTTP request sent to HTTPS port"
        401: LOGIN,
        403: BLOCKED,  # with a body; without one Moodle says that its services are off
        404: WRONG_ADDRESS,
        405: WRONG_ADDRESS,
        406: BLOCKED,
        407: LOGIN,
        408: _perhaps_applied(MoodleMessage.SLOW),
        410: WRONG_ADDRESS,
        413: FORM_TOO_LARGE,
        414: WRONG_ADDRESS,  # we never send a query, so the form was moved into it on the way
        429: _both(Unavailable, MoodleMessage.THROTTLED),
        500: _perhaps_applied(MoodleMessage.DIED),
        # A gateway sends these both when it could not reach PHP and when PHP broke off in the middle.
        502: _perhaps_applied(MoodleMessage.DOWN),
        503: _perhaps_applied(MoodleMessage.DOWN),  # with Retry-After it is the maintenance page: see ``of_status``
        504: SLOW,
        # -- Transport -----------------------------------------------------------------------------------------------
        # Before a byte of the call was sent:
        httpx.ConnectError: UNREACHABLE,
        httpx.ConnectTimeout: UNREACHABLE,
        httpx.PoolTimeout: UNREACHABLE,
        httpx.ProxyError: UNREACHABLE,
        httpx.UnsupportedProtocol: WRONG_ADDRESS,
        # While or after it was sent. The body may have been complete.
        httpx.WriteTimeout: SLOW,
        httpx.ReadTimeout: SLOW,
        httpx.WriteError: _perhaps_applied(MoodleMessage.CUT_OFF),
        httpx.ReadError: _perhaps_applied(MoodleMessage.CUT_OFF),
        httpx.CloseError: _perhaps_applied(MoodleMessage.CUT_OFF),
        httpx.RemoteProtocolError: _perhaps_applied(MoodleMessage.CUT_OFF),
        httpx.LocalProtocolError: MISUSED,
        httpx.DecodingError: GARBLED,
        httpx.TooManyRedirects: WRONG_ADDRESS,  # none is ever followed
    }
)

UNKNOWN_CODE = _both(Refused, MoodleMessage.REFUSED)
"""An error code that we do not know, in an answer of Moodle: an exception in the middle of a call rolls it back."""
UNKNOWN_STATUS = Reaction(Halted, OutcomeUnknown, MoodleMessage.GARBLED)
"""A status that nothing here expects, below 500."""
SERVER_ERROR = _perhaps_applied(MoodleMessage.DOWN)
"""Any other status from 500: gateways have many of their own."""
MAINTENANCE_PAGE = _both(Unavailable, MoodleMessage.MAINTENANCE)
"""503 with Retry-After: Moodle's command-line maintenance, served before anything is done."""


def of_errorcode(code: str) -> Reaction:
    """How an error object of Moodle is taken."""
    return TABLE.get(code, UNKNOWN_CODE)


def of_status(status: int, *, empty: bool, retry_after: bool) -> Reaction:
    """How an answer that is no success and not Moodle's JSON is taken."""
    if status == 403 and empty:
        return SERVICES_OFF
    if status == 503 and retry_after:
        return MAINTENANCE_PAGE
    return TABLE.get(status, SERVER_ERROR if status >= 500 else UNKNOWN_STATUS)


def of_transport(error: Exception) -> Reaction:
    """How an exception of the HTTP library is taken."""
    seen: BaseException | None = error
    while seen is not None:
        if "CERTIFICATE_VERIFY_FAILED" in str(seen):
            return CERTIFICATE
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, httpx.ProxyError) and str(error).startswith("407"):
        return LOGIN
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return _perhaps_applied(MoodleMessage.CUT_OFF)
