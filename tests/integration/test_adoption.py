"""A Moodle that somebody else kept so far, met for the first time: the real broker, Moodle over HTTP, the commands."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.commands import adopt, check, plan, status
from connector.commands.wiring.base import base_for_command
from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.topics import topic_id
from connector.runtime.lifecycle import ExitCode
from consumers.cohorts.adoption import Why
from schemas.keys import encode_key
from schemas.records import Checkpoint, PartitionMarker, Presence
from tests.integration.cohort_world import World, run_until, running_moodle


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def arguments(**more: Any) -> argparse.Namespace:
    return argparse.Namespace(**({"sink": None, "json": True, "cohort": [], "members": False} | more))


def planned(world: World, capsys: pytest.CaptureFixture[str], **sink: Any) -> dict[str, Any]:
    """What ``plan`` answers."""
    plan.run(arguments(), world.settings(world.sink(**sink)))
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def checkpoint(world: World, source: str, *, loaded: bool, fingerprint: str = "f") -> None:
    """As the connector writes it; without a fingerprint the source was retired."""
    topic, record = world.topics.checkpoints, Checkpoint(source, loaded, (), fingerprint)
    world.producer.produce(topic, world.codec.encode(topic, record), encode_key("checkpoint", source), 0)
    world.producer.flush(10)


def taken_over(world: World) -> None:
    """Cohorts that a plugin has kept: one as the source has it but for two members, one unknown to the source."""
    world.moodle.site.add_cohort("A", members=[world.user(1), world.user(2), world.user(9)])
    world.moodle.site.add_cohort("STAFF", members=[world.user(50)])
    world.publish(world.cohort("A"), world.cohort("B"))
    world.publish(
        *(world.says("A", world.student(n)) for n in (1, 3)), world.says("A", world.student(2), Presence.ABSENT)
    )
    world.publish(world.says("B", world.student(1)), world.says("B", "P9999999"))


def decisions(world: World) -> list[str | None]:
    """Why the sink writes or not, as the journal has it."""
    return [entry.reason for entry in world.journal() if entry.kind == "adoption"]


def in_shadow(world: World) -> bool:
    return decisions(world)[-1:] == [Why.COHORTS_NAMED]


def test_a_moodle_with_members_is_planned_then_adopted_then_applied(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written before a person has seen what would change; then exactly that happens."""
    taken_over(world)
    checkpoint(world, "school", loaded=False)
    site = world.moodle.site
    with world.consumer() as consumer, ThreadPoolExecutor(1) as aside:
        run_until(consumer, lambda: consumer.shadow is not None)
        first = consumer.shadow
        checkpoint(world, "school", loaded=True)
        run_until(consumer, lambda: in_shadow(world))
        run_until(consumer, lambda: consumer.idle)
        found = planned(world, capsys)
        with pytest.raises(Halted, match="CS6024"):
            adopt.run(arguments(hash="0" * 12, foreign="keep"), world.settings())
        with pytest.raises(Halted, match="CS6025"):
            adopt.run(arguments(hash=found["hash"], foreign="remove"), world.settings())
        with pytest.raises(Halted, match="CS6020"):
            adopt.run(arguments(hash=found["hash"], foreign="keep"), world.settings(world.sink(mode="shadow")))
        written = (site.totals["added"], site.totals["removed"], site.totals["cohorts_written"])
        world.publish(world.says("B", world.student(4)))  # additions do not change the hash
        asked = aside.submit(adopt.run, arguments(hash=found["hash"], foreign="keep"), world.settings())
        run_until(consumer, asked.done)
        run_until(consumer, lambda: len(world.members("B")) == 2 and world.user(2) not in world.members("A"))
        run_until(consumer, lambda: consumer.idle)

    assert asked.result() is ExitCode.OK
    assert first is not None
    assert first.why == Why.FIRST_LOAD
    assert written == (0, 0, 0)
    assert world.members("A") == {world.user(1), world.user(3), world.user(9)}
    assert world.members("STAFF") == {world.user(50)}
    (a,), (b,) = ([one for one in found["cohorts"] if one["cohort"] == name] for name in "AB")
    assert (a["taken_over"], a["add"], a["there"], a["foreign"], a["remove"]) == (
        True,
        1,
        1,
        [world.user(9)],
        [world.user(2)],
    )
    assert (b["create"], b["add"], b["unplaced"]) == (True, 1, 1)
    assert (found["writes"], found["why"], len(found["cohorts"])) == (False, Why.COHORTS_NAMED, 2)


def test_the_plan_of_a_sink_at_work_knows_keys_that_have_moved(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who carries the key of a wanted student by now is not shown as leaving, and does not leave."""
    one, other = world.student(1), world.student(2)
    world.publish(world.cohort("A"), world.says("A", one), world.says("A", other))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 2 and consumer.idle)
    world.publish(world.says("A", one, Presence.ABSENT))
    before = planned(world, capsys)
    world.moodle.site.update_user(world.user(1), idnumber=other)
    world.moodle.site.update_user(world.user(2), idnumber=one)
    after = planned(world, capsys)
    with world.consumer() as consumer:
        run_until(consumer, lambda: "kept_for_another_key" in {note.reason for note in world.journal()})

    assert [world.user(1)] == before["cohorts"][0]["remove"]
    assert [] == after["cohorts"][0]["remove"] == after["cohorts"][0]["foreign"]
    assert world.members("A") == {world.user(1), world.user(2)}


def test_status_and_check_say_what_to_do(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """In shadow they name the commands; afterwards they say nothing of it."""
    taken_over(world)
    checkpoint(world, "school", loaded=True)
    base = base_for_command(world.settings())
    with world.consumer() as consumer:
        run_until(consumer, lambda: in_shadow(world))
        shown = "\n".join(status.lines(status.describe(base)))
        checked = check.check_standing(base, "moodle")
        by_setting = check.check_standing(base_for_command(world.settings(world.sink(mode="shadow"))), "moodle")

    assert "CS6021" in shown
    assert "cohortstream plan" in shown
    assert [one.message.code for one in (checked, by_setting) if one.message] == ["CS6021", "CS6020"]
    world.adopted_long_since()
    assert "CS602" not in "\n".join(status.lines(status.describe(base)))
    assert check.check_standing(base, "moodle").message is None


def test_a_moodle_without_members_is_applied_to_at_once(world: World) -> None:
    """No source need be loaded; the second consumer does not even look."""
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    with world.consumer(sources=["school"]) as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1)})
    world.publish(world.says("A", world.student(2)))
    world.moodle.site.add_cohort("Z", members=[world.user(7)])
    world.publish(world.cohort("Z"))
    with world.consumer(sources=["school"]) as consumer:
        run_until(consumer, lambda: world.user(2) in world.members("A"))

    assert decisions(world) == [Why.EMPTY_MOODLE]


def test_a_source_that_the_settings_name_is_waited_for(world: World) -> None:
    """Though no checkpoint speaks of it yet; another one that is loaded is not all."""
    world.moodle.site.add_cohort("STAFF", members=[world.user(50)])
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    checkpoint(world, "school", loaded=True)
    checkpoint(world, "retired", loaded=False)
    with world.consumer(sources=["school", "annex"]) as consumer:
        run_until(consumer, lambda: consumer.shadow is not None and len(consumer.owned) == 4)
        for _ in range(100):
            consumer.run_once()
        waits = consumer.shadow
        checkpoint(world, "annex", loaded=True)
        checkpoint(world, "retired", loaded=False, fingerprint="")
        run_until(consumer, lambda: world.members("A") == {world.user(1)})

    assert waits is not None
    assert waits.why == Why.FIRST_LOAD


def test_what_an_earlier_release_began_goes_on(world: World) -> None:
    """A marker without any decision: its Moodle is full of members that records name."""
    world.moodle.site.add_cohort("A", members=[world.user(9)])
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    made = topic_id(world.connection, world.topics.memberships)
    marker = PartitionMarker(3, made, 0, 0, 0, "f", datetime.now(UTC))
    world.producer.produce(world.topics.ledger, world.codec.encode(world.topics.ledger, marker), encode_key(3), 3)
    world.producer.flush(10)
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1), world.user(9)})

    assert decisions(world) == []
