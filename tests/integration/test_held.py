"""Held removals over the real broker: the budget outlives processes and files, and a frozen list is what is decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connector.commands import approve, discard, held
from connector.commands.main import make_parser
from connector.commands.wiring.base import base_for_command
from connector.runtime.clock import SystemClock
from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.lifecycle import ExitCode
from consumers.cohorts.building import CohortConsumer
from schemas.records import EntryStatus, Presence
from tests.integration.cohort_world import World, run_until, running_moodle

ABSENT, PRESENT = Presence.ABSENT, Presence.PRESENT
BREAKER = {"allowances": [], "breaker": {"partition_share": 0, "partition_least": 3}}
"""A cohort of six loses three."""


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path / "state")


class Later(SystemClock):
    """A clock that is ahead."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


Command = Callable[..., tuple[ExitCode, str]]


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command as the program does, on this world's broker; ``ahead``: with a clock so far ahead."""
    settings, clock = world.settings(), Later()
    base = replace(base_for_command(settings), clock=clock)
    for name in ("connector.commands.held", "connector.commands.deciding"):
        monkeypatch.setattr(f"{name}.base_for_command", lambda _: base)

    def run(*arguments: str, ahead: timedelta = timedelta()) -> tuple[ExitCode, str]:
        clock.ahead = ahead
        capsys.readouterr()
        parsed = make_parser().parse_args(arguments)
        code = {"held": held.run, "approve": approve.run, "discard": discard.run}[arguments[0]](parsed, settings)
        return code, capsys.readouterr().out

    return run


def held_in(world: World) -> list[str]:
    return sorted(student for (_, student), entry in world.ledger().items() if entry.status is EntryStatus.HELD)


def count_held(consumer: CohortConsumer) -> int:
    """As the consumer knows it, which costs no reading of topics between its turns."""
    counts = [store.counts() for store in consumer._desk.ledger.stores()]
    return sum(n for count in counts for (status, _), n in count.items() if status == "held")


def fill(world: World, count: int) -> list[str]:
    students = [world.student(number) for number in range(1, count + 1)]
    world.publish(world.cohort("A"), *(world.says("A", student) for student in students))
    return students


def by_author(world: World) -> list[tuple[str, str | None, str | None]]:
    return [(entry.kind, entry.student, entry.plan) for entry in world.journal() if entry.author]


def test_the_budget_outlives_the_process_and_its_files(world: World, tmp_path: Path) -> None:
    """One consumer spends it; the next one has its files, the third has none; neither removes anybody."""
    students = fill(world, 6)
    with world.consumer(**BREAKER) as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 6 and consumer.idle)
        world.publish(*(world.says("A", student, ABSENT) for student in students[:3]))
        run_until(consumer, lambda: len(world.members("A")) == 3 and consumer.idle)
    for number, directory in enumerate((world.directory, tmp_path / "new"), start=1):
        with world.consumer(**BREAKER, state_directory=directory) as consumer:
            world.publish(world.says("A", students[2 + number], ABSENT))
            run_until(consumer, lambda: count_held(consumer) == number and consumer.idle)  # noqa: B023 -- run here

    assert len(world.members("A")) == 3


def test_a_list_is_approved_as_far_as_it_is_what_was_seen(world: World, run: Command) -> None:
    """Who is wanted again is named; who is held since then stays held; the author stands in the journal."""
    students = fill(world, 8)
    with world.consumer(**BREAKER) as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 8 and consumer.idle)
        world.publish(*(world.says("A", student, ABSENT) for student in students[:7]))
        run_until(consumer, lambda: count_held(consumer) == 4 and consumer.idle)
        waiting = held_in(world)
        looked = run("held", "--look", "--json")
        code, text = run("held", "--json")
        seen = json.loads(text)
        world.publish(world.says("A", waiting[0]), world.says("A", students[7], ABSENT))
        ledger = consumer._desk.ledger
        run_until(consumer, lambda: ledger.entry("A", waiting[0]).desired is PRESENT and count_held(consumer) == 4)  # type: ignore[union-attr]
        run_until(consumer, lambda: consumer.idle)
        told = run("approve", seen["hash"], "--json")
        again = run("approve", seen["hash"])
        run_until(consumer, lambda: len(world.members("A")) == 2 and consumer.idle)
        run_until(consumer, lambda: count_held(consumer) == 1 and consumer.idle)
        still = held_in(world)

    assert still == [students[7]]
    assert (code, looked[0]) == (ExitCode.FINDINGS, ExitCode.FINDINGS)
    assert json.loads(looked[1]) == seen | {"hash": None, "until": None}
    assert [(one["student"], one["reason"]) for one in seen["held"]] == [(one, "removal_limit") for one in waiting]
    assert told[0] is ExitCode.FINDINGS
    left = [{"cohort": "A", "student": waiting[0], "why": "the source has the student in the cohort again"}]
    sent = [{"cohort": "A", "student": student} for student in waiting[1:]]
    assert json.loads(told[1]) == {"hash": seen["hash"], "sent": sent, "left": left}
    assert again[0] is ExitCode.FINDINGS
    kinds = by_author(world)
    assert {kind for kind in kinds if kind[0] == "frozen"} == {("frozen", one, seen["hash"]) for one in waiting}
    assert {kind for kind in kinds if kind[0] == "approval"} == {("approval", one, seen["hash"]) for one in waiting[1:]}


def test_a_list_is_discarded_and_its_members_stay(world: World, run: Command) -> None:
    """Nothing is held any more, nobody has left; the ledger says why, and the list cannot be decided a second time."""
    students = fill(world, 6)
    with world.consumer(**BREAKER) as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 6 and consumer.idle)
        world.publish(*(world.says("A", student, ABSENT) for student in students))
        run_until(consumer, lambda: count_held(consumer) == 3 and consumer.idle)
        waiting = held_in(world)
        shown = run("held")[1]
        mark = shown.split("approve ")[1].split()[0]
        told = run("discard", mark)
        run_until(consumer, lambda: count_held(consumer) == 0 and consumer.idle)
        second = run("approve", mark)
        run_until(consumer, lambda: consumer.idle)

    assert told == (ExitCode.OK, "3 removals discarded; these members stay.\n")
    assert len(world.members("A")) == 3
    assert {world.ledger()["A", student].reason for student in waiting} == {"removal_discarded"}
    assert second[0] is ExitCode.FINDINGS
    assert "it is not held any more, but settled (removal_discarded)" in second[1]
    assert run("held") == (ExitCode.OK, "Nothing is held.\n")


def test_a_list_that_expired_or_was_never_frozen_decides_nothing(world: World, run: Command) -> None:
    """Each with its message; looking again freezes the same list for another day."""
    students = fill(world, 6)
    with world.consumer(**BREAKER) as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 6 and consumer.idle)
        world.publish(*(world.says("A", student, ABSENT) for student in students))
        run_until(consumer, lambda: count_held(consumer) == 3 and consumer.idle)
    mark = json.loads(run("held", "--json")[1])["hash"]
    day = timedelta(hours=24)

    with pytest.raises(Halted, match="CS6008"):
        run("approve", "0123456789ab")
    with pytest.raises(Halted, match="CS6009"):
        run("discard", mark, ahead=day)
    before = len(world.records(world.topics.commands))
    run("held", ahead=timedelta(hours=11))
    assert len(world.records(world.topics.commands)) == before  # it is frozen for long enough
    run("held", ahead=day)
    assert run("approve", mark, ahead=day)[0] is ExitCode.OK
