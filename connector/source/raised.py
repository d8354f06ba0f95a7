"""Alerts that are raised, as the state keeps them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from schemas.records import Alert, AlertState


def note_alert(store: sqlite3.Connection, record: Alert) -> None:
    """Take over an alert; one that is cleared is forgotten."""
    if record.state is AlertState.RAISED:
        row = (record.key, record.code, json.dumps(dict(record.parameters), sort_keys=True))
        store.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?, ?)", row)
    else:
        store.execute("DELETE FROM alerts WHERE key = ?", (record.key,))


def raised_alerts(store: sqlite3.Connection) -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """Code and parameters, by key."""
    rows = store.execute("SELECT key, code, parameters FROM alerts")
    return {key: (code, json.loads(parameters)) for key, code, parameters in rows}
