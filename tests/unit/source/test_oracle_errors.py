"""What the driver's errors mean."""

from __future__ import annotations

from dataclasses import dataclass

import oracledb
import pytest

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.source.oracle.errors import DriverError, calling


@dataclass
class Said:
    """As the driver keeps it."""

    message: str
    isrecoverable: bool = False

    @property
    def full_code(self) -> str:
        return self.message.partition(":")[0]


def error(*lines: str) -> oracledb.Error:
    return oracledb.DatabaseError(Said("\n".join((*lines, "Help: https://docs.oracle.com/error-help/db/"))))


@pytest.mark.parametrize(
    ("lines", "kind", "code"),
    [
        (("ORA-12801: error signaled in parallel query server P003", "ORA-01722: invalid number"), Halted, "CS2003"),
        (("ORA-12801: error signaled in parallel query server P003", "ORA-01555: too old"), Unavailable, "CS2009"),
        (("ORA-00604: error at recursive SQL level 1", "ORA-01652: no temp"), Unavailable, "CS2018"),
        (
            ("ORA-00604: error at recursive SQL level 1", "ORA-12801: error in P001", "ORA-08103: object no longer"),
            Unavailable,
            "CS2016",
        ),
        (("ORA-12801: error signaled in parallel query server P003",), Unavailable, "CS2008"),
        (("ORA-12801: error signaled in parallel query server P003", "at line 3"), Unavailable, "CS2008"),
        (("ORA-01722: invalid number", "ORA-02063: preceding line from CAMPUS"), Halted, "CS2003"),
    ],
)
def test_an_error_around_another_one_does_not_hide_it(
    lines: tuple[str, ...], kind: type[OperationalError], code: str
) -> None:
    """A view that is read in parallel, or by a trigger's leave, fails as others do."""
    fault = calling("apogee", "truth", error(*lines))

    assert (kind, code) == (type(fault), fault.message.code)


def test_what_the_driver_told_is_kept() -> None:
    """That other instances could not be asked is told by the outer error, whatever the inner one is."""
    said = DriverError.of(error("ORA-12801: error in PZ99, instance b", "ORA-00942: no such table"))

    assert ("ORA-12801", "ORA-00942") == (said.told, said.code)
