"""The notifier over a real broker: as a process of its own that is killed, and as two of which one stands by."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import AccessDenied
from connector.runtime.kafka.reading import BEGINNING, read_to_end
from connector.runtime.kafka.sending import Sender
from connector.runtime.kafka.topics import Topics
from connector.runtime.messages import KafkaMessage, message
from consumers.notifier.kafka_side import OfficeByTopics
from schemas.codec import SingleObjectCodec
from schemas.keys import Key, decode_key, encode_key
from schemas.records import Alert, AlertState, AlertTold, Checkpoint, Record, StudentValues
from tests.demo.processes import Child, Children
from tests.demo.waiting import wait_until
from tests.demo.world import product_command
from tests.standins.smtp import SmtpStandin
from tests.standins.webhook import WebhookStandin

PATIENCE = 90.0
CLOCK, CODEC = SystemClock(), SingleObjectCodec()
KEY = "connector/apogee/source"
SETTINGS = """
[kafka]
bootstrap_servers = {bootstrap}
topic_prefix = {prefix}
partitions = 4
replication_factor = 1

[alerts]
gather = "0s"
again_after = "0s"

[alerts.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "cohortstream@example.edu"
helo = "notifier.example.edu"

[[alerts.recipients]]
name = "ops"
email = "ops@example.edu"

[[alerts.recipients]]
name = "chat"
webhook = {hook}
"""


@dataclass
class World:
    """A broker's topics, and who is told."""

    connection: Connection
    mails: SmtpStandin
    hook: WebhookStandin

    def __post_init__(self) -> None:
        self.topics = Topics(self.connection.settings.topic_prefix)
        topics.ensure(self.connection, self.topics.source_side() + self.topics.alert_side())
        self.sender = Sender(self.connection, CODEC)

    def say(self, alert: Alert) -> None:
        """As any role does."""
        self.put(self.topics.alerts, encode_key(alert.key), alert)

    def put(self, topic: str, key: bytes, record: Record | None) -> None:
        self.sender.put(topic, key, record)
        self.sender.flush()

    def told(self) -> dict[Key, AlertTold]:
        """What the topic remembers."""
        found: dict[Key, AlertTold] = {}
        for batch in read_to_end(self.connection, self.topics.told, {0: BEGINNING}, CLOCK):
            for raw in batch:
                key = decode_key(raw.key)
                record = None if raw.value is None else CODEC.decode(raw.value)
                if isinstance(record, AlertTold):
                    found[key] = record
                else:
                    found.pop(key, None)
        return found

    def subjects(self) -> list[str]:
        return [str(mailed.mail["Subject"]) for mailed in self.mails.mails]

    def settings(self) -> str:
        """For a process."""
        kafka = self.connection.settings
        values = {"bootstrap": kafka.bootstrap_servers, "prefix": kafka.topic_prefix, "hook": self.hook.url}
        return SETTINGS.format(port=self.mails.port, **{name: json.dumps(value) for name, value in values.items()})


@pytest.fixture
def world(connection: Connection) -> Iterator[World]:
    with SmtpStandin() as mails, WebhookStandin() as hook:
        yield World(connection, mails, hook)


def outage(reason: str = "ORA-12541") -> Alert:
    parameters = {"source": "apogee", "reason": reason}
    return Alert(KEY, AlertState.RAISED, "CS2001", "connector", datetime.now(UTC), parameters)


def over() -> Alert:
    return Alert(KEY, AlertState.CLEARED, "CS2001", "connector", datetime.now(UTC))


def readiness(child: Child) -> httpx.Response:
    url = child.await_line(r'"url": "(http://[^"]+)"')[1]
    return httpx.get(f"{url}/readyz", timeout=20.0, trust_env=False)


def test_a_killed_notifier_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    """What was told is not told again, what came meanwhile is, each recipient for itself; and it stops when asked."""
    settings = tmp_path / "cohortstream.toml"
    settings.write_text(world.settings())
    world.hook.status = 503
    world.say(outage())
    with Children(tmp_path / "logs") as children:
        child = children.add("notify", [*product_command(settings), "notify"])
        child.start()
        wait_until(lambda: len(world.mails.mails) == 1 and world.hook.posts, "both were tried", PATIENCE)
        wait_until(lambda: ("ops", KEY) in world.told(), "it is noted", PATIENCE)
        wait_until(lambda: readiness(child).status_code == 503, "it says who cannot be reached", PATIENCE)
        assert "CS8005" in readiness(child).text

        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: not child.running, "it is dead", PATIENCE)
        world.hook.status, before = 200, len(world.hook.posts)
        world.say(over())
        child.start()
        wait_until(lambda: len(world.mails.mails) == 2, "the end is told", PATIENCE)
        wait_until(lambda: readiness(child).status_code == 200, "all can be reached", PATIENCE)
        child.stop()

        assert [subject.split(":")[0] for subject in world.subjects()] == ["[cohortstream] new", "[cohortstream] over"]
        assert len(world.hook.posts) == before, "what was over before it could be told is not told"
        assert {("ops", KEY): AlertState.CLEARED} == {key: told.state for key, told in world.told().items()}
        assert "Traceback" not in child.output()


def test_one_stands_by_and_takes_over_with_all_that_is_known(world: World) -> None:
    """Only one is elected; the next reads what stands, what was told, and when sources were polled."""
    polled = datetime.now(UTC) - timedelta(hours=2)
    checkpoint = Checkpoint("apogee", loaded=True, hints=(), fingerprint="f", database_time=polled)
    world.put(world.topics.checkpoints, encode_key("values", "apogee", "s1"), StudentValues("apogee", "s1", ("S1",)))
    world.put(world.topics.checkpoints, encode_key("checkpoint", "apogee"), checkpoint)
    world.sender._producer.produce(world.topics.alerts, b"nonsense", encode_key("nonsense"), 0)
    world.say(outage())
    one, two = (OfficeByTopics(world.connection, world.topics, CODEC, CLOCK) for _ in range(2))
    try:
        wait_until(lambda: one.elected() or two.elected(), "one is elected", PATIENCE)
        first, second = (one, two) if one.elected() else (two, one)
        assert not second.elected()
        book = first.open()
        assert {KEY} == book.raised().keys()
        now = datetime.now(UTC)
        standing = AlertTold("ops", KEY, AlertState.RAISED, "CS2001", "connector", now, now, {"source": "apogee"})
        gone = AlertTold("gone", KEY, AlertState.CLEARED, "CS2001", "connector", now, now)
        first.write((), [standing, gone], ())
        first.write([over()], (), [gone])

        def heard() -> bool:
            first.renew(book)
            return not book.raised()

        wait_until(heard, "it hears what was written", PATIENCE)
        first.close()

        wait_until(second.elected, "the other takes over", PATIENCE)
        book = second.open()
        later = datetime.now(UTC) + timedelta(minutes=20)
        told = book.told_to("ops")[KEY]
        assert ({}, {"source": "apogee"}) == (book.raised(), told.parameters)
        assert {} == book.told_to("gone")
        alerts = list(book.polls.alerts({"apogee": timedelta(minutes=15)}, {}, later))
        assert ["notify/apogee/poll"] == [alert.key for alert in alerts]
        assert [] == list(book.polls.alerts({"apogee": timedelta(minutes=30)}, {}, later)), "by the time of writing"
    finally:
        one.close()
        two.close()


def test_nothing_is_told_that_could_not_be_noted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to write, the same would be told at every new beginning."""
    refused = AccessDenied(message(KafkaMessage.REFUSED, reason="no right to write"))
    office = OfficeByTopics(world.connection, world.topics, CODEC, CLOCK)

    def refuse() -> None:
        raise refused

    try:
        wait_until(office.elected, "it is elected", PATIENCE)
        with monkeypatch.context() as patched:
            patched.setattr(office._sender, "flush", refuse)
            with pytest.raises(AccessDenied):
                office.open()
        assert {} == office.open().told
    finally:
        office.close()
