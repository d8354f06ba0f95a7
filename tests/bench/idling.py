"""What it costs to poll while nothing changes: statements, time inside the database, and processor time.

A bare ``SELECT 1 FROM DUAL`` of the same minute tells how much of it any statement would cost.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import oracledb

from connector.source.settings import SourceSettings
from tests.bench.enrolments import READER, READER_PASSWORD
from tests.bench.measure import Measure
from tests.bench.processor import processor_seconds
from tests.bench.source_stage import SourceStage
from tests.bench.stage import Bench

NAMES = ("idle statement", "idle share", "idle processor")
_SHARE = SourceSettings.model_fields["share"].default
_STATEMENT_GOAL = 5.0
_SETTLE_S = 5.0
_BARE = 200
_MINUTE = 60.0


def take(bench: Bench) -> Sequence[Measure]:
    """Over the seconds of the options."""
    stage = bench.source()
    stage.load()
    time.sleep(min(_SETTLE_S, bench.options.idle))
    before, began = _standing(stage), time.monotonic()
    time.sleep(bench.options.idle)
    after, minutes = _standing(stage), (time.monotonic() - began) / _MINUTE
    busy, statements, fetches, polls, processor = (
        (late - early) / minutes for early, late in zip(before, after, strict=True)
    )
    bare = bare_statement(stage.dsn)
    note = (
        f"a minute: {polls:.0f} polls, {statements:.0f} statements, {fetches:.0f} other round trips, {busy:.2f} s inside "
        f"the database, {processor:.2f} s of processor time; the table has {stage.enrolments.rows:,} rows; watched for "
        f"{minutes * _MINUTE:.0f} s"
    )
    return [
        Measure(NAMES[0], "ms", 1e3 * busy / max(1.0, statements), 1e3 * bare, _STATEMENT_GOAL, note=note),
        Measure(NAMES[1], "s/min", busy, _MINUTE * _SHARE),
        Measure(NAMES[2], "s/min", processor, _MINUTE * _SHARE),
    ]


def _standing(stage: SourceStage) -> tuple[float, float, float, float, float]:
    """Seconds in the database, statements, fetches, polls, seconds of processor time; all so far."""
    statements, fetches = stage.asked()
    busy, polls = stage.metric("source_time_seconds_total"), stage.metric("polls_total", outcome="ok")
    return busy, statements, fetches, polls, processor_seconds(stage.connector.pid)


def bare_statement(dsn: str) -> float:
    """Seconds that the least statement takes over the driver, the median of some."""
    taken = []
    with (
        oracledb.connect(user=READER, password=READER_PASSWORD, dsn=dsn) as connection,
        connection.cursor() as cursor,
    ):
        for _ in range(_BARE):
            began = time.monotonic()
            cursor.execute("SELECT 1 FROM DUAL")
            cursor.fetchall()
            taken.append(time.monotonic() - began)
    return statistics.median(taken)
