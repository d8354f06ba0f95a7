"""Replay: Kafka's own tool sets the consumer's group back to the beginning while Moodle is right.

Nothing may be written, and reading may cost no more than one call for each hundred cohorts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.bench.measure import Measure
from tests.bench.stage import Bench
from tests.demo.steps import faults

NAMES = ("replay writes", "replay reads")
_MEMBERS = "core_cohort_get_cohort_members"
_COHORTS_A_CALL = 100


def take(bench: Bench) -> Sequence[Measure]:
    """Calls that Moodle answered because of the replay."""
    bench.ensure_loaded()
    moodle = bench.world.moodle
    cohorts = len(moodle.cohorts())
    writes, calls = moodle.write_calls(), dict(moodle.control("counters")["calls"])
    bench.narrator.say("   a replay of everything …")
    seconds = faults._reset_and_restart(bench.world)
    after = moodle.control("counters")["calls"]
    made = {name: count - calls.get(name, 0) for name, count in after.items() if count > calls.get(name, 0)}
    told = ", ".join(f"{name.removeprefix('core_')} {count}" for name, count in sorted(made.items()))
    note = f"worked off {seconds:.1f} s after the consumer's start; all calls: {told}"
    return [
        Measure(NAMES[0], "calls", moodle.write_calls() - writes, 0, note=note),
        Measure(NAMES[1], "calls", made.get(_MEMBERS, 0), math.ceil(cohorts / _COHORTS_A_CALL)),
    ]
