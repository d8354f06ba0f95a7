"""Dead letters on the real broker: listed, shown, and put back while the consumer runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.commands import deadletters
from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.lifecycle import ExitCode
from connector.runtime.telemetry import Count
from schemas.codec import SingleObjectCodec, Undecodable
from schemas.keys import partition_of
from schemas.records import Record
from tests.integration.cohort_world import World, run_until, running_moodle


class EarlierRelease(SingleObjectCodec):
    """Cannot decode the records of ``student`` until it is upgraded."""

    student = ""

    def decode(self, value: bytes) -> Record:
        record = super().decode(value)
        if self.student and getattr(record, "student", None) == self.student and type(record).__name__ != "Command":
            raise Undecodable("a schema that this release does not know")
        return record


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path, EarlierRelease())


def answer(world: World, capsys: pytest.CaptureFixture[str], *places: str, **more: Any) -> tuple[ExitCode, Any]:
    """What the command says to a machine."""
    plain = {"sink": None, "json": True, "place": list(places), "put_back": False, "all": False}
    arguments = argparse.Namespace(**(plain | {"stage": None, "since": None} | more))
    code = deadletters.run(arguments, world.settings())
    return code, json.loads(capsys.readouterr().out)


def test_what_an_upgrade_can_use_is_put_back(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The letters that are open are read again by their offsets, and applied; the others stand as they are."""
    assert isinstance(world.codec, EarlierRelease)
    world.codec.student = world.student(2)
    partition = partition_of("A", world.connection.settings.partitions)
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in (1, 2)))
    world.producer.produce(world.topics.memberships, b"\x00poison", b"\xff", partition)
    world.publish(world.says("A", world.student(3)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("A") == {world.user(1), world.user(3)} and consumer.idle)
    world.codec.student = ""

    code, before = answer(world, capsys)
    assert code is ExitCode.FINDINGS
    assert [("open", True), ("open", False)] == [(one["standing"], one["can_be_put_back"]) for one in before]
    assert (before[0]["record"]["student"], before[1]["record"]) == (world.student(2), None)

    with world.consumer() as consumer:
        code, put_back = answer(world, capsys, put_back=True, all=True)
        run_until(consumer, lambda: world.user(2) in world.members("A") and consumer.idle)
    after = answer(world, capsys)[1]

    assert (code, put_back["put_back"]) == (ExitCode.FINDINGS, [before[0]["place"]])
    assert "says nothing" in put_back["not_put_back"][0]["reason"]
    assert ["taken in", "open"] == [one["standing"] for one in after]


def test_one_letter_is_shown_or_put_back_by_its_place(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """What a later record of the key has superseded needs nothing, and what is no letter is refused."""
    assert isinstance(world.codec, EarlierRelease)
    world.codec.student = world.student(2)
    partition = partition_of("A", world.connection.settings.partitions)
    world.publish(world.cohort("A"), world.says("A", world.student(2)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.metrics.total(Count.DEAD_LETTERS) == 1 and consumer.idle)
    world.codec.student = ""
    world.publish(world.says("A", world.student(2)))
    ((_, (listed,)), (code, (shown,))) = (answer(world, capsys), answer(world, capsys, f"{partition}/1"))

    assert (code, shown) == (ExitCode.OK, listed)
    assert ("superseded", f"{world.topics.memberships}/{partition}/1") == (
        shown["standing"],
        shown["place"],
    )
    with pytest.raises(Halted, match="CS6034"):
        answer(world, capsys, "0/4711")
    with pytest.raises(Halted, match="CS6033"):
        answer(world, capsys, put_back=True)
