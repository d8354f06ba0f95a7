"""A snapshot that finds nothing, against a bare fetch of the same rows by the same statement.

Ours is the time from the connector's start of the pass to its end, as it tells them: reading through the driver, mapping,
comparison with a full state, and the polls in between. The bare fetch throws its rows away.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import oracledb

from connector.source.settings import SourceSettings
from tests.bench.enrolments import READER, READER_PASSWORD
from tests.bench.measure import Measure
from tests.bench.processor import read_clocks
from tests.bench.source_stage import SourceStage
from tests.bench.stage import Bench

NAMES = ("snapshot",)
_TIMES = 3
_GOAL = 0.7
_FETCH_ROWS = SourceSettings.model_fields["fetch_rows"].default


def take(bench: Bench) -> Sequence[Measure]:
    """The medians of some, taken in turns."""
    stage = bench.source()
    stage.load()
    stage.snapshot()  # a first one, so that everything that is read once has been read
    sql = stage.statements("NLSSORT")[-1]
    pids = {"poll": stage.connector.pid, "oracle": stage.oracle.pid}
    ours, bare, used = [], [], ""
    for _ in range(_TIMES):
        bare.append(fetch(stage, sql))
        clocks = read_clocks(pids)
        ours.append(stage.snapshot())
        used = read_clocks(pids).since(clocks)
    rows = stage.enrolments.rows
    note = (
        f"{rows:,} rows, medians of {_TIMES}; ours {1e6 * statistics.median(ours) / rows:.1f} µs a row, "
        f"bare {1e6 * statistics.median(bare) / rows:.1f}\n{used}"
    )
    speed, reference = rows / statistics.median(ours), rows / statistics.median(bare)
    return [Measure(NAMES[0], "rows/s", speed, reference, _GOAL, at_least=True, note=note)]


def fetch(stage: SourceStage, sql: str) -> float:
    """Seconds in which the bare driver fetches everything, as the connector does."""
    with (
        oracledb.connect(user=READER, password=READER_PASSWORD, dsn=stage.dsn) as connection,
        connection.cursor() as cursor,
    ):
        began = time.monotonic()
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.arraysize, cursor.prefetchrows = _FETCH_ROWS, _FETCH_ROWS + 1
        cursor.execute(sql)
        count = 0
        while rows := cursor.fetchmany(_FETCH_ROWS):
            count += len(rows)
        seconds = time.monotonic() - began
    if count != stage.enrolments.rows:
        raise AssertionError(f"the bare fetch brought {count} rows")
    return seconds
