"""The state from the topics: followed while standing by, complete before working.

Positions say how far each partition is applied. While this process works, its own records are applied as they are
committed, so positions are moved to the ends of the topics, but only to ends that were asked for before a commit that
succeeded: had another one written in between, that commit would have been fenced.
"""

from __future__ import annotations

from collections.abc import Iterable

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, Message, Tail, catch_up
from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import Log
from connector.source.state import State
from schemas.codec import Codec, Undecodable
from schemas.keys import KeyFault, decode_key

_log = Log("source")


class Restorer:
    """Keeps the state up to the topics' ends."""

    def __init__(
        self, connection: Connection, topics: Topics, partitions: int, codec: Codec, state: State, clock: Clock
    ) -> None:
        self._codec, self._state, self._clock = codec, state, clock
        shapes = {topics.memberships: partitions, topics.checkpoints: 1, topics.alerts: 1}
        self._tails = {}
        for topic, count in shapes.items():
            starts = dict.fromkeys(range(count), BEGINNING) | state.positions(topic)
            self._tails[topic] = Tail(connection, topic, starts)
        self._ends: tuple[int, dict[str, dict[int, int]]] | None = None

    def follow(self) -> int:
        """Apply what has come; the number of records."""
        count = 0
        for topic, tail in self._tails.items():
            messages = tail.poll()
            if messages:
                self._apply(topic, messages, tail)
                count += len(messages)
        return count

    def complete(self) -> None:
        """Apply everything that any predecessor may have committed. Call once that one is fenced."""
        for topic, tail in self._tails.items():
            for messages in catch_up(tail, self._clock):
                self._apply(topic, messages, tail)

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
        for tail in self._tails.values():
            tail.close()

    def _apply(self, topic: str, messages: Iterable[Message], tail: Tail) -> None:
        with self._state.writing():
            for message in messages:
                try:
                    record = None if message.value is None else self._codec.decode(message.value)
                    self._state.apply(decode_key(message.key), record)
                except (Undecodable, KeyFault, TypeError) as error:
                    # Not ours, or damaged. Leaving out a membership costs a record that says the same again, since the
                    # rows are compared with the state; what is worse would be a connector that cannot start.
                    _log.error(
                        "state.record_skipped",
                        topic=topic,
                        partition=message.partition,
                        offset=message.offset,
                        reason=type(error).__name__,
                    )
            self._state.advance(topic, tail.positions)
