"""What happens when partitions come and go.

Come: the local store is brought to the end of the ledger topic, the marker says where to go on, and what stood open is
open again. Go in order: calls under way are waited for, everything is committed, and the marker is written as clean. Go
by loss: all of it is forgotten and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from connector.runtime.errors import Halted
from connector.runtime.kafka.reading import BEGINNING
from consumers.cohorts.anew import Anew
from consumers.cohorts.desk import Desk
from consumers.cohorts.fold import judge_command
from consumers.cohorts.ledger import remembered_marker
from consumers.cohorts.messages import topic_replaced
from consumers.cohorts.store import Store
from schemas.records import Command, PartitionMarker

_RELEASE_ATTEMPTS = 3
"""A rebalance may roll a transaction back; without a commit the next owner must wait before it removes anybody."""
RELEASE_WAIT = 20.0
"""Seconds that a release waits for calls under way: less than a process gets to stop in. The next owner waits as well."""
_STEP = 0.02


class Restorer(Protocol):
    """Brings stores to the end of the ledger topic, and of the journal."""

    def store_of(self, partition: int) -> Store:
        """The local store, as it was left, or empty."""
        ...

    def restore(self, stores: Mapping[int, Store]) -> None:
        """Read what the stores lack: entries, cohorts, the marker (``ledger.remember_marker``), and what the journal
        says of the last day (``Store.note``).

        Raises:
            KafkaFault: the topic cannot be read.
        """
        ...

    def commands(self, partition: int, offset: int) -> list[Command]:
        """What was asked of this partition from this offset of the commands topic on.

        Raises:
            KafkaFault: the topic cannot be read.
        """
        ...

    def reached(self, partitions: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """By partition, facts for its store: offsets of the topics that it is made from. What is below will be in the
        store once the next commit has succeeded.
        """
        ...


class Steps(Protocol):
    """The steps of the loop, as far as they remember cohorts."""

    def resume(self, partition: int, *, blocked_until: datetime | None) -> None:
        """A partition is ours now; until then nobody is removed in it."""
        ...

    def blocked(self, now: datetime) -> frozenset[int]:
        """Partitions in which a call of a former consumer may still arrive."""
        ...

    def forget(self, partitions: frozenset[int]) -> None:
        """Partitions are about to be ours no longer; they are still in the ledger."""
        ...


class Tenancy:
    """Takes partitions over and gives them away; the ``Share`` of a ``GroupConsumer``."""

    def __init__(
        self, desk: Desk, steps: Steps, anew: Anew, restorer: Restorer, topic_id: str, commit: Callable[..., bool]
    ) -> None:
        """``commit`` commits the ledger and renews the lease; ``clean`` names partitions that are released."""
        self._desk, self._steps, self._anew, self._restorer = desk, steps, anew, restorer
        self._topic_id, self._commit = topic_id, commit

    def start_of(self, committed: Mapping[int, int | None]) -> Mapping[int, int]:
        """Take these partitions over. Goes on at the group's offset or at the marker, whichever is less.

        Raises:
            Halted: a marker speaks of another topic, and nobody has asked to begin its partition anew.
            KafkaFault: the ledger cannot be read.
        """
        stores = {partition: self._restorer.store_of(partition) for partition in committed}
        self._restorer.restore(stores)
        return {partition: self._take(partition, stores[partition], committed[partition]) for partition in committed}

    def release(self, partitions: frozenset[int]) -> None:
        """Give partitions away in order."""
        desk = self._desk
        desk.cancel()
        waited = 0.0
        while self._in_flight(partitions) and waited < RELEASE_WAIT:
            desk.clock.sleep(_STEP)
            waited += _STEP
            desk.crew.collect()
        blocked = self._steps.blocked(desk.clock.now())
        self._steps.forget(partitions)  # now, since what calls brought may have told the steps more
        # What a former consumer left open is open for the next one too.
        clean = frozenset() if self._in_flight(partitions) else (partitions & desk.ledger.owned) - blocked
        reached = self._restorer.reached(clean)
        if any(self._commit(clean=clean) for _ in range(_RELEASE_ATTEMPTS)):
            for partition, offsets in reached.items():
                store = desk.ledger.store(partition)
                for fact, offset in offsets.items():
                    store.set_fact(fact, str(offset))
                store.keep()
        self._drop(partitions)

    def lose(self, partitions: frozenset[int]) -> None:
        """Partitions are gone; whoever has them knows what was committed."""
        self._desk.lease.end()
        self._desk.cancel()
        self._steps.forget(partitions)
        self._drop(partitions)

    def _take(self, partition: int, store: Store, committed: int | None) -> int:
        desk, now = self._desk, self._desk.clock.now()
        marker = remembered_marker(store)
        rebuild = None
        if marker is not None and marker.topic_id != self._topic_id:
            rebuild = self._asked_to_rebuild(store, marker)
            if rebuild is None:
                store.close()
                raise Halted(topic_replaced(partition))
        blocked = None if marker is None or marker.clean else now + desk.settings.moodle_settle
        if marker is None:
            marker = PartitionMarker(
                partition=partition,
                topic_id=self._topic_id,
                next_offset=0,
                highest_revision=0,
                commands_offset=0,
                fingerprint="",
                at=now,
                clean=True,
            )
        if rebuild is not None:
            start = BEGINNING
        else:
            start = (marker.next_offset or BEGINNING) if committed is None else min(committed, marker.next_offset)
        desk.ledger.open(store, marker, start)
        if rebuild is not None:
            self._anew.taken(partition, rebuild)
        self._steps.resume(partition, blocked_until=blocked)
        return start

    def _asked_to_rebuild(self, store: Store, marker: PartitionMarker) -> Command | None:
        """The command of a person who has seen that the topic is the one that it is now."""
        for command in self._restorer.commands(marker.partition, marker.commands_offset):
            asked = command.kind == "rebuild" and command.hash == self._topic_id
            if asked and judge_command(command, self._desk.clock.now()) is None and not store.followed(command.id):
                return command
        return None

    def _in_flight(self, partitions: frozenset[int]) -> bool:
        return any(
            self._desk.ledger.partition_of(cohort) in partitions for cohort in self._desk.crew.cohorts_under_way()
        )

    def _drop(self, partitions: frozenset[int]) -> None:
        desk = self._desk
        desk.ledger.drop(partitions)
        desk.backlog.forget(lambda cohort: not desk.ledger.owns(cohort))
