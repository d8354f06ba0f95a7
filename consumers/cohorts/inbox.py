"""The topics as a member of the group sees them.

The group subscribes to the memberships alone; whoever owns partition p also reads p of the commands, by assignment, so
that all that concerns a cohort is in one hand.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.group import GroupConsumer, Share
from connector.runtime.kafka.reading import Tail
from connector.runtime.kafka.topics import Topics
from consumers.cohorts.ledger import Ledger
from consumers.cohorts.loop import Arrivals
from consumers.cohorts.rereading import Rereading


class KafkaInbox:
    """An ``Inbox`` over the real broker."""

    def __init__(self, connection: Connection, topics: Topics, group: str, share: Share, ledger: Ledger) -> None:
        self._share, self._ledger = share, ledger
        self._on_hold = False
        self._new: set[int] = set()
        """Partitions that were added in this poll; they can be paused only after the group has assigned them."""
        self._commands = Tail(connection, topics.commands, {})
        self._rereading = Rereading(connection, topics.memberships)
        self._group = GroupConsumer(connection, topics.memberships, group, _Companions(self))

    @property
    def group(self) -> GroupConsumer:
        """For the group's metadata and positions, which go into each transaction."""
        return self._group

    def poll(self, limit: int, timeout: float) -> Arrivals:
        messages = self._group.poll(limit, timeout)
        if self._new:
            # The client goes on pausing a partition that it lost while it was paused, and that comes back.
            (self._group.pause if self._on_hold else self._group.resume)(self._new)
            self._new.clear()
        return Arrivals(messages, self._commands.poll(limit), self._rereading.poll(), self._group.at_end)

    def hold(self, *, on: bool) -> None:
        self._on_hold = on
        if on:
            self._group.pause(self._ledger.owned)
        else:
            self._group.resume(self._ledger.owned)

    def rewind(self, positions: Mapping[int, int]) -> None:
        for partition, offset in positions.items():
            self._group.seek(partition, offset)

    def read_again(self, partition: int, offset: int) -> None:
        self._rereading.ask(partition, offset)

    def close(self) -> None:
        self._group.close()
        self._commands.close()
        self._rereading.close()

    def taken(self, committed: Mapping[int, int | None]) -> Mapping[int, int]:
        """Partitions were added."""
        starts = self._share.start_of(committed)
        for partition in starts:
            self._commands.watch(partition, self._ledger.marker(partition).commands_offset)
        self._new.update(starts)
        return starts

    def gone(self, partitions: frozenset[int], *, in_order: bool) -> None:
        """Partitions go, or are gone."""
        for partition in partitions:
            self._commands.forget(partition)
        self._new -= partitions
        self._rereading.forget(partitions)
        if in_order:
            self._share.release(partitions)
        else:
            self._share.lose(partitions)


class _Companions:
    """The share as the group sees it: the commands come and go with the memberships."""

    def __init__(self, inbox: KafkaInbox) -> None:
        self._inbox = inbox

    def start_of(self, committed: Mapping[int, int | None]) -> Mapping[int, int]:
        return self._inbox.taken(committed)

    def release(self, partitions: frozenset[int]) -> None:
        self._inbox.gone(partitions, in_order=True)

    def lose(self, partitions: frozenset[int]) -> None:
        self._inbox.gone(partitions, in_order=False)
