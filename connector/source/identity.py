"""Whether a source is still what was read before: its settings, its database, its clock."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connector.source.hint_settings import HintSettings, followed
from connector.source.settings import SourceSettings
from schemas.records import Checkpoint, DatabaseIdentity


def fingerprint(settings: SourceSettings) -> str:
    """Names the settings that give records their meaning: patterns, keys, conditions. Not intervals; and a new setting
    that is left at its default changes nothing.
    """
    meaning = settings.model_dump(mode="json", include={"membership", "cohort", "maps"}, exclude_defaults=True)
    meaning.get("cohort", {}).pop("query", None)
    return _digest(meaning, meaning["membership"])


_WATCHED = {"kind", "table", "query", "cursor", "student", "by_cohort", "columns", "offset"}
"""What the place of a hint depends on. Not what it is watched with, such as its overlap: that holds from the next read on."""


def hint_fingerprint(hint: HintSettings, timezone: str) -> str:
    """Names what a hint, one of those that ``followed`` returns, watches and by which column. ``timezone`` is the source's:
    in another zone the same column tells other moments.
    """
    watched = hint.model_dump(mode="json", include=_WATCHED, exclude_defaults=True)
    if hint.kind in ("timestamp", "due", "journal"):
        watched["timezone"] = timezone
    return _digest(watched, watched)


def _digest(meaning: dict[str, Any], queried: dict[str, Any]) -> str:
    """Of settings; how a query in ``queried``, a part of them, is broken into lines means nothing."""
    if queried.get("query") is not None:
        queried["query"] = " ".join(queried["query"].split())
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def standing(before: Checkpoint, settings: SourceSettings) -> Checkpoint:
    """The checkpoint without the places of hints that watch something else by now: what they stand for was never read.

    A place without a fingerprint, of an earlier release, is taken for one of the present settings.
    """
    marks = {name: hint_fingerprint(hint, settings.timezone) for name, hint in followed(settings.hints).items()}
    kept = (at for at in before.hints if at.fingerprint is None or marks.get(at.hint) in (None, at.fingerprint))
    return replace(before, hints=tuple(kept))


@dataclass(frozen=True, slots=True)
class Found:
    """What the source is now."""

    fingerprint: str
    database: DatabaseIdentity
    now: datetime

    @property
    def mark(self) -> str:
        """Names it, for a person to accept."""
        database = self.database
        parts = [self.fingerprint, database.name, database.unique_name, database.role]
        if database.incarnation is not None:
            parts.append(database.incarnation)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def strangeness(before: Checkpoint, found: Found, tolerance: timedelta) -> list[str]:
    """In which ways the source is not what the checkpoint speaks of; empty if it is."""
    reasons = []
    if before.fingerprint != found.fingerprint:
        reasons.append("its patterns, keys or conditions have changed")
    if before.database is not None:
        reasons += other_database(before.database, found.database)
    if before.database_time is not None and found.now < before.database_time - tolerance:
        behind = (before.database_time - found.now).total_seconds()
        reasons.append(f"its clock is {behind:.0f} s behind what was read last")
    return reasons


def learned(before: DatabaseIdentity | None, found: DatabaseIdentity) -> DatabaseIdentity:
    """What to remember of a database that is the one from before: what could be seen once is not forgotten when it can be
    seen no longer.
    """
    return found if before is None or before.incarnation is None else before


def other_database(was: DatabaseIdentity, now: DatabaseIdentity) -> list[str]:
    """In which ways one database is not another; empty if it is."""
    if (was.name, was.unique_name, was.role) != (now.name, now.unique_name, now.role):
        return [
            f"it is database {now.name} ({now.unique_name}, {now.role}), and was {was.name} ({was.unique_name}, {was.role})"
        ]
    # Whether V$DATABASE may be read is the DBA's business, and no difference of the database.
    if None not in (was.incarnation, now.incarnation) and was.incarnation != now.incarnation:
        return [
            f"it is another copy of database {now.name}: {now.incarnation} in V$DATABASE, and was {was.incarnation}"
        ]
    return []
