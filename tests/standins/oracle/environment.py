"""Values of the parameters that translated SQL refers to: binds, time, session, database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.standins.oracle import values
from tests.standins.oracle.compiler.translation import parameters
from tests.standins.oracle.errors import OraError

if TYPE_CHECKING:
    from tests.standins.oracle.engine import EngineSession

_NUMBERS = (values.NUMBER, values.BINARY_INTEGER)
_ZONED = values.TIMESTAMP_TZ


def offset_text(offset: dt.timedelta) -> str:
    """An offset as +hh:mm."""
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def in_zone(utc: dt.datetime, zone: str) -> dt.datetime:
    """A naive UTC moment as the wall clock of a zone, an offset or a region."""
    if zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        return utc + sign * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return utc.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


class Environment:
    """What a statement knows besides its binds."""

    def __init__(self, session: EngineSession) -> None:
        self._session = session

    def values(self) -> dict[str, Any]:
        session, database = self._session, self._session.database
        now = database.now(session.instance)
        zone = ZoneInfo(database.settings.system_zone)
        offset = now.replace(tzinfo=dt.UTC).astimezone(zone).utcoffset() or dt.timedelta()
        known: dict[str, Any] = {
            "now": now,
            "localnow": in_zone(now, session.zone),
            "sysdate": (now + offset).replace(microsecond=0),
            "zone": session.zone,
            "syszone": offset_text(offset),
            "scn": database.ledger.scn,
        }
        known |= {f"ctx_{name}": item for name, item in self._context().items()}
        known |= {f"currval_{number}": current for number, current in session.currvals.items()}
        return known

    def _context(self) -> dict[str, str | None]:
        """SYS_CONTEXT('USERENV', ...)."""
        session, identity = self._session, self._session.database.identity
        named = session.attributes
        return {
            "db_name": identity.container,
            "db_unique_name": identity.unique_name,
            "database_role": identity.role,
            "service_name": identity.service_name,
            "con_name": identity.container,
            "con_id": "3",
            "cdb_name": identity.name,
            "current_schema": session.schema,
            "current_user": session.user,
            "session_user": session.user,
            "authentication_method": "PASSWORD",
            "instance": str(session.instance.number),
            "instance_name": session.instance.name,
            "server_host": session.instance.host,
            "host": session.instance.host,
            "ip_address": "127.0.0.1",
            "network_protocol": "tcp",
            "isdba": "FALSE",
            "sid": str(session.number),
            "sessionid": str(session.number),
            "module": named.get("module") or None,
            "action": named.get("action") or None,
            "client_identifier": named.get("client_identifier") or None,
            "client_info": named.get("client_info") or None,
            "nls_date_format": session.formats.date,
            "nls_sort": "BINARY",
            "language": "AMERICAN_AMERICA.AL32UTF8",
            "lang": "US",
        }


def _naive(item: Any) -> tuple[Any, str | None]:
    """A moment in UTC and its offset."""
    if not isinstance(item, dt.datetime):
        return item, None
    if item.tzinfo is None:
        return item, "+00:00"
    offset = item.utcoffset() or dt.timedelta()
    return (item - offset).replace(tzinfo=None), offset_text(offset)


def bind_values(row: list[Any], types: tuple[int, ...], *, array: bool = False) -> dict[str, Any]:
    """Binds as parameters: $b1, and $z1 for the zone of a zoned one; for an array lists $lb1, $lz1."""
    out: dict[str, Any] = {}
    for index, kind in enumerate(types, 1):
        if not array:
            item = row[index - 1] if index <= len(row) else None
            if kind == _ZONED:
                item, out[f"z{index}"] = _naive(item)
            out[f"b{index}"] = item
            continue
        items = [each[index - 1] for each in row]
        if kind == _ZONED:
            pairs = [_naive(item) for item in items]
            out[f"lz{index}"] = [zone for _, zone in pairs]
            items = [item for item, _ in pairs]
        out[f"lb{index}"] = _alike(items) if kind in _NUMBERS else items
    return out


def _alike(items: list[Any]) -> list[Any]:
    """A list for DuckDB: numbers that are not all whole go as text, for it would take them for binary ones."""
    if any(isinstance(item, Decimal | float) for item in items):
        return [None if item is None else format(Decimal(str(item)), "f") for item in items]
    return items


def _listed(name: str, known: dict[str, Any]) -> list[Any]:
    """The binds from one number to another as one list: m1_500."""
    first, last = name[1:].split("_")
    return _alike([known[f"b{number}"] for number in range(int(first), int(last) + 1)])


def used_values(sql: str, known: dict[str, Any]) -> dict[str, Any]:
    """The parameters a piece of SQL names: DuckDB accepts no others."""
    names = parameters(sql)
    known = known | {name: _listed(name, known) for name in names if name[0] == "m" and name not in known}
    if missing := [n for n in names if n.startswith("currval_") and n not in known]:
        raise OraError(8002, f"sequence {missing[0]} is not yet defined in this session")
    return {name: known[name] for name in names}
