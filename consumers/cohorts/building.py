"""Putting the consumer together: pure parts and steps first, then the real broker around them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.group import SESSION_TIMEOUT
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.topics import Topics, topic_id
from connector.runtime.messages import Message
from connector.runtime.telemetry import Labelled, Metrics, Pseudonym, Tracer
from consumers.cohorts.additions import Additions
from consumers.cohorts.adopting import Adopting, OnceAdopted, Signs
from consumers.cohorts.alerts import Alerts
from consumers.cohorts.anew import Anew
from consumers.cohorts.anew import Topics as MembershipsTopic
from consumers.cohorts.backlog import Backlog
from consumers.cohorts.breaker_settings import open_allowances
from consumers.cohorts.calls import Reader, Writer
from consumers.cohorts.creations import Creations
from consumers.cohorts.crew import Crew, Executor
from consumers.cohorts.desk import Desk, LeaseTerm
from consumers.cohorts.following import Following
from consumers.cohorts.inbox import KafkaInbox
from consumers.cohorts.intake import Intake
from consumers.cohorts.ledger import Ledger, Log
from consumers.cohorts.letters import Letters
from consumers.cohorts.log import KafkaLog, KafkaRestorer
from consumers.cohorts.loop import Consumer
from consumers.cohorts.pause import Pause
from consumers.cohorts.putting_back import PuttingBack
from consumers.cohorts.rechecks import Rechecks
from consumers.cohorts.removals import Removals
from consumers.cohorts.roll import AccountSource, Roll
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.signs import KafkaSigns
from consumers.cohorts.site_watch import SiteReader, SiteWatch
from consumers.cohorts.spending import Spending
from consumers.cohorts.students import Students
from consumers.cohorts.tenancy import Tenancy
from consumers.cohorts.told import Told
from consumers.cohorts.unread import Unread
from consumers.cohorts.witness import Witness
from schemas.codec import Codec
from schemas.records import Adoption, CohortEntry, LedgerEntry

_MEASURE_EVERY = 5.0
LEASE = SESSION_TIMEOUT / 3
"""Seconds after a commit in which calls may be sent."""


class SiteAndCohorts(Reader, SiteReader, Protocol):
    """The reading half of the client."""


@dataclass(frozen=True)
class Site:
    """Moodle, as the consumer uses it."""

    reader: SiteAndCohorts
    writer: Writer
    directory: AccountSource
    max_input_vars: int
    """Form fields that the server takes, from the settings or probed."""


@dataclass(frozen=True)
class Surroundings:
    """What decides time, threads and telemetry."""

    clock: Clock
    executor: Executor
    """Makes the calls: as many threads as ``settings.calls_at_once``."""
    aside: Executor
    """One thread, for questions to the directory."""
    metrics: Metrics
    tracer: Tracer
    pseudonym: Pseudonym


@dataclass(frozen=True)
class Assembled:
    """The consumer without a broker."""

    consumer: Consumer
    desk: Desk
    ledger: Ledger
    anew: Anew


def assemble(
    sink: str,
    settings: SinkSettings,
    site: Site,
    around: Surroundings,
    codec: Codec,
    log: Log,
    signs: Signs,
    partitions: int,
    run: str,
    topics: MembershipsTopic,
    topic_id: str,
) -> Assembled:
    """The consumer over any log. ``topic_id``: of the memberships topic as it is now."""
    watched: list[Consumer] = []

    def watch(entry: LedgerEntry | CohortEntry) -> None:
        watched[0].watch(entry)

    ledger = Ledger(log, partitions, watch)
    desk = Desk(
        ledger=ledger,
        backlog=Backlog(),
        crew=Crew(around.executor, around.aside, settings.calls_at_once + 1),
        pause=Pause(around.clock, settings.fault_retry.total_seconds()),
        roll=Roll(around.clock),
        lease=LeaseTerm(around.clock, LEASE),
        witness=Witness(Labelled(around.metrics, sink=sink), around.tracer, around.pseudonym),
        clock=around.clock,
        settings=settings,
        run=run,
    )
    seconds, rows = settings.moodle.call_seconds.total_seconds(), settings.moodle.max_rows
    names = settings.students.field if settings.students.by == "profile_field" else None
    watch_site = SiteWatch(desk, site.reader, site.directory, names)
    anew = Anew(desk, watch_site, topics, topic_id)
    rechecks, letters = Rechecks(desk, site.reader), Letters(desk)
    intake = Intake(desk, rechecks, letters, codec)
    putting_back = PuttingBack(desk, rechecks, intake)
    adopting = Adopting(desk, signs, site.reader)
    writer = OnceAdopted(site.writer, adopting)
    consumer = Consumer(
        desk,
        intake,
        Following(desk, rechecks, putting_back, letters, adopting, anew, codec),
        putting_back,
        letters,
        Creations(desk, site.reader, writer),
        Additions(desk, writer, Additions.limits(seconds, site.max_input_vars, rows)),
        Removals(
            desk,
            site.reader,
            site.directory,
            writer,
            Spending(ledger, settings.breaker.limits(), open_allowances(settings.allowances, partitions)),
            Removals.limits(seconds, site.max_input_vars, rows),
        ),
        rechecks,
        Students(desk, site.directory),
        Alerts(desk, sink),
        adopting,
        watch_site,
        anew,
        Unread(desk, site.reader),
    )
    watched.append(consumer)
    return Assembled(consumer, desk, ledger, anew)


class CohortConsumer:
    """The consumer on the real broker: ``run_once`` again and again, then ``close``.

    After a ``KafkaFault`` it is of no more use: ``abandon`` it and make a new one, which goes on from the ledger topic.
    """

    def __init__(
        self,
        sink: str,
        settings: SinkSettings,
        connection: Connection,
        codec: Codec,
        site: Site,
        around: Surroundings,
        sources: Collection[str] = (),
    ) -> None:
        """Joins the group ``cohortstream.<sink>``. The topics must exist. ``sources``: names of those that this process
        knows of; a sink that is not adopted yet waits for their first load.

        Raises:
            KafkaFault: the broker cannot be used.
        """
        topics = Topics(connection.settings.topic_prefix, sink)
        self.run = uuid.uuid4().hex[:12]
        self._producer = TransactionalProducer(connection, f"cohortstream.{sink}.{self.run}")
        self._producer.initialise()
        log = KafkaLog(self._producer, topics, codec, lambda: self._inbox.group)
        partitions = connection.settings.partitions
        self._signs = KafkaSigns(connection, topics, codec, sources)
        identity = f"{topic_id(connection, topics.ledger)} {topic_id(connection, topics.journal)}"
        restorer = KafkaRestorer(connection, topics, codec, around.clock, settings.state_directory, identity)
        topic = topic_id(connection, topics.memberships)
        parts = assemble(sink, settings, site, around, codec, log, self._signs, partitions, self.run, restorer, topic)
        self._consumer, self._desk = parts.consumer, parts.desk
        self._told = Told(connection, topics.alerts, codec, around.clock)
        parts.consumer.hear_alerts(self._told.standing())
        tenancy = Tenancy(parts.desk, parts.consumer, parts.anew, restorer, topic, parts.consumer.commit)
        self._measure_at, self._measured = 0.0, frozenset[int]()
        self._inbox = KafkaInbox(connection, topics, f"cohortstream.{sink}", tenancy, parts.ledger)

    def run_once(self) -> None:
        """One turn; see ``Consumer.run_once``."""
        self._consumer.hear_alerts(self._told.poll())
        self._consumer.run_once(self._inbox)
        now = self._desk.clock.monotonic()
        if now >= self._measure_at:
            self._measure_at = now + _MEASURE_EVERY
            self._measure()

    @property
    def idle(self) -> bool:
        """Whether nothing can be done now."""
        return self._consumer.idle

    def removes_within(self, time: timedelta) -> bool:
        """Whether a removal becomes due within this time from now."""
        moment = self._desk.clock.now() + time
        return any(next(iter(store.due(moment, 1)), None) is not None for store in self._desk.ledger.stores())

    @property
    def paused(self) -> Message | None:
        """Why Moodle is not called, while it is not."""
        return self._desk.pause.cause or self._desk.site_doubt

    @property
    def shadow(self) -> Adoption | None:
        """Why nothing is written to Moodle, while the topics say so."""
        return self._consumer.standing.adoption

    @property
    def owned(self) -> frozenset[int]:
        """Partitions that are ours."""
        return self._desk.ledger.owned

    def _measure(self) -> None:
        """How far behind the topic each partition is; transactions' own marks count, so it is an upper bound."""
        ledger = self._desk.ledger
        ends = self._inbox.group.ends(ledger.owned)
        lag = {p: max(0, end - max(0, ledger.marker(p).next_offset)) for p, end in ends.items()}
        self._desk.witness.behind(lag, self._measured - ledger.owned)
        self._measured = ledger.owned

    def close(self) -> None:
        """Finish what is under way, commit, write clean markers, leave the group."""
        self._inbox.close()
        self._signs.close()
        self._told.close()
        self._producer.close()

    def abandon(self) -> None:
        """Leave without writing anything; the group notices."""
        self._desk.lease.end()
        self._desk.ledger.drop(self._desk.ledger.owned)
        self._signs.close()
        self._told.close()
        self._inbox.close()
