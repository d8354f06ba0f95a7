"""Topics and a consumer group in memory, with generations, crashes at commits, and members that are given up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connector.runtime.kafka.group import SESSION_TIMEOUT, Share
from connector.runtime.kafka.reading import BEGINNING, Message
from consumers.cohorts.ledger import Ledger, Outgoing, remember_marker
from consumers.cohorts.log import take_back
from consumers.cohorts.loop import Arrivals
from consumers.cohorts.putting_back import Again
from consumers.cohorts.store import Store
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key, partition_of
from schemas.records import (
    CohortChanged,
    CohortEntry,
    Command,
    JournalEntry,
    LedgerEntry,
    MembershipChanged,
    PartitionMarker,
    Record,
)
from tests.simulation.threads import Timeline

CODEC = SingleObjectCodec()
MEMBERSHIPS, COMMANDS = "enrollment.memberships", "moodle.commands"


class Crash(BaseException):
    """The process ends here, without warning."""


@dataclass
class Tap:
    """A partition that is held back: it delivers single records, or none at all, for a while."""

    until: float
    every: float
    """Seconds from one record to the next."""
    next_at: float = 0.0


@dataclass
class Broker:
    """Partitions as lists, offsets of one group, and who owns what."""

    timeline: Timeline
    partitions: int
    topics: dict[tuple[str, int], list[Message]] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    """When each member last polled."""

    compacted: set[tuple[int, int]] = field(default_factory=set)
    committed: dict[str, float] = field(default_factory=dict)
    """When each member last committed."""
    taps: dict[int, Tap] = field(default_factory=dict)
    """Partitions of the memberships topic that are held back."""

    def flowing(self, partition: int, limit: int) -> int:
        """How many records may come out of this partition of the memberships topic now, at most ``limit``."""
        tap, now = self.taps.get(partition), self.timeline.seconds
        if tap is None or now >= tap.until:
            return limit
        if now < tap.next_at:
            return 0
        tap.next_at = now + tap.every
        return min(limit, 1)

    def append(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> None:
        log = self.topics.setdefault((topic, partition), [])
        log.append(Message(topic, partition, len(log), key, value, 0, headers or {}))

    def publish(self, record: MembershipChanged | CohortChanged | Command) -> None:
        """Write a record where the connector, or whoever sends a command, does: by its cohort."""
        match record:
            case MembershipChanged():
                topic, key = MEMBERSHIPS, encode_key(record.cohort, record.student)
            case CohortChanged():
                topic, key = MEMBERSHIPS, encode_key(record.cohort, None)
            case Command():
                topic, key = COMMANDS, encode_key(record.cohort)
        self.append(topic, partition_of(record.cohort, self.partitions), key, CODEC.encode(topic, record))

    def log(self, topic: str, partition: int) -> list[Message]:
        return self.topics.get((topic, partition), [])

    def compact(self, partition: int, offset: int) -> None:
        """This record of the memberships topic is gone, as a later one of its key is there."""
        log = self.log(MEMBERSHIPS, partition)
        assert any(later.key == log[offset].key for later in log[offset + 1 :])
        self.compacted.add((partition, offset))

    def again(self, partition: int, offset: int) -> Again:
        """A record of the memberships topic once more."""
        gone = (partition, offset) in self.compacted
        return Again(partition, offset, None if gone else self.log(MEMBERSHIPS, partition)[offset])

    def records(self, topic: str) -> list[Record]:
        """All records of a topic, decoded."""
        return [
            CODEC.decode(message.value)
            for partition in range(self.partitions)
            for message in self.log(topic, partition)
            if message.value is not None
        ]

    def target(self, member: str) -> set[int]:
        """The partitions that this member should have."""
        self.heard[member] = self.timeline.seconds
        for silent in [m for m, last in self.heard.items() if self.timeline.seconds - last > SESSION_TIMEOUT]:
            self.expel(silent)
        members = sorted(self.heard)
        return {p for p in range(self.partitions) if members[p % len(members)] == member}

    def expel(self, member: str) -> None:
        """A member is given up; its partitions are free."""
        self.heard.pop(member, None)
        self.owners = {p: owner for p, owner in self.owners.items() if owner != member}

    def owned(self, member: str) -> set[int]:
        return {p for p, owner in self.owners.items() if owner == member}


class Inbox:
    """An ``Inbox`` of one member."""

    def __init__(self, broker: Broker, member: str, share: Share, ledger: Ledger) -> None:
        self._broker, self._member, self._share, self._ledger = broker, member, share, ledger
        self._positions: dict[int, int] = {}
        self._commands: dict[int, int] = {}
        self._on_hold = False
        self._again: list[tuple[int, int]] = []
        self.slowness = 1.0
        """Factor on the time that an empty poll takes; lets quiet times pass quickly."""

    def poll(self, limit: int, timeout: float) -> Arrivals:
        self._rebalance()
        found: list[Message] = []
        for partition in sorted(self._positions if not self._on_hold else ()):
            log = self._broker.log(MEMBERSHIPS, partition)
            position = max(0, self._positions[partition])
            some = log[position : position + self._broker.flowing(partition, max(0, limit - len(found)))]
            self._positions[partition] = position + len(some)
            found += some
        commands: list[Message] = []
        for partition, position in self._commands.items():
            log = self._broker.log(COMMANDS, partition)
            commands += log[position:]
            self._commands[partition] = len(log)
        self._broker.timeline.advance(0.001 if found else max(0.001, timeout * self.slowness))
        asked, self._again = self._again, []
        again = [self._broker.again(*place) for place in asked if place[0] in self._positions]
        return Arrivals(found, commands, again, self._at_end())

    def _at_end(self) -> frozenset[int]:
        """As the client tells it: nothing of what is paused."""
        if self._on_hold:
            return frozenset()
        ends = {p: len(self._broker.log(MEMBERSHIPS, p)) for p in self._positions}
        return frozenset(p for p, position in self._positions.items() if position >= ends[p])

    def leaves(self, partition: int, offset: int) -> bool:
        """Whether a record of one of its partitions is yet to come out."""
        return partition in self._positions and offset >= self._positions[partition]

    def hold(self, *, on: bool) -> None:
        self._on_hold = on

    def read_again(self, partition: int, offset: int) -> None:
        self._again.append((partition, offset))

    def rewind(self, positions: Mapping[int, int]) -> None:
        self._positions |= positions

    def close(self) -> None:
        self._give(set(self._positions))
        self._broker.expel(self._member)

    def _rebalance(self) -> None:
        lost = set(self._positions) - self._broker.owned(self._member)
        target = self._broker.target(self._member)
        if lost:
            self._share.lose(frozenset(lost))
            self._forget(lost)
        self._give(set(self._positions) - target)
        free = {p for p in target - set(self._positions) if p not in self._broker.owners}
        if free:
            self._broker.owners |= dict.fromkeys(free, self._member)
            starts = self._share.start_of({p: self._broker.offsets.get(p) for p in sorted(free)})
            self._positions |= {p: 0 if start == BEGINNING else start for p, start in starts.items()}
            self._commands |= {p: self._ledger.marker(p).commands_offset for p in starts}

    def _give(self, partitions: set[int]) -> None:
        if partitions:
            self._share.release(frozenset(partitions))
            for partition in partitions:
                self._broker.owners.pop(partition, None)
            self._forget(partitions)

    def _forget(self, partitions: set[int]) -> None:
        for partition in partitions:
            del self._positions[partition]
            self._commands.pop(partition, None)


class TransactionLog:
    """A ``Log`` of one member. ``danger`` is asked before and after each commit, and may raise ``Crash``."""

    def __init__(self, broker: Broker, member: str, danger: Callable[[str], None]) -> None:
        self._broker, self._member, self._danger = broker, member, danger

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        self._danger("before a commit")
        if not set(positions) <= self._broker.owned(self._member):
            return False  # the group's generation has moved on
        for outgoing in records:
            topic = f"moodle.{outgoing.topic}"
            value = None if outgoing.record is None else CODEC.encode(topic, outgoing.record)
            self._broker.append(topic, outgoing.partition, outgoing.key, value)
        self._broker.offsets |= dict(positions)
        self._broker.committed[self._member] = self._broker.timeline.seconds
        self._danger("after a commit")
        return True


class Restorer:
    """A ``Restorer`` from the broker's lists; stores in memory, so everything is read again each time."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def store_of(self, partition: int) -> Store:
        return Store(None, "simulated")

    def restore(self, stores: Mapping[int, Store]) -> None:
        for partition, store in stores.items():
            for message in self._broker.log("moodle.ledger", partition):
                if message.value is None:
                    take_back(message.key, store)
                    continue
                match CODEC.decode(message.value):
                    case LedgerEntry() as entry:
                        store.put(entry)
                    case CohortEntry() as cohort:
                        store.put_cohort(cohort)
                    case PartitionMarker() as marker:
                        remember_marker(store, marker)
            for message in self._broker.log("moodle.journal", partition):
                assert message.value is not None
                noted = CODEC.decode(message.value)
                assert isinstance(noted, JournalEntry)
                store.note(noted)
            store.keep()

    def commands(self, partition: int, offset: int) -> list[Command]:
        found = [CODEC.decode(message.value or b"") for message in self._broker.log(COMMANDS, partition)[offset:]]
        return [command for command in found if isinstance(command, Command)]

    def end_of(self, partition: int) -> int:
        return len(self._broker.log(MEMBERSHIPS, partition))

    def reached(self, partitions: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        return {
            partition: {"ledger_offset": len(self._broker.log("moodle.ledger", partition))} for partition in partitions
        }
