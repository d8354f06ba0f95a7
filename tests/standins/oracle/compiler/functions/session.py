"""Functions that tell about session and database; their values come when the statement runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.standins.oracle.compiler.typed import NULL, Typed, literal, text, whole
from tests.standins.oracle.errors import OraError

if TYPE_CHECKING:
    from tests.standins.oracle.compiler.expressions import Expressions
    from tests.standins.oracle.sql.tree import Call

USERENV = frozenset(
    [
        "DB_NAME",
        "DB_UNIQUE_NAME",
        "DATABASE_ROLE",
        "SERVICE_NAME",
        "CURRENT_SCHEMA",
        "CURRENT_USER",
        "SESSION_USER",
        "CON_NAME",
        "CON_ID",
        "CDB_NAME",
        "INSTANCE",
        "INSTANCE_NAME",
        "SERVER_HOST",
        "HOST",
        "SID",
        "SESSIONID",
        "MODULE",
        "ACTION",
        "CLIENT_IDENTIFIER",
        "CLIENT_INFO",
        "NLS_DATE_FORMAT",
        "NLS_SORT",
        "LANGUAGE",
        "LANG",
        "AUTHENTICATION_METHOD",
        "NETWORK_PROTOCOL",
        "ISDBA",
        "IP_ADDRESS",
    ]
)


def _sys_context(c: Expressions, node: Call) -> Typed:
    space, name, *_ = c.required(node, 2, 3)
    if (space.constant or "").upper() != "USERENV":
        return NULL
    attribute = (name.constant or "").upper()
    if attribute not in USERENV:
        raise OraError(2003, "invalid USERENV parameter")
    return text(f"CAST($ctx_{attribute.lower()} AS VARCHAR)", 256)


def _userenv(c: Expressions, node: Call) -> Typed:
    (name,) = c.required(node, 1, 1)
    attribute = (name.constant or "").upper()
    if not re.fullmatch(r"\w+", attribute) or attribute not in USERENV:
        raise OraError(2003, "invalid USERENV parameter")
    return text(f"CAST($ctx_{attribute.lower()} AS VARCHAR)", 64)


def _user(c: Expressions, _: Call) -> Typed:
    return text(literal(c.context.user), 128)


def _uid(c: Expressions, _: Call) -> Typed:
    return whole("CAST($ctx_sid AS BIGINT)")


def _session_zone(_: Expressions, __: Call) -> Typed:
    return text("CAST($zone AS VARCHAR)", 75)


def _database_zone(_: Expressions, __: Call) -> Typed:
    return text("'+00:00'", 6)


def _scn(_: Expressions, __: Call) -> Typed:
    return whole("CAST($scn AS BIGINT)")


BARE = {
    "USER": _user,
    "UID": _uid,
    "SESSIONTIMEZONE": _session_zone,
    "DBTIMEZONE": _database_zone,
    "DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER": _scn,
}
FUNCTIONS = {"SYS_CONTEXT": _sys_context, "USERENV": _userenv}
