"""The reconcile command on the real broker, with a consumer at work and somebody who answers as the connector does."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.commands import reconcile
from connector.commands.main import make_parser
from connector.commands.present import present
from connector.commands.scheduling import ReconcilerRole
from connector.commands.settings import Settings
from connector.commands.wiring.base import base_for_command
from connector.commands.wiring.reconciler import last_finished, turn_of
from connector.runtime.errors import OperationalError
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.group import CONNECTOR_GROUP, Elector
from connector.runtime.kafka.reading import BEGINNING, Tail
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.topics import Topics
from connector.runtime.lifecycle import ExitCode
from connector.runtime.messages.translation import translation_for
from consumers.reconciler.alert import unfinished_key
from schemas.keys import encode_key
from schemas.records import AlertState, Command, Notification, Presence, Signal
from tests.integration.cohort_world import World, run_until, running_moodle
from tests.integration.test_replay import at_work

HOLDS_THE_TURN = """
import sys, time
from connector.commands.settings import Settings
from connector.commands.wiring.base import base_for_command
from connector.commands.wiring.reconciler import turn_of
turn = turn_of(base_for_command(Settings.model_validate_json(sys.argv[1])), "moodle")
turn.take()
print("taken", flush=True)
while True:
    turn.keep()
    time.sleep(0.5)
"""


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def settings_of(world: World, **reconciling: Any) -> Settings:
    plain = {"answer_within": "30s", "poll": "100ms"} | reconciling
    return world.settings(reconcile=plain).model_copy(update={"sources": {"test": None}})


def answer(
    world: World, capsys: pytest.CaptureFixture[str], settings: Settings, **more: Any
) -> tuple[ExitCode, dict[str, Any]]:
    """What the command says to a machine, errors included."""
    plain: dict[str, Any] = dict.fromkeys(("sink", "source", "html")) | dict.fromkeys(
        ("history", "schedule", "dry_run", "tell_repaired")
    )
    arguments = argparse.Namespace(**(plain | {"json": True, "cohort": [], "student": []} | more))
    capsys.readouterr()
    try:
        code = reconcile.run(arguments, settings)
    except OperationalError as error:
        code = present(error, translation_for({}), sys.stdout, as_json=True, debug=False)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, said


@contextmanager
def answering(world: World) -> Iterator[list[Signal]]:
    """A connector that finds what the test has published in the moment of asking: nothing."""
    stopping, asked = threading.Event(), list[Signal]()

    def work() -> None:
        elector = Elector(world.connection, world.topics.signals, CONNECTOR_GROUP)
        sender, tail = (
            Sender(world.connection, world.codec),
            Tail(world.connection, world.topics.signals, {0: BEGINNING}),
        )
        while not stopping.is_set():
            elector.poll(0.05)
            for raw in tail.poll():
                signal = world.codec.decode(raw.value or b"")
                assert isinstance(signal, Signal)
                asked.append(signal)
                for phase in ("started", "finished"):
                    said = Notification(signal.id, "test", phase, 0, datetime.now(UTC), {"rows": 5})
                    sender.put(world.topics.notifications, encode_key("test"), said)
                sender.flush()
        tail.close()
        elector.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield asked
    finally:
        stopping.set()
        thread.join()


def filled(world: World) -> None:
    world.publish(*(world.cohort(name) for name in "ABC"))
    world.publish(*(world.says(name, world.student(n)) for name in "ABC" for n in (1, 2, 3)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: all(len(world.members(name)) == 3 for name in "ABC") and consumer.idle)
        world.publish(world.says("B", world.student(3), Presence.ABSENT))
        run_until(consumer, lambda: len(world.members("B")) == 2 and consumer.idle)


def test_what_people_did_in_moodle_is_named_and_repaired(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Over the real broker and HTTP; the next one finds nothing to do, and asks nobody. That a cohort is in another category
    than it should be is found once the settings tell that one's id; here it is another's.
    """
    world.publish(world.cohort("D", category="SCI"), world.says("D", world.student(4)))
    filled(world)
    site = world.moodle.site
    site.take_members("A", [world.user(1)])
    site.put_members("B", [world.user(3), world.user(50)])
    site.delete_user(world.user(2))
    settings, sink = settings_of(world, report=["foreign"]), world.sink()
    other = sink.model_copy(update={"moodle": sink.moodle.model_copy(update={"categories": {"SCI": 4}})})
    with at_work(world), answering(world) as asked:
        began = time.time()
        code, report = answer(world, capsys, settings)
        _, again = answer(world, capsys, settings)
        _, moved = answer(world, capsys, settings.model_copy(update={"sinks": {"moodle": other}}), dry_run=True)

    assert report["found"] == {"missing": 1, "extra": 1, "foreign": 1, "user_deleted": 3}
    assert report["treatment"]["foreign"] == "reported"
    assert (code, report["verdict"], report["source"]) == (ExitCode.OK, "repaired", {"rows": 5})
    assert world.members("A") == {world.user(n) for n in (1, 3)}
    assert (again["found"], again["asked"], again["verdict"]) == ({"foreign": 1}, 0, "clean")
    assert moved["found"] == {"foreign": 1, "cohort_moved": 1}
    assert [signal.kind for signal in asked] == ["snapshot", "snapshot"]
    sent = [one for one in world.records(world.topics.commands) if isinstance(one, Command)]
    assert len(sent) == report["asked"] == 5
    finished = last_finished(base_for_command(settings), "moodle")
    assert finished is not None
    assert finished.timestamp() >= began - 1


def test_a_run_is_written_as_a_page_and_remembered(
    world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With itself as the last run of the chart; a comparison alone leaves nothing. The runs can be listed later. The page
    speaks the language of the environment.
    """
    monkeypatch.setenv("LANGUAGE", "fr")
    filled(world)
    world.moodle.site.take_members("A", [world.user(1)])
    settings, file = settings_of(world), tmp_path / "report.html"
    with at_work(world), answering(world):
        answer(world, capsys, settings, dry_run=True)
        answer(world, capsys, settings, html=file)
    reconcile.run(make_parser().parse_args(["reconcile", "--history", "--json"]), settings)
    runs = json.loads(capsys.readouterr().out)
    text = file.read_text(encoding="utf-8")

    assert [("repaired", {"missing": 1}, {})] == [(run["verdict"], run["found"], run["left"]) for run in runs]
    assert "trouvés 1, restants 0, réparé</title>" in text
    assert '<html lang="fr">' in text
    assert text.count("<g>") == 1


def test_who_does_not_answer_is_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked for."""
    code, said = answer(world, capsys, settings_of(world, answer_within="2s"))

    assert (code, said["errors"][0]["code"]) == (ExitCode.UNAVAILABLE, "CS7001")


def test_a_scheduled_one_that_fails_is_an_alert_until_one_comes_to_its_end(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told once by however many processes and attempts, and over with one that a person starts. One of theirs that fails
    is told by its exit code.
    """
    settings = settings_of(world, answer_within="2s", every="1d")
    filled(world)
    assert answer(world, capsys, settings)[0] is ExitCode.UNAVAILABLE
    assert unfinished_key("moodle") not in world.raised()
    for _ in range(2):
        role = ReconcilerRole(base_for_command(settings), "moodle")
        for _ in range(2):
            role._attempt(datetime.now(UTC))
    said = [alert.state for alert in world.alerts() if alert.key == unfinished_key("moodle")]
    with at_work(world), answering(world):
        code, _ = answer(world, capsys, settings_of(world))

    assert (said, code) == ([AlertState.RAISED], ExitCode.OK)
    assert unfinished_key("moodle") not in world.raised()


def test_a_second_one_is_refused_until_the_first_has_ended_or_crashed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says who is at work; one that was killed is out of the way when its session is over."""
    topics.ensure(world.connection, Topics(world.connection.settings.topic_prefix).sink_side())
    plain = Settings.model_validate({"kafka": world.connection.settings})
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS_THE_TURN, plain.model_dump_json()], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        with at_work(world), answering(world) as asked:
            code, said = answer(world, capsys, settings_of(world))
    finally:
        holder.kill()
        holder.communicate()
    ours = turn_of(base_for_command(plain), "moodle")
    ours.take()
    ours.finished()
    ours.close()

    assert (code, said["errors"][0]["code"], asked) == (ExitCode.BUSY, "CS7004", [])
    assert f".{holder.pid}, since 2" in said["errors"][0]["text"]


def test_one_that_ended_leaves_the_turn_at_once(world: World) -> None:
    """Nobody waits for a session to be over; and while it is at work the other one is kept away."""
    base = base_for_command(Settings.model_validate({"kafka": world.connection.settings}))
    first, second = turn_of(base, "moodle"), turn_of(base, "other")
    first.take()
    second.take()  # of another sink
    second.close()
    first.keep()
    first.close()
    third = turn_of(base, "moodle")
    third.take()
    third.close()
