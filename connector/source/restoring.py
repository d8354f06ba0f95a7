"""The state from the topics: followed while standing by, complete before working.

Positions say how far each partition is applied. While this process works, its own records are applied as they are
committed, so positions are moved to the ends of the topics, but only to ends that were asked for before a commit that
succeeded: had another one written in between, that commit would have been fenced.
"""

from __future__ import annotations

from collections.abc import Iterable

from connector.runtime.clock import Clock
from connector.runtime.errors import Halted
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up
from connector.runtime.kafka.topics import Topics
from connector.runtime.messages import OracleMessage, message
from connector.runtime.telemetry import Log
from connector.source.state import State
from schemas.codec import Codec, Undecodable
from schemas.keys import Key, KeyFault, decode_key

_log = Log("source")


class Restorer:
    """Keeps the state up to the topics' ends: ``follow`` any number of times, then ``complete`` once."""

    def __init__(
        self, connection: Connection, topics: Topics, partitions: int, codec: Codec, state: State, clock: Clock
    ) -> None:
        self._codec, self._state, self._clock = codec, state, clock
        self._alerts, self._memberships = topics.alerts, topics.memberships
        shapes = {topics.memberships: partitions, topics.checkpoints: 1, topics.alerts: 1}
        self._tails = {}
        for topic, count in shapes.items():
            starts = dict.fromkeys(range(count), BEGINNING) | state.positions(topic)
            self._tails[topic] = Tail(connection, topic, starts)
        self._open = set(self._tails)
        """Topics whose tails are still read."""
        self._ends: tuple[int, dict[str, dict[int, int]]] | None = None

    def follow(self) -> int:
        """Apply what has come; the number of records.

        Raises:
            Halted: a record cannot be read by this release; nothing of what came with it is applied.
        """
        count = 0
        for topic, tail in self._tails.items():
            messages = tail.poll()
            if messages:
                self._apply(topic, messages, tail)
                count += len(messages)
        return count

    def complete(self) -> None:
        """Apply everything that any predecessor may have committed, and read no more. Call once that one is fenced.

        Raises:
            Halted: as ``follow``.
        """
        for topic, tail in self._tails.items():
            for messages in catch_up(tail, self._clock):
                self._apply(topic, messages, tail)
            self._close(topic)

    def note_ends(self, commits: int) -> None:
        """Ask for the ends, and remember that so many transactions were committed before."""
        self._ends = commits, {topic: tail.ends() for topic, tail in self._tails.items()}

    def take_ends(self, commits: int) -> None:
        """Take the noted ends for positions if a transaction was committed since."""
        if self._ends is not None and commits > self._ends[0]:
            with self._state.writing():
                for topic, ends in self._ends[1].items():
                    self._state.advance(topic, ends)
            self._ends = None

    def close(self) -> None:
        for topic in list(self._open):
            self._close(topic)

    def _close(self, topic: str) -> None:
        self._open.discard(topic)
        self._tails[topic].close()

    def _apply(self, topic: str, messages: Iterable[Message], tail: Tail) -> None:
        with self._state.writing():
            for message in messages:
                self._take(topic, message)
            self._state.advance(topic, tail.positions)

    def _take(self, topic: str, found: Message) -> None:
        """Apply one record.

        Raises:
            Halted: it is ours by its key, but this release cannot read it. Without it nobody would know of a membership
                whose student has left since, and no read would ever bring it up again.
        """
        ours = False
        try:
            key = decode_key(found.key)
            ours = topic != self._alerts and _names_something(key)
            if found.value is not None:
                self._state.apply(key, self._codec.decode(found.value))
            elif topic == self._memberships:
                self._forget(key)
            else:
                self._state.apply(key, None)
        except Undecodable as error:
            if ours:
                place = {"topic": topic, "partition": found.partition, "offset": found.offset}
                raise Halted(message(OracleMessage.STATE_UNDECODABLE, **place, reason=str(error))) from error
            self._skip(found, error)  # nobody's; or another role's alert, which at worst is raised once more
        except (KeyFault, TypeError) as error:
            self._skip(found, error)  # nothing that any release of the connector wrote

    def _forget(self, key: Key) -> None:
        match key:
            case (str(cohort), str() | None as student):
                self._state.forget(cohort, student)

    def _skip(self, found: Message, error: Exception) -> None:
        _log.error(
            "state.record_skipped",
            topic=found.topic,
            partition=found.partition,
            offset=found.offset,
            reason=type(error).__name__,
        )


def _names_something(key: Key) -> bool:
    """Whether a key is one of those that the state is made of."""
    match key:
        case (str(), str() | None):
            return True  # of a membership or a cohort; and of a checkpoint
        case ("suspects" | "values", str(), str()) | ("publisher",):
            return True
        case _:
            return False
