"""Two processes of the connector over a real broker: one works, and the other takes over within seconds, whatever becomes
of the first.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from connector.runtime.kafka.connection import Connection
from schemas.records import CohortChanged, MembershipChanged
from tests.demo.processes import Child, Children
from tests.demo.waiting import wait_until
from tests.demo.world import product_command
from tests.integration.connector_world import CODEC, Database, World
from tests.standins.oracle import OracleStandin

PATIENCE = 90.0
_SETTINGS = """
[kafka]
bootstrap_servers = @bootstrap@
topic_prefix = @prefix@
partitions = 4
replication_factor = 1

[connector]
state_directory = @state@

[telemetry]
log_format = "json"

[sources.apogee]
dsn = @dsn@
user = "app"
password = "app"
share = 1.0

[sources.apogee.membership]
table = "enrolments"
student = "{STUDENT}"
row_key = "{ID}"

[sources.apogee.cohort]
idnumber = "{GRP}"

[[sources.apogee.hints]]
cursor = "UPDATED_AT"
"""


@dataclass
class Process:
    """One process of the connector."""

    child: Child

    @property
    def page(self) -> str:
        """Its metrics."""
        url = self.child.await_line(r'"url": "(http://[^"]+)"')[1]
        return httpx.get(f"{url}/metrics", timeout=20.0, trust_env=False).text

    def value(self, metric: str) -> float:
        """Sum of a metric's samples."""
        samples = re.findall(rf"^{metric}(?:\{{[^}}]*\}})? (\S+)$", self.page, re.MULTILINE)
        return sum(float(sample) for sample in samples)

    @property
    def works(self) -> bool:
        return self.value("cohortstream_active") == 1.0

    @property
    def published(self) -> float:
        return self.value("cohortstream_published_total")

    def begun(self) -> int:
        """How often it has begun to work."""
        return self.child.output().count('"connector.works"')

    def send(self, number: signal.Signals) -> None:
        os.kill(self.child.pid, number)


@dataclass
class Pair:
    """Two processes, of which the first was started first."""

    world: World
    database: Database
    one: Process
    two: Process

    def await_members(self, *students: str) -> None:
        """Until the topic has these students."""
        wait_until(lambda: self.world.members().get("G") == set(students), f"{students} are published", PATIENCE)

    def await_work(self, process: Process, begun: int) -> float:
        """Until a process has begun to work so many times; the seconds that took."""
        since = time.monotonic()
        wait_until(lambda: process.begun() >= begun, f"{process.child.name} works", PATIENCE, every=0.05)
        return time.monotonic() - since

    def assert_one_history(self) -> None:
        """Every revision once, without gaps, and rising in each partition: nobody wrote beside the one at work."""
        revisions: list[int] = []
        for partition in range(4):
            messages = [m for m in self.world.messages(self.world.topics.memberships, 4) if m.partition == partition]
            records = [CODEC.decode(m.value or b"") for m in sorted(messages, key=lambda m: m.offset)]
            here = [r.revision for r in records if isinstance(r, MembershipChanged | CohortChanged)]
            assert here == sorted(here)
            revisions += here
        assert sorted(revisions) == list(range(1, len(revisions) + 1))


@pytest.fixture
def pair(connection: Connection, tmp_path: Path) -> Iterator[Pair]:
    world = World(connection, tmp_path)
    with OracleStandin() as standin, Children(tmp_path / "logs") as children:
        database = Database(standin)
        database.enrol((1, "s1", "G"))
        one, two = (Process(children.add(name, _command(connection, database, tmp_path / name))) for name in "ab")
        made = Pair(world, database, one, two)
        one.child.start()
        made.await_work(one, 1)
        two.child.start()
        made.await_members("s1")
        wait_until(lambda: "cohortstream_active" in two.page, "the second one stands by", PATIENCE)
        assert (True, False) == (one.works, two.works)
        yield made
        for process in (one, two):
            if process.child.running:
                process.send(signal.SIGCONT)
        database.connection.close()


def _command(connection: Connection, database: Database, directory: Path) -> list[str]:
    directory.mkdir()
    text = _SETTINGS
    values = {
        "bootstrap": connection.settings.bootstrap_servers,
        "prefix": connection.settings.topic_prefix,
        "state": str(directory / "state"),
        "dsn": database.dsn,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", json.dumps(value))
    path = directory / "cohortstream.toml"
    path.write_text(text, encoding="utf-8")
    return [*product_command(path), "poll"]


@pytest.mark.timeout(300)
def test_a_killed_connector_is_replaced_within_seconds(pair: Pair) -> None:
    """It had no time to leave; its successor goes on from the same state and publishes what came in between. The one that
    is started again stands by.
    """
    pair.one.child.kill()
    pair.database.enrol((2, "s2", "G"))
    took = pair.await_work(pair.two, 1)
    print(f"\nkill -9: taken over after {took:.1f} s")
    pair.await_members("s1", "s2")
    pair.one.child.start()
    wait_until(lambda: "cohortstream_active" in pair.one.page, "the first one is back", PATIENCE)
    pair.database.enrol((3, "s3", "G"))
    pair.await_members("s1", "s2", "s3")

    assert (False, True) == (pair.one.works, pair.two.works)
    assert (1, 0) == (pair.two.begun(), pair.one.published)
    pair.assert_one_history()


@pytest.mark.timeout(300)
def test_a_connector_that_leaves_is_replaced_at_once(pair: Pair) -> None:
    """It says that it goes, so nobody waits for its silence."""
    pair.one.send(signal.SIGTERM)
    took = pair.await_work(pair.two, 1)
    print(f"\nSIGTERM: taken over after {took:.1f} s")
    pair.database.enrol((2, "s2", "G"))
    pair.await_members("s1", "s2")

    pair.assert_one_history()


@pytest.mark.timeout(300)
def test_a_zombie_publishes_nothing_and_can_be_elected_again(pair: Pair) -> None:
    """A process that stood still for longer than the group waits has news to publish when it wakes up, from rows that its
    successor has published meanwhile. It is fenced, stands by, and takes over again when the other one goes.
    """
    before = pair.one.published
    pair.one.send(signal.SIGSTOP)
    pair.database.enrol((2, "s2", "G"))
    took = pair.await_work(pair.two, 1)
    print(f"\nstood still: taken over after {took:.1f} s")
    pair.await_members("s1", "s2")
    pair.database.enrol((3, "s3", "G"))
    pair.one.send(signal.SIGCONT)
    pair.await_members("s1", "s2", "s3")
    wait_until(lambda: not pair.one.works, "the zombie stands by", PATIENCE)
    for number in range(4, 14):
        pair.database.enrol((number, f"s{number}", "G"))
        time.sleep(0.5)
    everybody = [f"s{number}" for number in range(1, 14)]
    pair.await_members(*everybody)
    assert (1, before) == (pair.one.begun(), pair.one.published)
    assert (False, True) == (pair.one.works, pair.two.works)
    pair.assert_one_history()

    pair.two.child.kill()
    pair.database.enrol((20, "s20", "G"))
    pair.await_work(pair.one, 2)
    pair.await_members(*everybody, "s20")
    assert before + 1 == pair.one.published
    pair.assert_one_history()
