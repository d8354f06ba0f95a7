"""The driver's errors, by what happens next.

Everything that may pass by itself is ``Unavailable``; so is an error that nobody has classified, since waiting loses
nothing. What only a person can mend is ``Halted``: the source pauses and says so, the others go on. The original is
always chained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import oracledb

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import OracleMessage, message

_PASSWORD = {"ORA-01017", "ORA-01005"}
_CLOSED = {
    "ORA-28000",  # locked
    "ORA-28001",  # password expired
    "ORA-28011",  # password expires, account too
    "ORA-01045",  # no right to create a session
}
_LOGON = {*_PASSWORD, *_CLOSED, "ORA-28002", "ORA-28041"}
_ADDRESS = {
    "DPY-4000",  # name not in tnsnames.ora
    "DPY-4026",  # tnsnames.ora missing
    "DPY-4027",  # no config_dir
    "DPY-4017",  # bad connect string
    "DPY-2013",
    "DPY-2019",  # bad wallet or parameter
    "DPI-1047",  # client library cannot be loaded
}
_OLD_SERVER = {"DPY-3010", "DPY-3015", "DPY-3001"}
"""The thin driver cannot talk to this server; thick mode can."""
_STATEMENT = re.compile(
    r"ORA-(009\d\d|01031|017(19|22)|01789|01839|018(30|4\d|5\d|61)|02003|02019|02289|040(43|63)|30926|12899|06550|2811[235])"
)
"""Faults of the statement, of what it names, or of its grants: a person must act."""
_NOT_BOUND = {"DPY-4010", "ORA-01008"}
"""A query of the settings has a name with a colon, which nobody gives a value."""
_UNREADABLE = {
    "DPY-3022",  # a TIMESTAMP WITH TIME ZONE that names its zone; UTC, or text, can be read
}
_CODE = re.compile(r"ORA-\d{5}:")
_READS = re.compile(r'\b(?:FROM|JOIN)\s+((?:"[^"]+"|[\w$#@]+)(?:\.(?:"[^"]+"|[\w$#@]+))*)', re.IGNORECASE)
"""The objects that a statement names."""
_GONE = {
    "DPY-4011",
    "DPY-1001",
    "DPI-1010",
    "DPI-1080",
    "ORA-00028",  # killed
    "ORA-01012",
    "ORA-01089",  # shutting down
    "ORA-01092",  # instance terminated
    "ORA-02396",  # idle for too long
    "ORA-03113",
    "ORA-03114",
    "ORA-03135",
    "ORA-25408",  # failed over in the middle of a call
}
_ALTERED = {
    "ORA-01410",  # truncated, or rebuilt
    "ORA-01466",  # altered since the transaction began
    "ORA-08103",  # dropped, truncated or exchanged
}
_NO_SESSION = {"ORA-00018", "ORA-00020", "ORA-02391", "ORA-12516", "ORA-12519", "ORA-12520"}
_LIMITS = {
    "ORA-00040",  # the resource plan's time for a call
    "ORA-02392",  # the profile's CPU and reads
    "ORA-02393",
    "ORA-02394",
    "ORA-02395",
    "ORA-56735",
}
_NOT_ORACLE = re.compile(r"DPY-(4011|50\d\d)")
"""A connection that ends before it began, or bytes that are no TNS."""
_TIME_OUTS = {"DPY-4024", "DPI-1067", "ORA-01013"}
_WRAPPED = {"DPY-6005"}
_AROUND = {
    "ORA-12801",  # in a parallel query's server
    "ORA-00604",  # in a statement of the database's own, or in a trigger
}
"""Errors whose next line says what the matter is."""


@dataclass(frozen=True, slots=True)
class DriverError:
    """What the driver says, taken apart once."""

    code: str
    text: str
    recoverable: bool
    told: str = ""
    """The code that the driver tells, where ``code`` is what the next lines say."""

    @staticmethod
    def of(error: oracledb.Error) -> DriverError:
        first = error.args[0] if error.args else error
        text = str(getattr(first, "message", first)).strip()
        lines = [line.strip().rstrip(".") for line in text.splitlines() if not line.startswith("Help:")]
        told = code = str(getattr(first, "full_code", "") or text.partition(":")[0])
        while code in _AROUND and len(lines) > 1 and _CODE.match(lines[1]):
            lines = lines[1:]
            code = lines[0].partition(":")[0]
        # "Cannot connect" is followed by what the matter was.
        telling = lines[-1] if code in _WRAPPED and len(lines) > 1 else (lines or [type(error).__name__])[0]
        return DriverError(
            code,
            telling,
            bool(getattr(first, "isrecoverable", False)),
            told,
        )

    @property
    def connection_lost(self) -> bool:
        """Whether the session is of no more use."""
        return self.recoverable or self.code in _GONE

    @property
    def wrong_password(self) -> bool:
        """Whether another attempt with the same password could lock the account."""
        return self.code in _PASSWORD

    @property
    def account_closed(self) -> bool:
        """Whether the account is locked, expired or has no rights: soon another attempt is as vain, whatever the
        password.
        """
        return self.code in _CLOSED

    @property
    def no_such_object(self) -> bool:
        """ORA-00942, or no right to see it, which looks the same; ORA-01031 where it may be seen, but not read."""
        return self.code in ("ORA-00942", "ORA-01031")


def connecting(source: str, error: oracledb.Error) -> OperationalError:
    """What a failed log-on means."""
    said = DriverError.of(error)
    if said.code in _LOGON:
        return _refused(source, said)
    if said.code in _ADDRESS:
        return Halted(message(OracleMessage.BAD_ADDRESS, source=source, reason=said.text))
    if said.code in _OLD_SERVER:
        return Halted(message(OracleMessage.NEEDS_THICK, source=source, reason=said.text))
    if said.code in _NO_SESSION or any(f"Similar to {code})" in said.text for code in _NO_SESSION):
        return Unavailable(message(OracleMessage.NO_SESSION, source=source, reason=said.text))
    if _NOT_ORACLE.match(said.code) or _NOT_ORACLE.match(said.text):
        return Unavailable(message(OracleMessage.NO_ANSWER, source=source, reason=said.text))
    return Unavailable(message(OracleMessage.UNREACHABLE, source=source, reason=said.text))


def calling(source: str, query: str, error: oracledb.Error, sql: str = "") -> OperationalError:
    """What a failed statement means; ``query`` says which one, ``sql`` is its text."""
    said = DriverError.of(error)
    if said.code in _LOGON:
        return _refused(source, said)
    if _STATEMENT.fullmatch(said.code) or said.code in _NOT_BOUND | _UNREADABLE:
        reason = said.text
        if said.no_such_object and '"' not in reason and (names := _READS.findall(sql)):
            # Releases before 23ai do not say which.
            reason = f"{reason} (it reads {', '.join(dict.fromkeys(names))})"
        return Halted(message(OracleMessage.QUERY_REFUSED, source=source, query=query, reason=reason))
    if said.code in _TIME_OUTS:
        return Unavailable(message(OracleMessage.TIMED_OUT, source=source, query=query))
    if said.code == "ORA-01555":
        return Unavailable(message(OracleMessage.SNAPSHOT_TOO_OLD, source=source, query=query))
    if said.code == "ORA-01652":
        return Unavailable(message(OracleMessage.TEMP_FULL, source=source, query=query, reason=said.text))
    if said.code in _ALTERED:
        return Unavailable(message(OracleMessage.ALTERED, source=source, query=query, reason=said.text))
    if said.code in _LIMITS:
        return Unavailable(message(OracleMessage.LIMITED, source=source, query=query, reason=said.text))
    return Unavailable(message(OracleMessage.QUERY_FAILED, source=source, query=query, reason=said.text))


def _refused(source: str, said: DriverError) -> Halted:
    entry = OracleMessage.ACCOUNT_CLOSED if said.account_closed else OracleMessage.LOGON_REFUSED
    return Halted(message(entry, source=source, reason=said.text))
