"""Kill -9 of connector or consumer at any moment, then restart: the end state equals the source.

``KILLS`` says how many kills (default 5), ``KILLS_SEED`` which ones: the same seed makes the same changes and draws the
same moments, as far as processes can repeat moments.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.demo.comparison import Comparison, unexplained
from tests.demo.evening import compare_ends
from tests.demo.narration import Narrator
from tests.demo.processes import Child, Children
from tests.demo.stage import Plan, build
from tests.demo.university import SMALL
from tests.demo.waiting import wait_until
from tests.demo.world import World
from tests.e2e.registrar import Registrar
from tests.kills.killing import Victim

KILLS = int(os.environ.get("KILLS", "5"))
SEED = int(os.environ.get("KILLS_SEED", str(secrets.randbelow(1_000_000))))
_SECONDS_A_KILL = 25
_OVERRIDES = {
    "COHORTSTREAM__SINKS__MOODLE__ALLOWANCES": (
        '[{name = "kills", cohorts = "*", begins = 2000-01-01, ends = 2100-01-01, share = 1}]'
    ),
    "COHORTSTREAM__SINKS__MOODLE__MOODLE_SETTLE": "2s",
    "COHORTSTREAM__SINKS__MOODLE__REMOVAL_SETTLE": "1s",
    "COHORTSTREAM__SOURCES__SCOLARITE__ABSENCE_SETTLE": "2s",
}


@pytest.mark.timeout(240 + KILLS * _SECONDS_A_KILL)
def test_kills(tmp_path: Path) -> None:
    """However often the connector and the consumer are killed while changes flow, Moodle ends as the source says, and
    nobody was removed whose membership had not ended.
    """
    try:
        _try(tmp_path)
    except BaseException:
        print(f"\nTo repeat:  KILLS={KILLS} KILLS_SEED={SEED} python -m pytest tests/e2e/test_kills.py\n")
        raise


def _try(directory: Path) -> None:
    narrator = Narrator(Console(file=StringIO()))
    chance = random.Random(SEED)
    plan = Plan(directory / "data", SEED, SMALL, latency=False, overrides=_OVERRIDES)
    with Children(directory / "logs") as children, closing(build(plan, children, narrator)) as world:
        victims = [
            _victim(world, world.connector, "cohortstream_published_total", chance),
            _victim(world, world.consumer, "cohortstream_applied_total", chance),
        ]
        for victim in victims:
            victim.start()
        with Registrar(world.school, world.university, SEED) as registrar:
            deadline = time.monotonic() + KILLS * _SECONDS_A_KILL
            while sum(victim.kills for victim in victims) < KILLS:
                assert time.monotonic() < deadline, f"only {[v.kills for v in victims]} kills were possible"
                for victim in victims:
                    victim.look()
                time.sleep(0.05)
        if registrar.failure is not None:
            raise registrar.failure
        comparison = _await_agreement(world)
        print(
            f"seed {SEED}: {victims[0].kills} + {victims[1].kills} kills, {sum(v.kills_at_work for v in victims)} of them at "
            f"work; {registrar.changes} changes, {sum(comparison.source.values())} memberships"
        )
        _assert_no_flapping(world, registrar)
        _assert_no_doubles(world)


def _victim(world: World, child: Child, metric: str, chance: random.Random) -> Victim:
    return Victim(child, lambda: world.metric(child, metric) > 0, random.Random(chance.random()))


def _await_agreement(world: World) -> Comparison:
    def look() -> Comparison | None:
        world.children.check()
        comparison = compare_ends(world)
        return comparison if comparison.agree and comparison.moodle else None

    try:
        return wait_until(look, "both ends agree", 150, every=0.5)
    except TimeoutError as error:
        lines = "\n".join(list(unexplained(compare_ends(world)))[:40])
        tails = "\n".join(child.tail() for child in (world.connector, world.consumer))
        raise AssertionError(f"{error}\n{lines}\n{tails}") from None


def _assert_no_flapping(world: World, registrar: Registrar) -> None:
    """Each removal is of a membership whose row had ended at some time."""
    cohorts = {number: name for name, number in world.moodle.cohorts().items()}
    codes = {group.cohort: group.code for group in world.university.groups}
    students = {world.moodle.user_ids[name]: number for number, name in world.users.items()}
    removed = {
        (students[event.user], codes[cohorts[event.cohort]]) for event in world.moodle.events(0) if not event.added
    }

    assert removed <= registrar.ended


def _assert_no_doubles(world: World) -> None:
    """No cohort was made twice."""
    names = [row["idnumber"] for row in world.moodle.call("core_cohort_get_cohorts")]

    assert sorted(names) == sorted(set(names))
