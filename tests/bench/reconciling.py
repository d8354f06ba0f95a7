"""A large site is reconciled: what differs at both ends is found and repaired, in minutes and in little memory.

The ledger is written by this program, as a consumer would have left it that had applied everything, since applying so
much takes longer than all the other measures together. Connector, consumer and reconciler are the product's own.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.applied import Applied, make_accounts
from tests.bench.measure import Measure
from tests.bench.source_stage import SourceStage
from tests.bench.stage import LONGEST, Bench
from tests.demo.moodle_site import MoodleSite
from tests.demo.processes import Child
from tests.demo.world import product_command

NAMES = ("reconcile", "memory reconcile", "reads reconcile")
_ROWS_A_STUDENT, _ROWS_A_GROUP = 25, 500
_MOST_S, _MOST_MIB = 180.0, 512.0
_COHORTS_A_READ = 100
_TAKEN_OUT, _MOVED = 200, 100
"""Members, each of another cohort as far as there are so many; and students."""
_REPORT_ROWS = 10_000
_USERS_A_CALL = 250
_PARTITIONS = 12
_SINK = """
[sinks.moodle]
state_directory = @state@

[sinks.moodle.moodle]
url = @url@
token = @token@

[sinks.moodle.students]
by = "profile_field"
field = "student_number"
report_id = 1
field_header = "Student number"
"""


def take(bench: Bench) -> Sequence[Measure]:
    """Fill everything alike, change something behind everybody's back, reconcile."""
    site = bench.moodle("moodle-reconciled")
    try:
        sink = _SINK.replace("@url@", json.dumps(site.url)).replace("@token@", json.dumps(site.token))
        shape = _ROWS_A_STUDENT, _ROWS_A_GROUP
        stage = bench.source_of("reconciled", bench.options.reconciled, shape=shape, more=sink)
        try:
            return _take(bench, site, stage)
        finally:
            stage.close()
    finally:
        site.close()
        bench.child("moodle-reconciled").stop()


def _take(bench: Bench, site: MoodleSite, stage: SourceStage) -> Sequence[Measure]:
    bench.narrator.say(f"   {stage.enrolments.students:,} accounts in Moodle …")
    make_accounts(site, stage.enrolments.students)
    stage.load()
    bench.narrator.say("   a ledger and a Moodle in which everything is applied …")
    applied = Applied(stage.bootstrap, stage.topics, _PARTITIONS, site)
    applied.write()
    consumer = bench.role("consume-reconciled", [*product_command(stage.settings), "consume"])
    try:
        consumer.await_line(r'"event": "consumer\.started"', LONGEST)
        return _measure(bench, site, stage, applied, consumer)
    finally:
        consumer.stop()


def _measure(
    bench: Bench, site: MoodleSite, stage: SourceStage, applied: Applied, consumer: Child
) -> Sequence[Measure]:
    first = _run(bench, stage, 0)  # the consumer takes its ledger over, and the directory is read
    moved = stage.enrolments.move_unseen(_MOVED)
    taken = _take_out(site, applied)
    before = dict(site.control("counters")["calls"])
    report, seconds, child = _run(bench, stage, 1)
    made = {
        name: count - before.get(name, 0)
        for name, count in site.control("counters")["calls"].items()
        if count > before.get(name, 0) and not name.startswith(("core_cohort_add", "core_cohort_delete"))
    }
    found = report["found"].get("missing", 0), report["source"].get("differences", 0)
    if found != (taken, 2 * moved) and found != (taken, moved):
        raise AssertionError(f"{taken} were taken out and {moved} moved; found was {report}")
    cohorts = report["cohorts"]
    directory = math.ceil(stage.enrolments.students / _REPORT_ROWS) + math.ceil(
        stage.enrolments.students / _USERS_A_CALL
    )
    for process in (consumer, stage.connector):
        process.measure()
    peaks = {process.name: process.peak_memory / 2**20 for process in (child, consumer, stage.connector)}
    told = ", ".join(f"{name.removeprefix('core_')} {count}" for name, count in sorted(made.items()))
    note = (
        f"{cohorts:,} cohorts, {report['agreed']:,} memberships agree; {taken} taken out, {moved} moved; the one before "
        f"that, with nothing to find: {first[1]:.1f} s\nall reading calls, the consumer's included: {told}"
    )
    return [
        Measure(NAMES[0], "s", seconds, _MOST_S, note=note),
        Measure(
            NAMES[1],
            "MiB",
            max(peaks.values()),
            _MOST_MIB,
            note=", ".join(f"{name} {mib:.0f} MiB" for name, mib in peaks.items()),
        ),
        Measure(NAMES[2], "calls", sum(made.values()), cohorts / _COHORTS_A_READ + directory + taken + 2 * moved),
    ]


def _run(bench: Bench, stage: SourceStage, number: int) -> tuple[dict[str, Any], float, Child]:
    bench.narrator.say("   a reconciliation …")
    began = time.monotonic()
    child = bench.start(f"reconcile-{number}", [*product_command(stage.settings), "reconcile", "--json"])
    while child.running and time.monotonic() - began < LONGEST:
        child.measure()
        time.sleep(0.2)
    status = child.wait(1.0)
    seconds = time.monotonic() - began
    if status != 0:
        raise AssertionError(f"reconcile ended with {status}\n{child.tail()}")
    text = child.output()
    return json.loads(text[text.index("{") :]), seconds, child


def _take_out(site: MoodleSite, applied: Applied) -> int:
    """One member each of some cohorts, by hand."""
    rng = random.Random(6)
    some = rng.sample(applied.cohorts, min(_TAKEN_OUT, len(applied.cohorts)))
    for cohort in some:
        # The last students: those that move are the first.
        site.control("remove_members", cohort=cohort, usernames=[max(applied.members(cohort))])
    return len(some)
