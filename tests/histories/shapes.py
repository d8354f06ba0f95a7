"""What a history's source looks like: its hints, columns, clocks and what may be seen of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from connector.source.hints.zones import Grain, TimeColumn
from connector.source.identity import fingerprint
from connector.source.mapping import RowMapping
from connector.source.settings import SourceSettings

TICK = timedelta(milliseconds=250)
"""Everything happens on this grid, so that stamps, bounds and ends of waits are often equal."""
SECOND = 4
HOUR = 3600 * SECOND
SOURCE = "apogee"

KINDS = {
    # timestamps, of which polling must not miss one
    "proved": 40,
    "proved view": 6,
    "proved, due": 6,
    "proved and sequence": 6,
    # timestamps without a proof
    "hidden": 6,
    "own instance": 4,
    "application": 6,
    "standby": 3,
    # no timestamps
    "sequence": 10,
    "scan": 3,
    "scan by cohort": 3,
    "none": 2,
}
"""Kinds of sources, and of how many in a hundred histories or so."""

_DURATIONS = (
    # slack, overlap, clock_tolerance, absence_settle: seconds
    (2, 4, 5, 10),
    (1, 10, 2, 5),
    (0, 2, 5, 10),
    (5, 3, 5, 8),
    (2, 30, 5, 60),
)
_STARTS = (
    # zone, moment, what comes soon: None, "autumn", "spring"
    ("UTC", datetime(2026, 9, 1, 8, tzinfo=UTC), None),
    ("Europe/Paris", datetime(2026, 9, 1, 8, 0, 0, 250_000, tzinfo=UTC), None),
    ("Europe/Paris", datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC), "autumn"),
    ("Europe/Paris", datetime(2026, 10, 24, 23, 59, 58, tzinfo=UTC), "autumn"),
    ("Europe/Paris", datetime(2026, 3, 29, 0, 59, 50, tzinfo=UTC), "spring"),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 59, 52, tzinfo=UTC), "autumn"),
)
_COLUMNS = (
    (Grain.ZONED, 6),
    (Grain.ZONED, 3),
    (Grain.TIMESTAMP, 6),
    (Grain.TIMESTAMP, 3),
    (Grain.TIMESTAMP, 0),
    (Grain.DATE, 0),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A source that many histories share; all durations in ticks."""

    kind: str
    row_key: bool
    slack: int
    overlap: int
    tolerance: int
    settle: int
    settings: SourceSettings
    mark: str
    """The fingerprint of the settings."""
    mapping: RowMapping
    age: int = 0
    """For how long a cohort must have been gone before it is released; 0 if none ever is."""

    @property
    def proved(self) -> bool:
        """Whether a hint by time can be proved to miss nothing."""
        return self.kind.startswith("proved")

    @property
    def timed(self) -> bool:
        return self.proved or self.kind in ("hidden", "own instance", "application", "standby")

    @property
    def numbered(self) -> bool:
        return self.kind in ("sequence", "proved and sequence")

    @property
    def scanned(self) -> bool:
        return self.kind.startswith("scan")

    @property
    def base(self) -> bool:
        """Whether the hint watches the table beneath the view that memberships are read from."""
        return self.kind == "proved view"


@dataclass(frozen=True, slots=True)
class Place:
    """When and where a history happens."""

    start: datetime
    season: str | None
    column: TimeColumn


def draw(chance: Random) -> tuple[Shape, Place]:
    """A source for a history."""
    kind = chance.choices(_NAMES, cum_weights=_WEIGHTS)[0]
    number = int(chance.random() * len(_DURATIONS))
    zone, start, season = _STARTS[int(chance.random() * len(_STARTS))]
    grain, digits = _COLUMNS[int(chance.random() * len(_COLUMNS))]
    shape = _shape(kind, number, chance.random() < 0.7)
    return shape, Place(start, season, _column(grain, zone, digits))


def releasing(shape: Shape) -> Shape:
    """The same source, which releases what has vanished for a while. Settings ask for a day at least."""
    age = 2 * shape.settle + 3
    return replace(shape, age=age, settings=shape.settings.model_copy(update={"vanished_after": TICK * age}))


_NAMES = list(KINDS)
_WEIGHTS = [sum(list(KINDS.values())[: number + 1]) for number in range(len(KINDS))]


@cache
def _column(grain: Grain, zone: str, digits: int) -> TimeColumn:
    return TimeColumn(grain, ZoneInfo(zone), digits)


@cache
def _shape(kind: str, number: int, row_key: bool) -> Shape:  # noqa: FBT001 - a cache's key
    slack, overlap, tolerance, settle = _DURATIONS[number]
    membership: dict[str, Any] = {
        "table": "ENROLMENTS",
        "student": "{STUDENT}",
        "active": [{"column": "STATUS", "values": ["E"]}],
    }
    if row_key:
        membership["row_key"] = "{ID}"
    settings = SourceSettings.model_validate(
        {
            "dsn": "db/x",
            "user": "u",
            "password": "p",
            "snapshot_at": [],
            "clock_tolerance": f"{tolerance}s",
            "absence_settle": f"{settle}s",
            "membership": membership,
            "cohort": {"idnumber": "{GRP}"},
            "hints": _hints(kind, slack, overlap),
        }
    )
    return Shape(
        kind,
        row_key,
        slack * SECOND,
        overlap * SECOND,
        tolerance * SECOND,
        settle * SECOND,
        settings,
        fingerprint(settings),
        RowMapping.of(settings),
    )


def _hints(kind: str, slack: int, overlap: int) -> list[dict[str, Any]]:
    waits = {"overlap": f"{overlap}s", "interval": "250ms"}
    timed = {"cursor": "STAMP", "stamped_by": "database", "slack": f"{slack}s"} | waits
    match kind:
        case "proved view":
            return [timed | {"table": "BASE"}]
        case "proved, due":
            return [timed, {"kind": "due", "cursor": "BEGINS"} | waits]
        case "proved and sequence":
            return [timed | {"kind": "timestamp+sequence", "sequence": "NUMBER"}]
        case "application":
            return [timed | {"stamped_by": "application"}]
        case "sequence":
            return [{"kind": "sequence", "cursor": "NUMBER"} | waits]
        case "scan":
            return [{"kind": "scan", "interval": "250ms"}]
        case "scan by cohort":
            return [{"kind": "scan", "by_cohort": True, "interval": "250ms"}]
        case "none":
            return []
        case _:
            return [timed]
