"""A Moodle that was restored, and a topic that was made anew: over the real broker and HTTP, with the commands."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from connector.commands import accept_site, rebuild
from connector.runtime.errors import Halted
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.lifecycle import ExitCode
from schemas.records import PartitionMarker, Presence
from tests.demo.waiting import wait_until
from tests.integration.cohort_world import World, run_until, running_moodle
from tests.standins.moodle.restoring import back_up, restore

ABSENT = Presence.ABSENT


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def ask(world: World, run: Callable[..., ExitCode], mark: str | None) -> ExitCode:
    settings = world.settings(reconcile={"answer_within": "60s"})
    return run(argparse.Namespace(sink=None, json=True, hash=mark), settings)


def shown(world: World, run: Callable[..., ExitCode], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the command answers without a hash."""
    capsys.readouterr()
    ask(world, run, None)
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def standing(world: World) -> set[str]:
    return {alert.code for alert in world.raised().values()}


def test_a_restored_moodle_is_accepted_by_a_person(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Until then it gets no write. Then members are read again, by the accounts that they have now; a cohort that went
    with the restore is made anew, though its number is another cohort's by now.
    """
    site = world.moodle.site
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in range(1, 7)))
    with world.consumer(site_check="3s", moodle_settle="2s") as consumer, ThreadPoolExecutor(1) as aside:
        run_until(consumer, lambda: len(world.members("A")) == 6 and consumer.idle)
        backup = back_up(site)
        late = site.add_user("late", idnumber="P9999999").id
        world.publish(world.cohort("NEW"), world.says("NEW", "P9999999"), world.says("A", world.student(2), ABSENT))
        run_until(consumer, lambda: world.members("NEW") == {late} and len(world.members("A")) == 5 and consumer.idle)
        restore(site, backup)
        site.add_cohort("SOMEBODYS", members=[world.user(1)])
        run_until(consumer, lambda: "CS5021" in standing(world))
        written = site.totals["added"]
        world.publish(world.says("A", world.student(8)))
        for _ in range(30):
            consumer.run_once()
        quiet = site.totals["added"] == written and consumer.paused is not None
        found = shown(world, accept_site.run, capsys)
        with pytest.raises(Halted, match="CS6030"):
            ask(world, accept_site.run, "0" * 16)
        asked = aside.submit(ask, world, accept_site.run, found["hash"])
        run_until(consumer, asked.done)
        newcomer = site.add_user("newcomer", idnumber="P1111111").id
        returned = site.add_user("returned", idnumber="P9999999").id
        run_until(consumer, lambda: world.members("NEW") == {returned} and len(world.members("A")) == 6)
        run_until(consumer, lambda: consumer.idle and not standing(world))
        after = shown(world, accept_site.run, capsys)

    assert quiet
    assert asked.result() is ExitCode.OK
    assert [(late, None)] == [(one["user_id"], one["now"]) for one in found["accounts"]]
    assert newcomer == late
    assert world.members("A") == {world.user(n) for n in (1, 3, 4, 5, 6, 8)}
    assert world.members("SOMEBODYS") == {world.user(1)}
    assert not after["odd"]
    assert world.removed_without_cause() == 0


def test_the_marker_says_which_site_it_speaks_of(world: World) -> None:
    """With the newest accounts that the ledger names, and the oldest."""

    def told() -> bool:
        world.publish(world.says("A", world.student(1)))  # something to commit
        return len(_accounts(world)) == 6

    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in range(1, 9)))
    with world.consumer(site_check="1s") as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 8 and consumer.idle)
        run_until(consumer, told)

    assert [world.user(n) for n in (8, 7, 6, 5, 4, 1)] == _accounts(world)


def test_a_topic_made_anew_is_taken_in_when_a_person_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is added who is there; whom the new topic does not name stays."""
    site = world.moodle.site
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in (1, 2, 3)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 3 and consumer.idle)
    admin = world.connection.admin()
    admin.delete_topics([world.topics.memberships])[world.topics.memberships].result()
    wait_until(lambda: world.topics.memberships not in topics.partition_counts(world.connection), "the topic is gone")
    topics.ensure(world.connection, world.topics.source_side())
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in (2, 3, 4)))
    with world.consumer() as consumer, pytest.raises(Halted, match="CS5006"):
        run_until(consumer, lambda: False)
    found = shown(world, rebuild.run, capsys)
    with pytest.raises(Halted, match="CS6031"):
        ask(world, rebuild.run, "0" * 16)
    with ThreadPoolExecutor(1) as aside:
        asked = aside.submit(ask, world, rebuild.run, found["hash"])
        while len(world.records(world.topics.commands)) < 4:
            assert not asked.done()
        with world.consumer() as consumer:
            run_until(consumer, asked.done)
            run_until(consumer, lambda: len(world.members("A")) == 4 and consumer.idle)

    assert asked.result() is ExitCode.OK
    assert (4, 3, 1) == (found["other_topic"], found["wanted"], found["unnamed"])
    assert (1, 2, 1) == (found["ahead"]["add"], found["ahead"]["there"], found["ahead"]["foreign"])
    assert (4, 0) == (site.totals["added"], site.totals["removed"])


def _accounts(world: World) -> list[int]:
    """Of the marker that names most."""
    sites = [one.site for one in world.records(world.topics.ledger) if isinstance(one, PartitionMarker)]
    return max(([one.user_id for one in site.accounts] for site in sites if site is not None), key=len, default=[])
