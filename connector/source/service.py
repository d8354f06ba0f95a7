"""The connector's life: stand by, be elected, restore, work, and stand by again when another one takes over.

The order is what makes one writer of many processes: the group's owner of the signals topic is elected, *then* fences
every earlier producer, *then* reads the state to its end, and only then looks at a database.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import Fenced, TopicFault, TransactionAborted
from connector.runtime.kafka.group import CONNECTOR_GROUP, Elector
from connector.runtime.kafka.producer import TransactionalProducer
from connector.runtime.kafka.reading import BEGINNING, Tail, ends_of
from connector.runtime.kafka.topics import Topics, topic_id
from connector.runtime.messages import Message, OracleMessage, message
from connector.runtime.telemetry import Gauge, Log, Metrics, Pseudonym, Tracer
from connector.source.feed import Feed
from connector.source.identity import fingerprint
from connector.source.loop import Poller, first_unanswered
from connector.source.outage import Chance
from connector.source.publisher import Publisher
from connector.source.reading import Source
from connector.source.restoring import Restorer
from connector.source.settings import SourceSettings
from connector.source.signals_topic import SignalsTopic
from connector.source.state import State
from connector.source.store import open_store
from connector.source.working import Worker
from schemas.codec import Codec, Undecodable
from schemas.records import Signal

_log = Log("source")
_TURN_S = 0.25
_ENDS_EVERY_S = 60.0
_REST_S = 3.0
"""Two heartbeats of the group: a member that has lost its place knows by then."""

MakeSource = Callable[[str, SourceSettings, Clock], Source]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the connector measures and waits by."""

    clock: Clock
    metrics: Metrics
    tracer: Tracer
    pseudonym: Pseudonym
    chance: Chance = field(default_factory=random.Random)
    """Spreads attempts after failures."""


class Connector:
    """All sources of one settings file. ``state_file`` None keeps the state in a temporary file."""

    def __init__(
        self,
        sources: Mapping[str, SourceSettings],
        make_source: MakeSource,
        connection: Connection,
        topics: Topics,
        codec: Codec,
        around: Surroundings,
        state_file: Path | None = None,
    ) -> None:
        self._settings, self._make_source = sources, make_source
        self._connection, self._topics, self._codec, self._around = connection, topics, codec, around
        partitions = connection.settings.partitions
        self._partitions = partitions
        identity = f"{topic_id(connection, topics.memberships)} {topic_id(connection, topics.checkpoints)}"
        self.state = State(open_store(state_file, identity))
        self._elector = Elector(connection, topics.signals, CONNECTOR_GROUP)
        self._restorer: Restorer | None = self._restoring()
        self._work: _Work | None = None
        self._rests_until = 0.0

    @property
    def active(self) -> bool:
        """Whether this process is the one that works."""
        return self._work is not None

    @property
    def quiet(self) -> bool:
        """Whether this process works and has published everything that the sources said."""
        return self._work is not None and self._work.poller.quiet

    @property
    def problems(self) -> dict[str, Message]:
        """Sources that do not work now, and why."""
        workers = self._work.poller.workers if self._work is not None else {}
        return {name: worker.problem for name, worker in workers.items() if worker.problem is not None}

    def run_once(self) -> None:
        """Take part in the election, then stand by or work for a moment.

        Raises:
            KafkaFault: but for being fenced; make a new connector.
        """
        elected = self._elector.poll(0.0 if self._work is not None else _TURN_S)
        self._around.metrics.gauge(Gauge.ACTIVE, 1 if elected else 0, role="connector")
        try:
            if not elected or self._around.clock.monotonic() < self._rests_until:
                self._stand_by()
            elif self._work is None:
                self._begin()
            else:
                self._turn(self._work)
        except (Fenced, TransactionAborted) as fault:
            # Fenced: another one writes. Aborted: what is in memory may be ahead of the topic. Both begin anew.
            _log.warning("connector.steps_down", reason=fault.message)
            self._stop_work()
            # The group may have another owner already, of whom we hear within this time: do not fence them.
            self._rests_until = self._around.clock.monotonic() + _REST_S

    def close(self) -> None:
        """Leave the group, so that the next one is elected at once."""
        self._stop_work()
        if self._restorer is not None:
            self._restorer.close()
        self._elector.close()
        self.state.close()

    def _stand_by(self) -> None:
        if self._work is not None:
            _log.info("connector.stands_by")
            self._stop_work()
        assert self._restorer is not None
        self._restorer.follow()

    def _begin(self) -> None:
        producer = TransactionalProducer(self._connection, CONNECTOR_GROUP)
        producer.initialise()
        assert self._restorer is not None
        self._restorer.complete()
        recorded = self.state.publisher
        if recorded is not None and recorded.partitions != self._partitions:
            raise TopicFault(
                message(OracleMessage.TOPIC_REPLACED, found=self._partitions, recorded=recorded.partitions)
            )
        around, state = self._around, self.state
        publisher = Publisher(
            producer,
            self._codec,
            self._topics,
            self._partitions,
            state,
            around.clock,
            around.metrics,
            around.tracer,
            around.pseudonym,
        )
        signals = self._signals_topic()
        workers = {}
        for name, settings in self._settings.items():
            source = self._make_source(name, settings, around.clock)
            workers[name] = Worker(
                Feed(
                    name,
                    settings,
                    fingerprint(settings),
                    source,
                    state,
                    publisher,
                    around.clock,
                    around.metrics,
                    around.tracer,
                ),
                signals,
                around.chance,
            )
        start = first_unanswered(workers.values(), state, signals) or BEGINNING
        inbox = SignalInbox(Tail(self._connection, self._topics.signals, {0: start}), self._codec)
        poller = Poller(workers, inbox, signals, publisher, state, around.clock)
        self._work = _Work(poller, publisher, producer, inbox, signals, around.clock.monotonic())
        _log.info(
            "connector.works",
            sources=len(workers),
            memberships=state.memberships,
            next_revision=state.highest_revision + 1,
        )

    def _signals_topic(self) -> SignalsTopic:
        name = self._topics.signals
        return SignalsTopic(topic_id(self._connection, name), ends_of(self._connection, name, [0])[0])

    def _turn(self, work: _Work) -> None:
        pause = work.poller.run_once()
        assert self._restorer is not None
        now = self._around.clock.monotonic()
        self._restorer.take_ends(work.publisher.commits)
        if now >= work.ends_at:
            self._restorer.note_ends(work.publisher.commits)
            work.ends_at = now + _ENDS_EVERY_S
            if topic_id(self._connection, self._topics.signals) != work.signals.id:
                # Made anew meanwhile: what is remembered of the other one's offsets would hide its signals.
                _log.warning("connector.signals_replaced")
                self._stop_work()
                return
        if pause > 0.0:
            self._around.clock.sleep(min(pause, _TURN_S))

    def _stop_work(self) -> None:
        work, self._work = self._work, None
        if work is None:
            return
        for worker in work.poller.workers.values():
            worker.snapshots.drop()
            worker.feed.source.close()
        work.inbox.close()
        work.producer.close()
        # The tails stand where they stood before: what was written since is read again, in its order.
        if self._restorer is not None:
            self._restorer.close()
        self._restorer = self._restoring()

    def _restoring(self) -> Restorer:
        clock = self._around.clock
        return Restorer(self._connection, self._topics, self._partitions, self._codec, self.state, clock)


@dataclass
class _Work:
    """What exists only while elected."""

    poller: Poller
    publisher: Publisher
    producer: TransactionalProducer
    inbox: SignalInbox
    signals: SignalsTopic
    ends_at: float


class SignalInbox:
    """Signals from their topic."""

    def __init__(self, tail: Tail, codec: Codec) -> None:
        self._tail, self._codec = tail, codec

    def poll(self) -> Sequence[tuple[int, Signal]]:
        found = []
        for received in self._tail.poll(limit=100):
            try:
                record = self._codec.decode(received.value or b"")
            except Undecodable as error:
                _log.error("signal.undecodable", offset=received.offset, reason=error)
                continue
            if isinstance(record, Signal):
                found.append((received.offset, record))
        return found

    def close(self) -> None:
        self._tail.close()
