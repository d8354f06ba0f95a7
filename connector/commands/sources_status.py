"""How sources stand, as ``status`` tells it: by their checkpoints, suspects and alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.commands.release import limit_told
from connector.source.hint_settings import followed
from connector.source.hints import Safety
from connector.source.schedule import is_due, upcoming
from connector.source.settings import SourceSettings
from schemas.records import Alert, AlertState, Checkpoint, HintCursor, Record, Suspects


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the topics hold beside a source's checkpoint."""

    suspects: int
    withheld: int
    identity: Mapping[str, str] | None
    limit: int | None


def describe(
    records: Iterable[Record], alerts: Iterable[Record], settings: Mapping[str, SourceSettings], now: datetime
) -> dict[str, Any]:
    """For machines, by source. ``records`` are those of the checkpoints topic; ``now`` is our clock."""
    suspects, withheld = Counter[str](), Counter[str]()
    checkpoints = []
    for record in records:
        if isinstance(record, Suspects):
            suspects[record.source] += len(record.missing)
            withheld[record.source] += sum(suspect.confirmed_at is not None for suspect in record.missing)
        elif isinstance(record, Checkpoint) and record.fingerprint:  # one without was retired
            checkpoints.append(record)
    raised = {a.key: a.parameters for a in alerts if isinstance(a, Alert) and a.state is AlertState.RAISED}
    found = {}
    for checkpoint in sorted(checkpoints, key=lambda one: one.source):
        name = checkpoint.source
        limit = limit_told(raised.get(f"connector/{name}/suspects", {}))
        seen = _Seen(suspects[name], withheld[name], raised.get(f"connector/{name}/identity"), limit)
        found[name] = _source(checkpoint, seen, settings.get(name), now)
    return found


def _source(checkpoint: Checkpoint, seen: _Seen, settings: SourceSettings | None, now: datetime) -> dict[str, Any]:
    name, database, read = checkpoint.source, checkpoint.database, checkpoint.database_time
    return {
        "loaded": checkpoint.loaded,
        "blocked": None
        if seen.identity is None
        else {
            "what": seen.identity.get("what", ""),
            "hash": seen.identity.get("hash", ""),
            "command": f"cohortstream accept {name}",
        },
        "database": database.unique_name if database else None,
        "role": database.role if database else None,
        "database_time": read,
        "polled_seconds_ago": None if read is None else max(0, round((now - read).total_seconds())),
        "suspects": seen.suspects,
        "withheld": seen.withheld,
        "limit": seen.limit,
        "last_snapshot_at": checkpoint.last_snapshot_at,
        "missed": dict(sorted(checkpoint.last_snapshot.items())),
        "next_snapshot": None if settings is None else _next_snapshot(checkpoint, settings, now),
        "snapshot": None if checkpoint.snapshot is None else {"rows": checkpoint.snapshot.rows},
        "hints": {hint.hint: _hint(hint) for hint in checkpoint.hints}
        | {name: _hint(HintCursor(name)) for name in _unread(checkpoint, settings)},
    }


def _next_snapshot(checkpoint: Checkpoint, settings: SourceSettings, now: datetime) -> datetime | str | None:
    zone = ZoneInfo(settings.timezone)
    if checkpoint.loaded and is_due(settings.snapshot_at, zone, checkpoint.last_snapshot_at, now):
        return "due"
    return upcoming(settings.snapshot_at, zone, now)


def _unread(checkpoint: Checkpoint, settings: SourceSettings | None) -> list[str]:
    """Hints of the settings that have not been read yet."""
    known = {hint.hint for hint in checkpoint.hints}
    return [name for name in (followed(settings.hints) if settings is not None else ()) if name not in known]


def _hint(hint: HintCursor) -> dict[str, Any]:
    return {
        "cursor": hint.cursor,
        "safety": hint.safety,
        "reason": hint.reason,
        "open_ranges": [
            {"kind": one.kind, "low": one.low, "high": one.high, "id": one.id, "opened_at": one.opened_at}
            for one in hint.open_ranges
        ],
    }


def lines(name: str, source: Mapping[str, Any]) -> Iterator[str]:
    """The same of one source, for people."""
    state = "loaded" if source["loaded"] else "first load under way"
    polled = source["polled_seconds_ago"]
    age = "never polled" if polled is None else f"polled {_ago(polled)} ago"
    where = f", database {source['database']} ({source['role']})" if source["database"] else ""
    yield f"  {name}: {state}, {age}{where}"
    if source["blocked"] is not None:
        yield f"    WAITS: {source['blocked']['what']}"
        yield f"    see what would change: {source['blocked']['command']}   (it waits for {source['blocked']['hash']})"
    for hint, at in source["hints"].items():
        yield from _hint_lines(hint, at)
    if not source["hints"]:
        yield "    no hints: only snapshots and signals tell of changes"
    yield f"    suspects: {source['suspects']}{_withheld(name, source)}"
    yield f"    snapshot: {_snapshot(source)}"


def _hint_lines(hint: str, at: Mapping[str, Any]) -> Iterator[str]:
    if at["safety"] is None:
        yield f"    {hint}: not read yet"
        return
    mark = "proved " if at["safety"] == Safety.PROVED else "ASSUMED"
    yield f"    {hint}: {mark} up to {at['cursor']}: {at['reason']}"
    if at["open_ranges"]:
        oldest = min(one["opened_at"] for one in at["open_ranges"])
        yield f"      {len(at['open_ranges'])} open ranges, the oldest since {oldest:%Y-%m-%d %H:%M:%S}Z"


def _withheld(name: str, source: Mapping[str, Any]) -> str:
    if not source["withheld"]:
        return ""
    limit = f", more than the limit of {source['limit']}" if source["limit"] is not None else ""
    return f", {source['withheld']} of them WITHHELD{limit}; see: cohortstream release {name}"


def _snapshot(source: Mapping[str, Any]) -> str:
    parts = []
    if source["snapshot"] is not None:
        parts.append(f"under way, {source['snapshot']['rows']} rows so far")
    if source["last_snapshot_at"] is not None:
        missed = ", ".join(f"{count} {cause}" for cause, count in source["missed"].items())
        told = (
            f"{sum(source['missed'].values())} missed by polling ({missed})" if missed else "polling had missed nothing"
        )
        parts.append(f"the last of {source['last_snapshot_at']:%Y-%m-%d %H:%M}Z: {told}")
    else:
        parts.append("none yet")
    coming = source["next_snapshot"]
    if isinstance(coming, datetime):
        parts.append(f"next {coming:%Y-%m-%d %H:%M}Z")
    else:
        parts.append("one is due" if coming == "due" else "none scheduled")
    return "; ".join(parts)


def _ago(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
