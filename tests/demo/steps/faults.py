"""What goes wrong around the product: Moodle is away, offsets are reset, somebody meddles in Moodle."""

from __future__ import annotations

import time

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from tests.demo.student_system import Place
from tests.demo.waiting import wait_until
from tests.demo.world import CONSUMER_GROUP, GROUP_TOOL, PARTITIONS, World

_OUTAGE_S = 5
_DURING = 40
_BOUND = 180.0


def outage(world: World) -> None:
    """Moodle refuses connections for some seconds while enrolments go on."""
    groups = world.groups("CM")[:_DURING]
    with world.narrator.step(
        f"Outage: Moodle refuses connections for {_OUTAGE_S} s while {len(groups)} students enrol",
        "nothing is lost and nothing has to be done: they are in Moodle soon after it is back",
    ) as step:
        cohorts = world.moodle.cohorts()
        since = world.moodle.mark()
        world.moodle.control("outage", seconds=_OUTAGE_S)
        back = time.time() + _OUTAGE_S
        places = [Place(world.newcomer([group]), group) for group in groups]
        for place in places:
            world.school.enrol(place.row)
        wanted = {(cohorts[place.group.cohort], world.user_id(place.student)) for place in places}
        events = world.await_events(since, wanted, set(), _BOUND)
        last = max(event.at for event in events if (event.cohort, event.user) in wanted)
        step.saw(f"all {len(wanted)} in Moodle {last - back:.1f} s after it was back")


def replay(world: World) -> None:
    """Kafka's own tool sets the group back to the beginning. Moodle is right, so nothing may be written."""
    with world.narrator.step(
        "Replay: the consumer is stopped, Kafka's own tool resets its group to the earliest offsets, it starts again",
        "it reads every record again, compares with Moodle, and writes nothing",
    ) as step:
        since, writes = world.moodle.mark(), world.moodle.write_calls()
        seconds = _reset_and_restart(world)
        changed = world.moodle.events(since)
        calls = world.moodle.write_calls() - writes
        if changed or calls:
            raise AssertionError(f"{calls} writing calls were made and {len(changed)} memberships changed")
        step.saw(f"worked off in {seconds:.1f} s; 0 calls that write, 0 changes in Moodle's log")


def repair(world: World) -> None:
    """Somebody removed members in Moodle by hand: the same replay repairs it."""
    groups = world.groups("TD")[4:7]
    places = [Place(world.some_members(group, 1)[0], group) for group in groups]
    with world.narrator.step(
        f"Repair: somebody removes {len(places)} members by hand in Moodle; the same reset follows",
        "exactly these memberships are written again",
    ) as step:
        cohorts = world.moodle.cohorts()
        for place in places:
            world.moodle.control("remove_members", cohort=place.group.cohort, usernames=[world.users[place.student]])
        since = world.moodle.mark()
        wanted = {(cohorts[place.group.cohort], world.user_id(place.student)) for place in places}
        seconds = _reset_and_restart(world)
        events = world.await_events(since, wanted, set(), _BOUND)
        changed = {(event.cohort, event.user) for event in events}
        if changed != wanted:
            raise AssertionError(f"{len(changed)} memberships changed instead of {len(wanted)}")
        step.saw(f"{len(changed)} additions, no removal; worked off in {seconds:.1f} s")


def _reset_and_restart(world: World) -> float:
    """Seconds from the consumer's start until it has worked off every record and every recheck."""
    world.consumer.stop()
    await_idle_group(world)
    world.kafka_tool(
        GROUP_TOOL, "--group", CONSUMER_GROUP, "--reset-offsets", "--to-earliest", "--all-topics", "--execute"
    )
    begun = time.monotonic()
    world.consumer.start()
    wait_until(lambda: _worked_off(world), "the consumer has worked off the replay", _BOUND, every=0.3)
    took = time.monotonic() - begun
    calls = [-1]

    def quiet() -> bool:
        """It reads no members any more; one look a second, since it collects for two before it reads."""
        before, calls[0] = calls[0], world.moodle.calls("core_cohort_get_cohort_members")
        return calls[0] == before

    wait_until(quiet, "the consumer is quiet", _BOUND, every=2.5)
    return took


def await_idle_group(world: World) -> None:
    """Until the consumer's group has no members, as Kafka demands of whoever resets its offsets."""
    admin = AdminClient({"bootstrap.servers": world.ends.bootstrap})

    def idle() -> bool:
        described = admin.describe_consumer_groups([CONSUMER_GROUP], request_timeout=10.0)[CONSUMER_GROUP].result()
        return bool(described.state == ConsumerGroupState.EMPTY)

    wait_until(idle, "the consumer's group is empty")


def _worked_off(world: World) -> bool:
    """Every partition is owned, and every membership that Moodle has has been compared again."""
    world.children.check()
    compared = world.metric(world.consumer, "cohortstream_rechecks_total")
    owned = world.metric(world.consumer, "cohortstream_partitions")
    return owned == PARTITIONS and compared >= world.resolved()
