"""The replay command on the real broker: shown first, then done by the consumer that runs."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector.commands import replay
from connector.runtime.kafka.connection import Connection
from connector.runtime.lifecycle import ExitCode
from consumers.cohorts.window import Span
from schemas.keys import partition_of
from schemas.records import Command, Presence
from tests.integration.cohort_world import World, reset_offsets, run_until, running_moodle
from tests.standins.kafka import Kafka


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def answer(world: World, capsys: pytest.CaptureFixture[str], **more: Any) -> tuple[ExitCode, dict[str, Any]]:
    """What the command says to a machine."""
    plain: dict[str, Any] = {
        "sink": None,
        "json": True,
        "since": None,
        "until": None,
        "offset": [],
        "cohort": [],
        "student": [],
    }
    arguments = argparse.Namespace(**(plain | {"yes": False} | more))
    code = replay.run(arguments, world.settings())
    return code, json.loads(capsys.readouterr().out)


def changes(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["op"], one["cohort"], one["student"]) for one in found["changes"]}


@contextmanager
def at_work(world: World) -> Iterator[None]:
    """A consumer that takes its turns beside the test."""
    ready, stopping = threading.Event(), threading.Event()

    def work() -> None:
        with world.consumer() as consumer:
            run_until(consumer, lambda: bool(consumer.owned) and consumer.idle)
            ready.set()
            while not stopping.is_set():
                consumer.run_once()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(90)
        yield
    finally:
        stopping.set()
        thread.join()


def tampered(world: World) -> None:
    """A member was taken out by hand, and one whom the source had taken out was put in again."""
    world.publish(*(world.cohort(name) for name in "AB"))
    world.publish(*(world.says(name, world.student(n)) for name in "AB" for n in (1, 2, 3)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == len(world.members("B")) == 3 and consumer.idle)
        world.publish(world.says("B", world.student(3), Presence.ABSENT))
        run_until(consumer, lambda: len(world.members("B")) == 2 and consumer.idle)
    world.moodle.site.take_members("A", [world.user(1)])
    world.moodle.site.put_members("B", [world.user(3)])


def test_it_shows_what_it_would_change_and_then_does_exactly_that(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only looking writes nothing; what was asked for is worked off when the command ends."""
    tampered(world)
    code, shown = answer(world, capsys)
    asked = world.records(world.topics.commands)
    with at_work(world):
        done_code, done = answer(world, capsys, yes=True)

    assert (code, asked) == (ExitCode.FINDINGS, [])
    assert changes(shown) == {("add", "A", world.student(1)), ("remove", "B", world.student(3))}
    assert (done_code, done["asked"], done["worked_off"]) == (ExitCode.OK, 2, True)
    assert world.members("A") == {world.user(n) for n in (1, 2, 3)}
    sent = [one for one in world.records(world.topics.commands) if isinstance(one, Command)]
    assert {(one.kind, one.cohort, one.student) for one in sent} == {
        ("recheck", cohort, student) for _, cohort, student in changes(shown)
    }


def test_it_does_not_show_as_leaving_who_carries_a_wanted_key_by_now(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the consumers would decide it."""
    tampered(world)
    before = answer(world, capsys, cohort=["B"])[1]
    world.moodle.site.update_user(world.user(3), idnumber=world.student(2))
    world.moodle.site.update_user(world.user(2), idnumber=world.student(3))
    after = answer(world, capsys, cohort=["B"])[1]

    assert changes(before) == {("remove", "B", world.student(3))}
    assert [("note", "kept_for_another_key")] == [(one["op"], one["reason"]) for one in after["changes"]]


def test_it_can_be_narrowed_to_offsets_cohorts_and_students(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is even compared."""
    tampered(world)
    first = {("add", "A", world.student(1))}
    partition = partition_of("A", world.connection.settings.partitions)

    assert changes(answer(world, capsys, cohort=["A"])[1]) == first
    assert changes(answer(world, capsys, student=[world.student(1)])[1]) == first
    assert changes(answer(world, capsys, cohort=["B"], student=[world.student(1)])[1]) == set()
    assert changes(answer(world, capsys, offset=[Span(partition, 0)])[1]) >= first
    assert answer(world, capsys, offset=[Span(partition, 4711)])[1]["compared"] == 0


def test_without_a_consumer_it_asks_and_says_that_nobody_has_done_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next consumer does."""
    tampered(world)
    code, done = answer(world, capsys, cohort=["A"], yes=True)
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.user(1) in world.members("A") and consumer.idle)

    assert (code, done["asked"], done["worked_off"]) == (ExitCode.FINDINGS, 1, False)


def test_the_groups_offset_stays_behind_what_was_not_compared(world: World, kafka: Kafka) -> None:
    """A reset that a consumer could not work off is taken up by the next one, though live records went on."""
    tampered(world)
    reset_offsets(world, kafka, "--to-earliest")
    with world.consumer(recheck_window="1h") as consumer:  # it ends before it compares anything
        run_until(consumer, lambda: bool(consumer.owned))
        world.publish(world.says("A", world.student(4)))
        run_until(consumer, lambda: world.user(4) in world.members("A"))
    compared_by_then = world.user(1) in world.members("A")
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.user(1) in world.members("A") and world.user(3) not in world.members("B"))

    assert not compared_by_then
