"""The product starts on empty topics and an empty Moodle."""

from __future__ import annotations

from tests.demo.world import World

_LONGEST = 300.0
_HASTE = 0.3
"""How long Moodle's answers take during the load, compared with the measured ones, so that the demo is short."""


def check(world: World) -> None:
    """Before anything is started, as an operator does."""
    with world.narrator.step(
        "Check: `cohortstream check` tries Oracle, Kafka and Moodle by reading alone",
        "no fault; that a view hides its indexes is a warning",
    ) as step:
        done = world.run_product("check")
        if done.returncode:
            raise AssertionError(f"check ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        step.saw(done.stdout.strip().splitlines()[-1])


def first_load(world: World) -> None:
    """Every membership of the source comes to Moodle."""
    wanted = world.resolved()
    rows = sum(len(students) for students in world.members.values())
    left_out = rows - wanted
    with world.narrator.step(
        "First load: the connector and the consumer start on empty topics",
        f"{wanted:,} memberships in {len(world.members)} new cohorts, {left_out} parked: their students have no account, or two",
    ) as step:
        if world.latency:
            world.moodle.control("latency", scale=_HASTE)
        world.connector.start()
        world.consumer.start()

        def loaded() -> int:
            world.children.check()
            return world.moodle.memberships()

        seconds = world.narrator.progress("memberships in Moodle", wanted, loaded, _LONGEST)
        world.narrator.progress("memberships parked", left_out, lambda: _parked(world), _LONGEST)
        cohorts = len(world.moodle.cohorts())
        if cohorts != len(world.members):
            raise AssertionError(f"there are {cohorts} cohorts in Moodle instead of {len(world.members)}")
        if world.latency:
            world.moodle.control("latency", scale=1.0)
            step.saw(
                "Moodle answered three times as fast as the one that was measured; from now on it answers as fast as that"
            )
        step.saw(
            f"{wanted:,} memberships in {cohorts} cohorts after {seconds:.1f} s, {wanted / seconds:.0f} a second, processes' start "
            f"included; {_parked(world)} parked"
        )


def _parked(world: World) -> int:
    return int(world.metric(world.consumer, "cohortstream_parked"))
