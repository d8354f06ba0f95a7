"""The one exception the stand-in raises for its client: an ORA number with its text."""

from __future__ import annotations

import re


class OraError(Exception):
    """An error for the client: its ORA number, text and offset in the statement."""

    def __init__(self, code: int, text: str, offset: int = 0) -> None:
        super().__init__(f"ORA-{code:05d}: {text}")
        self.code, self.text, self.offset = code, text, offset
        self.rowcount = 0
        """Rows of an array that were done before."""


STANDIN_FAILURE = 20999  # in Oracle's range for applications: something this stand-in cannot do

# After these the driver drops the session, and so does the server.
SESSION_ENDING = frozenset({28, 600, 1012, 1033, 1034, 1089, 1090, 1092, 3113, 3114, 3135})

_USUAL_TEXTS = {
    28: "your session has been killed",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    60: "deadlock detected while waiting for resource",
    600: "internal error code, arguments: [stand-in]",
    904: "invalid identifier",
    942: "table or view does not exist",
    1013: "user requested cancel of current operation",
    1017: "invalid username/password; logon denied",
    1033: "ORACLE initialization or shutdown in progress",
    1034: "ORACLE not available",
    1089: "immediate shutdown or close in progress - no operations are permitted",
    1555: 'snapshot too old: rollback segment number 7 with name "_SYSSMU7_1" too small',
    1652: "unable to extend temp segment by 128 in tablespace TEMP",
    2049: "timeout: distributed transaction waiting for lock",
    3113: "end-of-file on communication channel",
    3114: "not connected to ORACLE",
    3135: "connection lost contact",
    4031: "unable to allocate 32 bytes of shared memory",
    8177: "can't serialize access for this transaction",
    12514: "TNS:listener does not currently know of service requested in connect descriptor",
    12521: "TNS:listener does not currently know of instance requested in connect descriptor",
    12541: "TNS:no listener",
    28000: "The account is locked.",
    28001: "the password has expired",
    30006: "resource busy; acquire with WAIT timeout expired",
}


def usual_text(code: int) -> str:
    """What Oracle says with an error number, for the numbers tests script most."""
    return _USUAL_TEXTS.get(code, "scripted by the test")


# DuckDB error classes by name, most specific first, a piece of their message, and what an Oracle client would see.
_ENGINE_ERRORS = (
    ("InterruptException", "", 1013, "user requested cancel of current operation"),
    ("TransactionException", "", 8177, "can't serialize access for this transaction"),
    ("NotImplementedException", "Unknown TimeZone", 1882, "timezone region not found"),
    ("BinderException", "SELECT DISTINCT, ORDER BY", 1791, "not a SELECTed expression"),
    ("BinderException", "must appear in the GROUP BY clause", 979, "not a GROUP BY expression"),
    ("BinderException", "aggregate function calls cannot be nested", 935, "group function is nested too deeply"),
    ("BinderException", "aggregate", 934, "group function is not allowed here"),
    (
        "InvalidInputException",
        "More than one row returned by a subquery",
        1427,
        "single-row subquery returns more than one row",
    ),
    ("ConversionException", "", 1438, "value larger than specified precision allowed for this column"),
    ("OutOfRangeException", "", 1426, "numeric overflow"),
)


def engine_error(error: Exception, sql: str = "") -> OraError:
    """What DuckDB raised on a piece of SQL, as Oracle would say it. Texts that begin with an ORA number are our macros' own."""
    text = str(error)
    if found := re.search(r"ORA-(\d{5}): ([^\n]*)", text):
        return OraError(int(found[1]), found[2])
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, piece, code, said in _ENGINE_ERRORS:
        if name in names and piece in text:
            if code == 979 and "GROUP BY" not in sql:
                return OraError(937, "not a single-group group function")
            return OraError(code, said)
    return OraError(STANDIN_FAILURE, f"stand-in failure: {text.splitlines()[0]}")
