"""A hash of a row inside the database.

Each column is hashed apart and the hashes are joined, so that no row is too long for a text of 4,000 bytes. Text,
numbers and bytes are hashed as they are stored, times by an explicit format: no setting of the session plays a part.
A NULL is no hash. ``ORA_HASH`` gives 32 bits: a change escapes a scan once in four thousand million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import oracledb

from connector.source.oracle.columns import GRAINS, TEXTS, Described

_AS_THEY_ARE = TEXTS | {
    oracledb.DB_TYPE_NUMBER,
    oracledb.DB_TYPE_BINARY_DOUBLE,
    oracledb.DB_TYPE_BINARY_FLOAT,
    oracledb.DB_TYPE_RAW,
    oracledb.DB_TYPE_ROWID,
    oracledb.DB_TYPE_INTERVAL_DS,
    oracledb.DB_TYPE_INTERVAL_YM,
}
_SECONDS = "YYYYMMDDHH24MISS"
_TIMES = {
    oracledb.DB_TYPE_DATE: f"TO_CHAR({{}}, '{_SECONDS}')",
    oracledb.DB_TYPE_TIMESTAMP: f"TO_CHAR({{}}, '{_SECONDS}FF9')",
    oracledb.DB_TYPE_TIMESTAMP_TZ: f"TO_CHAR({{}}, '{_SECONDS}FF9TZH:TZM')",
    oracledb.DB_TYPE_TIMESTAMP_LTZ: f"TO_CHAR(SYS_EXTRACT_UTC({{}}), '{_SECONDS}FF9')",
}
assert _TIMES.keys() == GRAINS.keys()


def unhashable(columns: Sequence[str], described: Mapping[str, Described]) -> str | None:
    """The first column that cannot be hashed: a LOB, an object, JSON."""
    return next((c for c in columns if described[c].type not in _AS_THEY_ARE | _TIMES.keys()), None)


def row_hash(columns: Sequence[str], described: Mapping[str, Described], alias: str) -> str:
    """An expression for the hash of one row."""
    parts = []
    for name in columns:
        column = f'{alias}."{name}"'
        text = _TIMES.get(described[name].type, "{}").format(column)
        parts.append(f"NVL2({column}, TO_CHAR(ORA_HASH({text})), '-')")
    return "ORA_HASH(" + " || ',' || ".join(parts) + ")"
