"""Live additions: how long after its commit in Oracle a row is a membership in Moodle, under load.

A student enters some groups in one transaction. The time of each row begins when ``commit`` has returned to the writer
and ends with the line of Moodle's log. The goal is absolute, so it is the reference; the floor, which no client can go below, is one bare
call that adds one member.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from tests.bench.measure import Measure
from tests.bench.processor import read_clocks
from tests.bench.stage import LONGEST, Bench
from tests.bench.traffic import traffic
from tests.demo.freshness import Freshness, Membership, measure
from tests.demo.moodle_site import MoodleSite
from tests.demo.student_system import Place
from tests.demo.waiting import wait_until
from tests.demo.world import World

NAMES = ("freshness median", "freshness p99")
_MEDIAN_GOAL, _P99_GOAL = 1.0, 5.0
_BARE_CALLS = 25
_WARM_UP = 10
_ROWS_AT_ONCE = 5
"""Groups that a student enters in one transaction, as at a registration desk. One each would be as good, but a
statement costs the stand-in 20 ms, and Oracle less than one."""


def take(bench: Bench) -> Sequence[Measure]:
    """Median and p99, at the rate of the options."""
    bench.ensure_loaded()
    floor = _bare_call(bench.reference())
    world = bench.world
    count = bench.options.rate * bench.options.seconds
    registrations = [_registration(world) for _ in range(count // _ROWS_AT_ONCE)]
    cohorts = world.moodle.cohorts()
    mark, before = world.moodle.mark(), world.moodle.memberships()
    bench.narrator.say(f"   {count} enrolments, {bench.options.rate} a second …")
    pids = {name: bench.child(name).pid for name in ("poll", "consume", "moodle", "oracle")}
    clocks = read_clocks(pids)
    began = time.time()
    committed = _enrol(bench, registrations, cohorts)
    took = time.time() - began
    wait_until(
        lambda: world.moodle.memberships() >= before + count, f"{count} enrolments are in Moodle", LONGEST, every=0.25
    )
    seen = measure(committed, world.moodle.events(mark))
    note = "\n".join(
        (
            f"{seen}; {count / took:.0f} additions a second into {len({place.group for places in registrations for place in places})} cohorts",
            f"floor: one bare call that adds one member takes {floor:.3f} s",
            traffic(world.moodle.control("events", since=mark)["events"]).told(began),
            read_clocks(pids).since(clocks),
        )
    )
    return [_measure(NAMES[0], seen, 50, _MEDIAN_GOAL, note), _measure(NAMES[1], seen, 99, _P99_GOAL, "")]


def _registration(world: World) -> list[Place]:
    """A student, and groups of a year that they were not in."""
    stage = world.chance.choice(world.university.groups).stage
    groups = world.chance.sample([group for group in world.university.groups if group.stage == stage], _ROWS_AT_ONCE)
    student = world.newcomer(groups)
    return [Place(student, group) for group in groups]


def _enrol(bench: Bench, registrations: Sequence[list[Place]], cohorts: dict[str, int]) -> dict[Membership, float]:
    """Enrol at an even pace; when each was committed."""
    world = bench.world
    committed: dict[Membership, float] = {}
    pause = _ROWS_AT_ONCE / bench.options.rate
    began = time.monotonic()
    for number, places in enumerate(registrations):
        time.sleep(max(0.0, began + number * pause - time.monotonic()))
        at = world.school.enrol(*(place.row for place in places))
        committed |= {(cohorts[place.group.cohort], world.user_id(place.student)): at for place in places}
    return committed


def _bare_call(site: MoodleSite) -> float:
    """Seconds, the median of some."""
    place = {"cohorts[0][categorytype][type]": "system", "cohorts[0][categorytype][value]": ""}
    cohort = site.call(
        "core_cohort_create_cohorts", **place, **{"cohorts[0][name]": "Floor", "cohorts[0][idnumber]": "FLOOR"}
    )[0]["id"]
    taken = []
    for user in list(site.user_ids.values())[: _WARM_UP + _BARE_CALLS]:
        form: dict[str, str | int] = {
            "members[0][cohorttype][type]": "id",
            "members[0][cohorttype][value]": cohort,
            "members[0][usertype][type]": "id",
            "members[0][usertype][value]": user,
        }
        began = time.monotonic()
        site.call("core_cohort_add_cohort_members", **form)
        taken.append(time.monotonic() - began)
    return statistics.median(taken[_WARM_UP:])


def _measure(name: str, seen: Freshness, percent: float, goal: float, note: str) -> Measure:
    return Measure(name, "s", seen.percentile(percent), goal, note=note)
