"""The first load: all rows of the university from Oracle to an empty Moodle, against an ideal client's.

Ours is counted from the moment when the connector's role begins its work (it is elected, its state is restored, it has
read nothing yet; the consumer runs and owns all partitions) to the last membership in Moodle's log. What the consumer
asked Moodle before that moment is added with its duration, since the ideal client has to ask for it, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from tests.bench import ideal
from tests.bench.measure import Measure
from tests.bench.processor import read_clocks
from tests.bench.stage import Bench
from tests.bench.traffic import Traffic, traffic
from tests.demo.moodle_site import MoodleSite
from tests.demo.processes import Child
from tests.demo.university import YEAR, University, normalised

NAMES = ("load", "memory poll", "memory consume")
_MEMORY_GOAL = 200 * 2**20
_REPORT = 1


def take(bench: Bench) -> Sequence[Measure]:
    """Load, and the memory that it took."""
    world = bench.world
    ideal_seconds, ideal_note = _ideal(bench)
    bench.start_consumer()
    before = world.moodle.mark()
    asked = world.metric(world.consumer, "cohortstream_moodle_call_duration_seconds_sum")
    world.connector.start()
    began = _works_since(world.connector)
    pids = {name: bench.child(name).pid for name in ("poll", "consume", "moodle", "oracle")}
    clocks = read_clocks(pids)
    bench.await_load()
    used = read_clocks(pids).since(clocks)
    seen = _traffic(world.moodle, before)
    seconds = seen.last_add - began + asked
    note = "\n".join(
        (
            f"ours: {seen.told(began)}; {asked:.2f} s of calls before the beginning are added",
            f"ideal: {ideal_note}",
            used,
        )
    )
    for child in (world.connector, world.consumer):
        child.measure()
    return [
        Measure("load", "s", seconds, ideal_seconds, 1.25, note=note),
        *(_memory(child) for child in (world.connector, world.consumer)),
    ]


def wanted_of(university: University) -> list[ideal.Wanted]:
    """What a client would have to be told beforehand."""
    return [
        ideal.Wanted(
            group.cohort,
            f"{group.label} ({YEAR})",
            f"FAC-{group.faculty.acronym}",
            tuple(sorted(normalised(number) for number in university.members[group.code])),
        )
        for group in university.groups
    ]


def _ideal(bench: Bench) -> tuple[float, str]:
    site = bench.reference()
    wanted, mark = wanted_of(bench.world.university), site.mark()
    bench.narrator.say("   an ideal client fills an equally fresh Moodle …")
    began, seconds = ideal.load(site, _REPORT, normalised, wanted)
    if (has := site.memberships()) != bench.world.resolved():
        raise AssertionError(f"the ideal client made {has} memberships instead of {bench.world.resolved()}")
    return seconds, _traffic(site, mark).told(began)


def _traffic(site: MoodleSite, since: int) -> Traffic:
    return traffic(site.control("events", since=since)["events"])


def _works_since(connector: Child) -> float:
    """Unix time at which it began to work, by its own log."""
    line = json.loads(connector.await_line(r'^\{.*"event": "connector\.works".*\}$')[0])
    return datetime.fromisoformat(line["time"]).timestamp()


def _memory(child: Child) -> Measure:
    mebi = 2**20
    return Measure(f"memory {child.name}", "MiB", child.peak_memory / mebi, _MEMORY_GOAL / mebi)
