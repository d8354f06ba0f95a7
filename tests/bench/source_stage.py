"""The source's half of the pipe by itself: the Oracle stand-in with a large table, the real broker, and the product's
connector with its default settings, each a process of its own. There is no Moodle.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from connector.runtime.kafka.topics import Topics
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key
from schemas.records import Notification, Signal
from tests.bench.enrolments import SCHEMA, SETTINGS, Enrolments
from tests.demo.narration import Narrator
from tests.demo.processes import Children
from tests.demo.waiting import wait_until
from tests.demo.world import product_command
from tests.standins.kafka import free_ports

SOURCE = "bench"
LONGEST = 1800.0
"""Seconds after which a pass over all rows is given up."""
_CODEC = SingleObjectCodec()
_JUST_MADE = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
}
"""What is said of a topic that was made a moment ago."""


class SourceStage:
    """A table of some students and the connector that reads it."""

    def __init__(
        self,
        name: str,
        students: int,
        bootstrap: str,
        directory: Path,
        children: Children,
        narrator: Narrator,
        *,
        shape: tuple[int, ...] = (),
        more: str = "",
    ) -> None:
        """``shape``: rows of a student, and of a group; ``more``: settings besides those of the source."""
        self.bootstrap, self.topics, self._narrator = bootstrap, Topics(f"{name}."), narrator
        directory = (directory / name).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        self._state = directory / "state"
        command = [sys.executable, "-m", "tests.standins.oracle", "--port", "0", "--control-port", "0"]
        self.oracle = children.add(f"oracle-{name}", [*command, "--init", str(SCHEMA)])
        self.oracle.start()
        self.dsn, self._control = self.oracle.await_line(r"^listening (\S+) control (\S+)").groups()
        self.enrolments = Enrolments(self.dsn, students, *shape)
        self.enrolments.fill()
        (self._port,) = free_ports(1)
        self.settings = self._write_settings(directory, more)
        self.connector = children.add(f"poll-{name}", [*product_command(self.settings), "poll"])

    def load(self) -> float:
        """Start the connector unless it runs, and let it load; the seconds that the first load took."""
        if not self.connector.running:
            self._narrator.say(f"   a first load of {self.enrolments.rows:,} rows …")
            self.connector.start()
        return self._lasted("first_load")

    def restart(self) -> None:
        """As on another machine: what was published is read from the topics, until the connector works again."""
        self.connector.stop()
        shutil.rmtree(self._state)
        self.connector.start()
        self.connector.await_line(r'"event": "connector\.works"', LONGEST)

    def snapshot(self) -> float:
        """Have it read everything again; the seconds that it took, from its start to its end as it tells them.

        Raises:
            AssertionError: it found differences.
        """
        signal = Signal(f"bench-{time.time_ns()}", "snapshot", "bench", datetime.now(UTC), SOURCE)
        producer = Producer({"bootstrap.servers": self.bootstrap})
        producer.produce(self.topics.signals, _CODEC.encode(self.topics.signals, signal), encode_key(None))
        producer.flush(30.0)
        seconds = self._lasted(signal.id)
        counts = self._notifications(signal.id)["finished"].counts
        if counts.get("differences", 0) or counts.get("rows") != self.enrolments.rows:
            raise AssertionError(f"nothing had changed, and the snapshot found {dict(counts)}")
        return seconds

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric on the connector's page; 0 without any.

        Raises:
            httpx.TransportError: nobody answers there.
        """
        page = httpx.get(f"http://127.0.0.1:{self._port}/metrics", timeout=30.0, trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == f"cohortstream_{name}" and labels.items() <= sample.labels.items()
        )

    def asked(self) -> tuple[int, int]:
        """Statements that the database has run so far, and other round trips that fetched rows."""
        state = self._oracle("state")
        return state["statements"], state["fetches"]

    def statements(self, matching: str) -> list[str]:
        """Text of the remembered statements that match, oldest first."""
        return [found["sql"] for found in self._oracle("statements", matching=matching)]

    def peak(self) -> float:
        """The most memory that the connector's process has held so far, in MiB."""
        text = Path(f"/proc/{self.connector.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"^VmHWM:\s*(\d+) kB", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024

    def close(self) -> None:
        """Stop both processes."""
        self.enrolments.close()
        self.connector.stop()
        self.oracle.stop()

    def _lasted(self, signal_id: str) -> float:
        def look() -> dict[str, Notification] | None:
            self.connector.check()
            found = self._notifications(signal_id)
            if "refused" in found:
                raise AssertionError(f"{signal_id} was refused: {found['refused'].reason}")
            return found if "finished" in found else None

        found = wait_until(look, f"the pass {signal_id} has finished", LONGEST, every=0.5)
        return (found["finished"].at - found["started"].at).total_seconds()

    def _notifications(self, signal_id: str) -> dict[str, Notification]:
        """The last one of each phase."""
        found: dict[str, Notification] = {}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "bench", "enable.auto.commit": False})
        try:
            partition = TopicPartition(self.topics.notifications, 0, OFFSET_BEGINNING)
            if self.topics.notifications not in consumer.list_topics(timeout=30.0).topics:
                return {}  # the connector is about to make it
            try:
                _, end = consumer.get_watermark_offsets(partition, timeout=30.0)
            except KafkaException as error:
                if error.args[0].code() in _JUST_MADE:
                    return {}
                raise
            consumer.assign([partition])
            while end and consumer.position([partition])[0].offset < end:
                for message in consumer.consume(1000, timeout=1.0):
                    record = _CODEC.decode(message.value() or b"") if message.error() is None else None
                    if isinstance(record, Notification) and record.signal_id == signal_id:
                        found[record.phase] = record
        finally:
            consumer.close()
        return found

    def _oracle(self, request: str, **query: str) -> Any:
        answer = httpx.get(f"{self._control}/{request}", params=query, timeout=60.0, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def _write_settings(self, directory: Path, more: str) -> Path:
        secrets = {"secret": "reader", "hash": "a key for the hashes in logs"}
        for name, text in secrets.items():
            (directory / name).write_text(text + "\n", encoding="utf-8")
            (directory / name).chmod(0o600)
        text = SETTINGS.replace("@port@", str(self._port)) + more
        values = {"bootstrap": self.bootstrap, "prefix": self.topics.prefix, "dsn": self.dsn}
        values |= {"state": str(self._state)} | {name: str(directory / name) for name in secrets}
        for name, value in values.items():
            text = text.replace(f"@{name}@", json.dumps(value))  # a JSON string is a TOML string
        path = directory / "cohortstream.toml"
        path.write_text(text, encoding="utf-8")
        return path
