"""What the integration tests of the consumer share: topics to publish on, a Moodle, and a consumer between them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector.commands.settings import Settings
from connector.runtime.clock import SystemClock
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, read_to_end
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import MemoryMetrics, MemoryTracer, Pseudonym
from consumers.cohorts.adoption import ADOPTION_KEY
from consumers.cohorts.building import CohortConsumer, Site, Surroundings
from consumers.cohorts.settings import SinkSettings
from consumers.moodle.client import MoodleClient
from consumers.moodle.directory import open_directory
from consumers.moodle.reading import MoodleReader
from consumers.moodle.settings import DirectorySettings, MoodleSettings
from consumers.moodle.writing import MoodleWriter
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key, partition_of
from schemas.records import (
    Alert,
    AlertState,
    CohortChanged,
    CohortState,
    JournalEntry,
    LedgerEntry,
    MembershipChanged,
    Presence,
    Record,
)
from tests.demo.world import GROUP_TOOL
from tests.standins.kafka import Kafka
from tests.standins.moodle.fixture import add_recommended_caller, site_from_fixture
from tests.standins.moodle.server import MoodleStandin

CLOCK = SystemClock()
START = datetime(2026, 9, 1, tzinfo=UTC)


@dataclass
class World:
    """A broker's topics and a Moodle. ``student(n)`` has the account ``user(n)``."""

    connection: Connection
    moodle: MoodleStandin
    directory: Path
    codec: SingleObjectCodec = field(default_factory=SingleObjectCodec)
    revision: int = 0
    metrics: MemoryMetrics = field(default_factory=MemoryMetrics)
    tracer: MemoryTracer = field(default_factory=MemoryTracer)

    def __post_init__(self) -> None:
        self.topics = Topics(self.connection.settings.topic_prefix)
        topics.ensure(self.connection, self.topics.source_side() + self.topics.sink_side())
        self.producer: Any = self.connection.producer()

    @staticmethod
    def student(number: int) -> str:
        return f"P{number:07d}"

    @staticmethod
    def user(number: int) -> int:
        return 1050 + number

    def publish(self, *records: Record, headers: dict[str, bytes] | None = None) -> None:
        """Write records as the connector does."""
        for record in records:
            student = getattr(record, "student", None)
            cohort: str = record.cohort  # type: ignore[union-attr]
            self.producer.produce(
                self.topics.memberships,
                self.codec.encode(self.topics.memberships, record),
                encode_key(cohort, student),
                partition_of(cohort, self.connection.settings.partitions),
                headers=list((headers or {}).items()),
            )
        self.producer.flush(10)

    def cohort(self, cohort: str, **more: Any) -> CohortChanged:
        self.revision += 1
        return replace(
            CohortChanged(
                cohort=cohort,
                name=f"Cohort {cohort}",
                state=CohortState.PRESENT,
                first_seen=START,
                last_seen=START,
                revision=self.revision,
                cause="first_load",
                source="test",
                fingerprint="f",
            ),
            **more,
        )

    def says(self, cohort: str, student: str, state: Presence = Presence.PRESENT, **more: Any) -> MembershipChanged:
        self.revision += 1
        return replace(
            MembershipChanged(
                cohort=cohort,
                student=student,
                state=state,
                sources=("test",) if state is Presence.PRESENT else (),
                cause="enrolled",
                revision=self.revision,
                source="test",
                observed_at=datetime.now(UTC),
                fingerprint="f",
            ),
            **more,
        )

    def adopted_long_since(self) -> None:
        """The sink has been in shadow, and is not any more: members whom no record put there make nobody wait."""
        self.producer.produce(self.topics.ledger, None, ADOPTION_KEY, 0)
        self.producer.flush(10)

    def sink(self, **settings: Any) -> SinkSettings:
        """Settings of the sink, with the waits shortened."""
        moodle = MoodleSettings.model_validate(
            {"url": self.moodle.url, "token": self.moodle.token("connector"), "retries": {"attempts": 1}}
        )
        return SinkSettings.model_validate(
            {
                "moodle": moodle,
                "students": {"by": "idnumber", "look_again": "100ms"},
                "state_directory": self.directory,
                "removal_settle": "0s",
                "recheck_window": "0s",
                "parked_retry": "1s",
                "cohort_retry": "200ms",
                "fault_retry": "500ms",
                # What the breaker does has tests of its own; elsewhere whole cohorts come and go.
                "allowances": [
                    {"name": "tests", "cohorts": "*", "begins": "2000-01-01", "ends": "2100-01-01", "share": 1}
                ],
                **settings,
            }
        )

    @contextlib.contextmanager
    def consumer(self, sources: Iterable[str] = (), **settings: Any) -> Iterator[CohortConsumer]:
        """A consumer that leaves in order at the end."""
        sink = self.sink(**settings)
        client = MoodleClient(sink.moodle, CLOCK)
        reader = MoodleReader(client, max_input_vars=5000)
        accounts = open_directory(
            DirectorySettings.model_validate(sink.students), {}, reader, CLOCK, site_url=self.moodle.url, path=None
        )
        with ThreadPoolExecutor(sink.calls_at_once) as executor, ThreadPoolExecutor(1) as aside:
            around = Surroundings(CLOCK, executor, aside, self.metrics, self.tracer, Pseudonym(b"0123456789abcdef"))
            site = Site(reader, MoodleWriter(client, CLOCK), accounts, 5000)
            made = CohortConsumer("moodle", sink, self.connection, self.codec, site, around, tuple(sources))
            try:
                yield made
            finally:
                made.close()
                accounts.close()
                client.close()

    def members(self, cohort: str) -> set[int]:
        """Who is in the cohort in Moodle; nobody while it does not exist."""
        try:
            return self.moodle.site.cohort_members(cohort)
        except KeyError:
            return set()

    def records(self, topic: str) -> list[Record]:
        """All committed records of a topic, decoded."""
        starts = dict.fromkeys(range(topics.partition_counts(self.connection)[topic]), BEGINNING)
        found = [message for batch in read_to_end(self.connection, topic, starts, CLOCK) for message in batch]
        return [self.codec.decode(message.value) for message in found if message.value is not None]

    def ledger(self) -> dict[tuple[str, str], LedgerEntry]:
        """The last entry of each membership."""
        found = (entry for entry in self.records(self.topics.ledger) if isinstance(entry, LedgerEntry))
        return {(entry.cohort, entry.student): entry for entry in found}

    def journal(self) -> list[JournalEntry]:
        return [entry for entry in self.records(self.topics.journal) if isinstance(entry, JournalEntry)]

    def alerts(self) -> list[Alert]:
        """All that were ever said; see ``raised`` for what stands."""
        return [alert for alert in self.records(self.topics.alerts) if isinstance(alert, Alert)]

    def raised(self) -> dict[str, Alert]:
        """The alerts that stand, by key."""
        last = {alert.key: alert for alert in self.alerts()}
        return {key: alert for key, alert in last.items() if alert.state is AlertState.RAISED}

    def settings(self, sink: SinkSettings | None = None, **sections: Any) -> Settings:
        """What a command is run with on this broker and Moodle; ``sections`` are further ones."""
        settings = Settings.model_validate({"kafka": self.connection.settings, **sections})
        return settings.model_copy(update={"sinks": {"moodle": sink or self.sink()}})

    def removed_without_cause(self) -> int:
        """Removals of users who were no members, which Moodle logs all the same."""
        return self.moodle.site.totals["phantom"]


def run_until(
    consumers: CohortConsumer | Iterable[CohortConsumer], reached: Callable[[], bool], seconds: float = 60
) -> None:
    """Turn by turn until it is so; a minute at most, which only a failure takes."""
    many = [consumers] if isinstance(consumers, CohortConsumer) else list(consumers)
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        for consumer in many:
            consumer.run_once()


def reset_offsets(world: World, kafka: Kafka, where: str) -> None:
    """As an operator does it, with Kafka's own tool."""
    group = f"{world.connection.settings.topic_prefix}cohortstream.moodle"
    names = ("--bootstrap-server", kafka.bootstrap, "--group", group, "--topic", world.topics.memberships)
    kafka.tool(GROUP_TOOL, *names, "--reset-offsets", where, "--execute")


@contextlib.contextmanager
def running_moodle(users: int = 200) -> Iterator[MoodleStandin]:
    """A Moodle with accounts, set up as a careful administrator does."""
    site = site_from_fixture(bulk_users=users)
    add_recommended_caller(site)
    with MoodleStandin(site) as moodle:
        yield moodle
