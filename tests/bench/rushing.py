"""A rush: every student is hinted at once, first by a touch that changes nothing, then by a move in each student's rows.

Both have to be worked off within minutes, in bounded memory, and without more of the database than the configured share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.source.settings import SourceSettings
from tests.bench.measure import Measure
from tests.bench.source_stage import SourceStage
from tests.bench.stage import Bench
from tests.demo.waiting import wait_until

NAMES = ("rush touched", "rush moved", "rush memory", "rush share")
_LONGEST_GOAL = 600.0
_MEMORY_GOAL_MIB = 300.0
_SHARE = SourceSettings.model_fields["share"].default
_RESERVE_S = 2.0
"""Seconds inside the database that polling may spend ahead, after a quiet time."""
_GIVEN_UP = 3 * _LONGEST_GOAL


@dataclass(frozen=True, slots=True)
class _Drained:
    seconds: float
    busy: float
    """Seconds inside the database meanwhile."""

    @property
    def allowed(self) -> float:
        return _RESERVE_S + float(_SHARE) * self.seconds


def take(bench: Bench) -> Sequence[Measure]:
    """In a stage of its own, whose connector then has its own peak."""
    stage = bench.source_of("rush", bench.options.hints)
    try:
        stage.load()
        loaded = stage.peak()
        touched = _drain(stage, stage.enrolments.touch, 0)
        moved = _drain(stage, stage.enrolments.move, stage.enrolments.students)
        peak = stage.peak()
    finally:
        stage.close()
    note = (
        f"{stage.enrolments.students:,} students with {stage.enrolments.rows:,} rows; busy {touched.busy:.1f} s of "
        f"{touched.seconds:.0f}, then {moved.busy:.1f} s of {moved.seconds:.0f}; the share is {_SHARE:.0%}, and "
        f"{_RESERVE_S:g} s may be spent ahead; {loaded:.0f} MiB after the load"
    )
    worst = max((touched, moved), key=lambda drained: drained.busy / drained.allowed)
    return [
        Measure(NAMES[0], "s", touched.seconds, _LONGEST_GOAL, note=note),
        Measure(NAMES[1], "s", moved.seconds, _LONGEST_GOAL),
        Measure(NAMES[2], "MiB", peak, _MEMORY_GOAL_MIB),
        Measure(NAMES[3], "s", worst.busy, worst.allowed, 1.05),
    ]


def _drain(stage: SourceStage, change: Callable[[], float], moves: int) -> _Drained:
    """Change, and wait until every row was read again and each move published as one addition and one removal."""
    truth = stage.metric("source_rows_total", query="truth")
    published = {op: stage.metric("published_total", op=op) for op in ("present", "absent")}
    busy = stage.metric("source_time_seconds_total")
    committed = change()

    def drained() -> bool:
        stage.connector.check()
        read = stage.metric("source_rows_total", query="truth") - truth
        return read >= stage.enrolments.rows and all(
            stage.metric("published_total", op=op) - before >= moves for op, before in published.items()
        )

    wait_until(drained, f"the rush of {stage.enrolments.students} students is worked off", _GIVEN_UP, every=0.5)
    return _Drained(time.time() - committed, stage.metric("source_time_seconds_total") - busy)
