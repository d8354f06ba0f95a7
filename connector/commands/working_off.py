"""Waiting until the consumers have worked commands off: the markers have passed them, and no addition is on its way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from connector.commands.wiring.base import Base
from connector.runtime.kafka.reading import Message, Tail, ends_of
from schemas.codec import Undecodable
from schemas.keys import Key, KeyFault, decode_key, partition_of
from schemas.records import EntryStatus, LedgerEntry, PartitionMarker

_LOOK_S = 0.2


class WorkingOff:
    """Begin it before the commands are sent. ``keys``: the memberships that they are about."""

    def __init__(self, base: Base, sink: str, keys: Collection[tuple[str, str]]) -> None:
        self._base, self._keys = base, frozenset[Key](keys)
        self._concerned = {partition_of(cohort, base.settings.kafka.partitions) for cohort, _ in keys}
        names, partitions = base.topics(sink), range(base.settings.kafka.partitions)
        self._commands = names.commands
        self._tail = Tail(base.connection, names.ledger, ends_of(base.connection, names.ledger, partitions))
        self._passed: dict[int, int] = {}
        self._pending: set[Key] = set()

    def wait(self, within: timedelta) -> bool:
        """Whether the commands that were sent by now were worked off in time."""
        wanted = ends_of(self._base.connection, self._commands, self._concerned)
        deadline = self._base.clock.monotonic() + within.total_seconds()
        while not self._done(wanted):
            if self._base.clock.monotonic() > deadline:
                return False
            for message in self._tail.poll(5000, _LOOK_S):
                self._hear(message)
        return True

    def close(self) -> None:
        self._tail.close()

    def _done(self, wanted: Mapping[int, int]) -> bool:
        return not self._pending and all(self._passed.get(p, -1) >= end for p, end in wanted.items())

    def _hear(self, message: Message) -> None:
        try:
            key = decode_key(message.key)
            record = None if message.value is None else self._base.codec.decode(message.value)
        except (KeyFault, Undecodable):
            return  # of a later release
        if isinstance(record, PartitionMarker):
            self._passed[record.partition] = record.commands_offset
        elif key in self._keys:
            waits = isinstance(record, LedgerEntry) and record.status is EntryStatus.PENDING
            (self._pending.add if waits else self._pending.discard)(key)
