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

_LOGON = {"ORA-01017", "ORA-01005", "ORA-01045", "ORA-28000", "ORA-28001", "ORA-28002", "ORA-28011", "ORA-28041"}
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
_STATEMENT = re.compile(r"ORA-(009\d\d|01031|017(19|22)|01789|01839|018(30|4\d|5\d|61)|02289|04043|30926|12899|06550)")
_GONE = {"DPY-4011", "DPY-1001", "DPI-1010", "DPI-1080", "ORA-01012", "ORA-03113", "ORA-03114", "ORA-03135"}
_NOT_ORACLE = re.compile(r"DPY-(4011|50\d\d)")
"""A connection that ends before it began, or bytes that are no TNS."""
_TIME_OUTS = {"DPY-4024", "DPI-1067", "ORA-01013"}
_WRAPPED = {"DPY-6005"}


@dataclass(frozen=True, slots=True)
class DriverError:
    """What the driver says, taken apart once."""

    code: str
    text: str
    recoverable: bool

    @staticmethod
    def of(error: oracledb.Error) -> DriverError:
        first = error.args[0] if error.args else error
        text = str(getattr(first, "message", first)).strip()
        lines = [line.strip().rstrip(".") for line in text.splitlines() if not line.startswith("Help:")]
        code = str(getattr(first, "full_code", "") or text.partition(":")[0])
        # "Cannot connect" is followed by what the matter was.
        telling = lines[-1] if code in _WRAPPED and len(lines) > 1 else (lines or [type(error).__name__])[0]
        return DriverError(
            code,
            telling,
            bool(getattr(first, "isrecoverable", False)),
        )

    @property
    def connection_lost(self) -> bool:
        """Whether the session is of no more use."""
        return self.recoverable or self.code in _GONE

    @property
    def wrong_password(self) -> bool:
        """Whether another attempt with the same password could lock the account."""
        return self.code in ("ORA-01017", "ORA-01005")

    @property
    def no_such_object(self) -> bool:
        """ORA-00942, or no right to see it, which looks the same; ORA-01031 where it may be seen, but not read."""
        return self.code in ("ORA-00942", "ORA-01031")


def connecting(source: str, error: oracledb.Error) -> OperationalError:
    """What a failed log-on means."""
    said = DriverError.of(error)
    if said.code in _LOGON:
        return Halted(message(OracleMessage.LOGON_REFUSED, source=source, reason=said.text))
    if said.code in _ADDRESS:
        return Halted(message(OracleMessage.BAD_ADDRESS, source=source, reason=said.text))
    if said.code in _OLD_SERVER:
        return Halted(message(OracleMessage.NEEDS_THICK, source=source, reason=said.text))
    if _NOT_ORACLE.match(said.code) or _NOT_ORACLE.match(said.text):
        return Unavailable(message(OracleMessage.NO_ANSWER, source=source, reason=said.text))
    return Unavailable(message(OracleMessage.UNREACHABLE, source=source, reason=said.text))


def calling(source: str, query: str, error: oracledb.Error) -> OperationalError:
    """What a failed statement means; ``query`` says which one."""
    said = DriverError.of(error)
    if said.code in _LOGON:
        return Halted(message(OracleMessage.LOGON_REFUSED, source=source, reason=said.text))
    if _STATEMENT.fullmatch(said.code):
        return Halted(message(OracleMessage.QUERY_REFUSED, source=source, query=query, reason=said.text))
    if said.code in _TIME_OUTS:
        return Unavailable(message(OracleMessage.TIMED_OUT, source=source, query=query))
    if said.code == "ORA-01555":
        return Unavailable(message(OracleMessage.SNAPSHOT_TOO_OLD, source=source, query=query))
    return Unavailable(message(OracleMessage.QUERY_FAILED, source=source, query=query, reason=said.text))
