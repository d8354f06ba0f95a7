"""A stand-in for Oracle Database that the real python-oracledb thin driver connects to."""

from tests.standins.oracle.database import Database
from tests.standins.oracle.errors import OraError
from tests.standins.oracle.faults import Fault, FaultPlan
from tests.standins.oracle.listener import OracleStandin

__all__ = ["Database", "Fault", "FaultPlan", "OraError", "OracleStandin"]
