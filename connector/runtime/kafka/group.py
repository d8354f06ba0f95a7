"""Membership in a consumer group: an election over one partition, and work shared by partitions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import TransactionAborted, translate
from connector.runtime.kafka.reading import Message, as_message, consume
from connector.runtime.messages import KafkaMessage, message

SESSION_TIMEOUT = 6.0
"""Seconds of silence after which the group gives a member's partitions to others. The lowest a stock broker accepts;
a takeover is to happen within seconds."""

CONNECTOR_GROUP = "cohortstream.connector"
"""The group in which connectors elect the one that works, and the transactional id of that one; the prefix is put
before both."""

NOTIFIER_GROUP = "cohortstream.notifier"
"""The group in which notifiers elect the one that sends."""

_LONGEST_TURN_S = 3600.0
"""Seconds between two polls after which the client itself gives the partition up. A first fetch of a snapshot may take
long; a process that dies is noticed by its silence (``SESSION_TIMEOUT``), one that hangs by its health page."""

_COMMITTED_WITHIN_S = 10.0
"""How long the broker may take to say what a group has committed."""

_COMMON = {"session_timeout_ms": int(SESSION_TIMEOUT * 1000), "heartbeat_interval_ms": 1500}


def _translated(callback: Callable[[Any, Any, list[TopicPartition]], None]) -> Callable[..., None]:
    """What the client raises within its own callback it hands on from ``poll`` as something that is no exception at all (an
    error code of its own, with Python 3.11), which nobody could catch; our faults arrive as they are.
    """

    @functools.wraps(callback)
    def called(self: Any, consumer: Any, partitions: list[TopicPartition]) -> None:
        try:
            callback(self, consumer, partitions)
        except KafkaException as error:
            raise translate(error) from error

    return called


class Elector:
    """Who owns the one partition of a topic is elected. A restarted or second process stands by until it is its turn."""

    def __init__(self, connection: Connection, topic: str, group: str, client_id: str | None = None) -> None:
        """``client_id`` is what others read of this member in ``describe_members``."""
        self._holding = False
        self._consumer: Any = connection.consumer(
            **({} if client_id is None else {"client_id": client_id}),
            group_id=connection.name(group),
            auto_offset_reset="latest",
            max_poll_interval_ms=int(_LONGEST_TURN_S * 1000),
            # One that joins leaves the partition with its owner, who is not even asked to give it up for a moment: that
            # would cut off a snapshot of hours.
            partition_assignment_strategy="cooperative-sticky",
            **_COMMON,
        )
        self._topic = topic
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._gone, on_lost=self._gone)

    def poll(self, timeout: float = 0.0) -> bool:
        """Take part, and tell whether we are elected now. Call at least every few seconds.

        Raises:
            KafkaFault: see ``errors``.
        """
        # The records themselves are read elsewhere; this consumer only holds the partition.
        message = self._consumer.poll(timeout)
        if message is not None and message.error() is not None:
            raise translate(message.error())
        return self._holding

    def close(self) -> None:
        """Leave the group, so that the next one is elected at once."""
        self._consumer.close()
        self._holding = False

    def note(self, text: str) -> None:
        """Leave a short text for whoever is elected next; the broker keeps it for a week after the last member has gone.
        Only the elected one may.

        Raises:
            KafkaFault: see ``errors``.
        """
        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, 0, 0, text)], asynchronous=False)
        except KafkaException as error:
            raise translate(error) from error

    @_translated
    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        if partitions:  # none: what we have stays as it is
            consumer.incremental_assign(partitions)
            consumer.pause(partitions)
            self._holding = True

    @_translated
    def _gone(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        if partitions:
            consumer.incremental_unassign(partitions)
            self._holding = False


class Share(Protocol):
    """Who works on a share of the partitions. Called from within ``GroupConsumer.poll``."""

    def start_of(self, committed: Mapping[int, int | None]) -> Mapping[int, int]:
        """Partitions were added; where to begin each, given the group's committed offsets (None: none)."""
        ...

    def release(self, partitions: frozenset[int]) -> None:
        """Partitions are about to go to others: finish and commit what is under way. Still ours until this returns."""
        ...

    def lose(self, partitions: frozenset[int]) -> None:
        """Partitions were lost and may be with others already: forget them, write nothing of them."""
        ...


class GroupConsumer:
    """Shares a topic's partitions with the other members, handing over only those that move (cooperative)."""

    def __init__(self, connection: Connection, topic: str, group: str, share: Share) -> None:
        self._topic, self._share = topic, share
        self._at_end: set[int] = set()
        self._consumer: Any = connection.consumer(
            group_id=connection.name(group),
            partition_assignment_strategy="cooperative-sticky",
            enable_partition_eof=True,
            **_COMMON,
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def poll(self, limit: int = 5000, timeout: float = 0.0) -> list[Message]:
        """Up to ``limit`` records of our partitions; waits at most ``timeout`` seconds for the first.

        Keeps the membership alive also while everything is paused: call at least every few seconds.

        Raises:
            KafkaFault: see ``errors``.
        """
        messages = []
        try:
            for raw in consume(self._consumer, limit, timeout):
                error = raw.error()
                if error is None:
                    messages.append(as_message(raw))
                    self._at_end.discard(raw.partition())
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's name
                    self._at_end.add(raw.partition())
                else:
                    raise translate(error)
        except KafkaException as error:
            raise translate(error) from error
        return messages

    @property
    def at_end(self) -> frozenset[int]:
        """Partitions of which ``poll`` has brought everything that there is, so far as the broker has said. None that is
        paused, or that was just assigned or resumed: of these nobody knows yet.
        """
        return frozenset(self._at_end)

    @property
    def metadata(self) -> Any:
        """Group and generation, for ``Transaction.offsets``.

        Raises:
            TransactionAborted: we are not in the group now.
        """
        try:
            return self._consumer.consumer_group_metadata()
        except RuntimeError as error:
            raise TransactionAborted(message(KafkaMessage.ABORTED, reason=error)) from error

    def pause(self, partitions: Iterable[int]) -> None:
        """Fetch nothing of these until ``resume``."""
        paused = list(partitions)
        self._at_end.difference_update(paused)
        self._consumer.pause(self._of(paused))

    def resume(self, partitions: Iterable[int]) -> None:
        """Go on with these; where the end is, the client tells anew."""
        self._consumer.resume(self._of(partitions))

    def seek(self, partition: int, offset: int) -> None:
        """Go on from this offset."""
        self._at_end.discard(partition)
        try:
            self._consumer.seek(TopicPartition(self._topic, partition, offset))
        except KafkaException as error:
            raise translate(error) from error

    def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end of each partition as the client last heard; those it has not heard of yet are left out."""
        found = {
            p: self._consumer.get_watermark_offsets(TopicPartition(self._topic, p), cached=True) for p in partitions
        }
        return {p: marks[1] for p, marks in found.items() if marks is not None and marks[1] >= 0}

    def position(self, partition: int, offset: int) -> TopicPartition:
        """A position of this topic, for ``Transaction.offsets``."""
        return TopicPartition(self._topic, partition, offset)

    def close(self) -> None:
        """Leave the group; our partitions are released first."""
        self._consumer.close()

    def _of(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]

    @_translated
    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        committed = {
            found.partition: found.offset if found.offset >= 0 else None
            for found in consumer.committed(partitions, _COMMITTED_WITHIN_S)
        }
        starts = self._share.start_of(committed)
        self._at_end.difference_update(starts)
        consumer.incremental_assign([TopicPartition(self._topic, p, offset) for p, offset in starts.items()])

    @_translated
    def _revoked(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        self._share.release(self._without_end(partitions))
        consumer.incremental_unassign(partitions)

    @_translated
    def _lost(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        self._share.lose(self._without_end(partitions))
        consumer.incremental_unassign(partitions)

    def _without_end(self, partitions: list[TopicPartition]) -> frozenset[int]:
        """Those partitions, of whose ends nobody will hear any more."""
        gone = frozenset(tp.partition for tp in partitions)
        self._at_end -= gone
        return gone


def note_of(connection: Connection, topic: str, group: str) -> str:
    """The text that an elected member left last (``Elector.note``); empty for none. Takes no part in the election.

    Raises:
        KafkaFault: see ``errors``.
    """
    reader: Any = connection.consumer(group_id=connection.name(group))
    try:
        return reader.committed([TopicPartition(topic, 0)], _COMMITTED_WITHIN_S)[0].metadata or ""
    except KafkaException as error:
        raise translate(error) from error
    finally:
        reader.close()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group, as others see it."""

    client_id: str
    elected: bool
    """Whether it has a partition; of an election, whether it won."""


def members_of(connection: Connection, group: str) -> int:
    """How many members a group has now: whether a role is running at all."""
    return len(describe_members(connection, group))


def describe_members(connection: Connection, group: str) -> Sequence[Member]:
    """Who is in a group now; a process that died is, until its session is over.

    Raises:
        KafkaFault: see ``errors``.
    """
    admin = connection.admin()
    name = connection.name(group)
    try:
        found = admin.describe_consumer_groups([name], request_timeout=10.0)[name].result().members
    except KafkaException as error:
        if error.args[0].name() == "GROUP_ID_NOT_FOUND":
            return ()
        raise translate(error) from error
    return tuple(Member(one.client_id, bool(one.assignment.topic_partitions)) for one in found)
