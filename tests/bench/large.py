"""Two tables, one five times the other: the memory of the connector must stay bounded, and its time grow in proportion.

The load and the snapshot run in processes of their own, so that each shows its own peak. The one of the snapshot first
reads from the topics what the other has published, as a connector does that has lost its disk.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.enrolments import ROWS_A_STUDENT
from tests.bench.measure import Measure
from tests.bench.processor import processor_seconds, read_clocks
from tests.bench.stage import Bench

NAMES = ("memory load", "memory snapshot", "memory growth load", "memory growth snapshot")
_MEMORY_GOAL_MIB = 300.0
_GROWTH_GOAL = 1.3
_TIMES_SMALLER = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    rows: int
    load_s: float
    load_processor_s: float
    load_mib: float
    restored_s: float
    restored_mib: float
    snapshot_s: float
    snapshot_mib: float
    used: str

    @property
    def told(self) -> str:
        return (
            f"{self.rows:,} rows: load {self.load_s:.1f} s ({1e6 * self.load_s / self.rows:.0f} µs a row, "
            f"{1e6 * self.load_processor_s / self.rows:.0f} of them on the connector's processor), snapshot "
            f"{self.snapshot_s:.1f} s ({1e6 * self.snapshot_s / self.rows:.1f} µs a row) after a restart from "
            f"the topics in {self.restored_s:.1f} s and {self.restored_mib:.0f} MiB at the most; {self.used}"
        )


def take(bench: Bench) -> Sequence[Measure]:
    """The small one first."""
    small = _passes(bench, "small", bench.options.large // _TIMES_SMALLER)
    large = _passes(bench, "large", bench.options.large)
    factor = large.rows / small.rows
    note = f"{small.told}\n{large.told}"
    return [
        Measure(NAMES[0], "MiB", large.load_mib, _MEMORY_GOAL_MIB, note=note),
        Measure(NAMES[1], "MiB", large.snapshot_mib, _MEMORY_GOAL_MIB),
        Measure(NAMES[2], "s", large.load_s, factor * small.load_s, _GROWTH_GOAL),
        Measure(NAMES[3], "s", large.snapshot_s, factor * small.snapshot_s, _GROWTH_GOAL),
    ]


def _passes(bench: Bench, name: str, rows: int) -> _Seen:
    stage = bench.source_of(name, rows // ROWS_A_STUDENT)
    try:
        load = stage.load()
        load_mib, processor = stage.peak(), processor_seconds(stage.connector.pid)
        began = time.monotonic()
        stage.restart()
        restored_s, restored_mib = time.monotonic() - began, stage.peak()
        pids = {"poll": stage.connector.pid, "oracle": stage.oracle.pid}
        clocks = read_clocks(pids)
        snapshot = stage.snapshot()
        used = read_clocks(pids).since(clocks)
        return _Seen(
            stage.enrolments.rows, load, processor, load_mib, restored_s, restored_mib, snapshot, stage.peak(), used
        )
    finally:
        stage.close()
