"""The ledger of all partitions that this consumer owns, and the one way in which anything of it becomes lasting.

The ledger is also the queue: what was taken in from the topic stands in it as pending, due or parked, and the marker
says how far the topic was taken in, not how far it was applied. The group's offset, and that of the commands, stay
behind what only asks for a recheck until that was done (``positions``). Ledger records, journal entries, dead letters,
alerts, the partitions' markers and the group's offsets go out in one transaction that carries the group's generation.
Only when it has succeeded does the local store keep the change. So whoever reads the ledger topic after a crash knows
everything that was taken in, and whatever was not committed is read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

from consumers.cohorts.positions import Reading
from consumers.cohorts.reasons import Reason
from consumers.cohorts.store import Store
from consumers.cohorts.transitions import follows_cohort
from schemas.keys import encode_key, partition_of
from schemas.mapping import from_plain, to_plain
from schemas.records import (
    Alert,
    CohortEntry,
    DeadLetter,
    EntryStatus,
    JournalEntry,
    LedgerEntry,
    PartitionMarker,
    Presence,
    Record,
    SiteIdentity,
)

Topic = Literal["ledger", "journal", "deadletters", "alerts"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be written."""

    topic: Topic
    partition: int
    key: bytes
    record: Record | None
    """None takes back what stood under this key."""


class Log(Protocol):
    """Where records go."""

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        """Write the records and the group's positions of the memberships topic, all or nothing, with the group's
        generation. False: rolled back, and may be tried again.

        Raises:
            KafkaFault: this process cannot know or go on; start anew from the topic.
        """
        ...


class Ledger:
    """Entries by membership and by cohort. ``watch`` hears of every entry that is put."""

    def __init__(self, log: Log, partitions: int, watch: Callable[[LedgerEntry | CohortEntry], None]) -> None:
        self._log, self._partitions, self._watch = log, partitions, watch
        self._owned: dict[int, _Partition] = {}
        self._loose: list[Outgoing] = []

    @property
    def owned(self) -> frozenset[int]:
        """The partitions that are ours."""
        return frozenset(self._owned)

    @property
    def whole(self) -> bool:
        """Whether all partitions are ours."""
        return len(self._owned) == self._partitions

    def open(self, store: Store, marker: PartitionMarker, start: int | None = None) -> None:
        """A partition is ours now; its store holds what its topic holds. ``start``: where its records are read from, if
        not from the marker on.
        """
        begin = marker.next_offset if start is None else max(start, 0)
        self._owned[marker.partition] = _Partition(store, marker, Reading(begin), Reading(marker.commands_offset))

    def drop(self, partitions: Iterable[int]) -> None:
        """Partitions are ours no longer; what was not committed is forgotten."""
        for partition in partitions:
            if held := self._owned.pop(partition, None):
                held.store.close()

    def partition_of(self, cohort: str) -> int:
        return partition_of(cohort, self._partitions)

    def owns(self, cohort: str) -> bool:
        return self.partition_of(cohort) in self._owned

    def stores(self) -> list[Store]:
        """Of all our partitions, in their order."""
        return [self._owned[partition].store for partition in sorted(self._owned)]

    def store(self, partition: int) -> Store:
        """Of one of our partitions."""
        return self._owned[partition].store

    def marker(self, partition: int) -> PartitionMarker:
        """How far we are."""
        return self._owned[partition].marker

    def records(self, partition: int) -> Reading:
        """How far the memberships topic was read in this partition; the group's offset follows it."""
        return self._owned[partition].records

    def commands(self, partition: int) -> Reading:
        """How far the commands topic was read in this partition; the marker's offset of it follows."""
        return self._owned[partition].commands

    # What the gate and the plan ask.

    def next_offset(self, partition: int) -> int:
        return self._owned[partition].marker.next_offset

    def revision_of(self, cohort: str, student: str | None) -> int:
        if student is None:
            known = self.cohort(cohort)
            return known.revision if known else 0
        if entry := self.entry(cohort, student):
            return entry.desired_revision
        place = self.cohort(cohort)
        return place.forgotten if place else 0  # what was released is no news when it is read once more

    def entry(self, cohort: str, student: str) -> LedgerEntry | None:
        held = self._owned.get(self.partition_of(cohort))
        return held.store.entry(cohort, student) if held else None

    def cohort(self, cohort: str) -> CohortEntry | None:
        held = self._owned.get(self.partition_of(cohort))
        if held is None:
            return None
        if cohort not in held.cohorts and (found := held.store.cohort(cohort)):
            held.cohorts[cohort] = found
        return held.cohorts.get(cohort)

    def named(self, cohort: str, user_id: int) -> Iterator[LedgerEntry]:
        held = self._owned.get(self.partition_of(cohort))
        return held.store.named(cohort, user_id) if held else iter(())

    def unplaced(self, cohort: str) -> Iterator[LedgerEntry]:
        held = self._owned.get(self.partition_of(cohort))
        return held.store.unplaced(cohort) if held else iter(())

    def wanted(self, cohort: str) -> list[str]:
        """Students who are wanted in the cohort."""
        held = self._owned.get(self.partition_of(cohort))
        return held.store.wanted(cohort) if held else []

    def kept(self, cohort: str) -> Iterator[LedgerEntry]:
        """Memberships of the cohort whose account was let stay for another key."""
        held = self._owned.get(self.partition_of(cohort))
        return held.store.kept(cohort) if held else iter(())

    def parked_with_cohort(self, cohort: str) -> Iterator[LedgerEntry]:
        """Memberships that are parked only because their cohort is."""
        held = self._owned.get(self.partition_of(cohort))
        return filter(follows_cohort, held.store.parked_in(cohort)) if held else iter(())

    def held_while_vanished(self, cohort: str) -> Iterator[LedgerEntry]:
        """Removals that are held only because their cohort has vanished."""
        held = self._owned.get(self.partition_of(cohort))
        return held.store.held_in(cohort, Reason.COHORT_VANISHED) if held else iter(())

    def entries_of(self, cohort: str) -> Iterator[LedgerEntry]:
        held = self._owned.get(self.partition_of(cohort))
        return held.store.entries_of(cohort) if held else iter(())

    # Changes.

    def put(self, entry: LedgerEntry) -> None:
        held = self._owned[self.partition_of(entry.cohort)]
        held.store.put(entry)
        held.changed[encode_key(entry.cohort, entry.student)] = entry
        self._watch(entry)

    def put_cohort(self, entry: CohortEntry) -> None:
        held = self._owned[self.partition_of(entry.cohort)]
        held.store.put_cohort(entry)
        held.cohorts[entry.cohort] = entry
        held.changed[encode_key(entry.cohort, None)] = entry
        self._watch(entry)

    def remove(self, entry: LedgerEntry) -> None:
        """Forget an entry; its key gets a tombstone."""
        held = self._owned[self.partition_of(entry.cohort)]
        held.store.remove(entry.cohort, entry.student)
        held.changed[encode_key(entry.cohort, entry.student)] = None
        # Whoever waits for it shall wait no longer.
        self._watch(replace(entry, desired=Presence.UNKNOWN, status=EntryStatus.SETTLED))

    def note(self, entry: JournalEntry) -> None:
        """Append to the journal, and to what the store remembers of it."""
        held = self._owned[self.partition_of(entry.cohort)]
        held.store.note(entry)
        held.aside.append(Outgoing("journal", held.marker.partition, encode_key(entry.cohort), entry))

    def set_aside(self, letter: DeadLetter) -> None:
        """A record that cannot be applied goes to the dead letters."""
        held = self._owned[letter.partition]
        held.aside.append(Outgoing("deadletters", letter.partition, letter.key or b"", letter))

    def append(self, outgoing: Outgoing) -> None:
        """Write a record about the sink as a whole, in a partition of ours."""
        held = self._owned[outgoing.partition]
        if isinstance(outgoing.record, JournalEntry):
            held.store.note(outgoing.record)
        held.aside.append(outgoing)

    def tell(self, alert: Alert) -> None:
        """Raise or clear an alert."""
        self._loose.append(Outgoing("alerts", 0, encode_key(alert.key), alert))

    def advance(self, partition: int, **changes: object) -> None:
        """Change the partition's marker: how far the memberships topic was taken in, and what was seen there."""
        held = self._owned[partition]
        held.marker = replace(held.marker, **changes)  # type: ignore[arg-type]
        held.moved = True

    def know_site(self, partition: int, site: SiteIdentity) -> None:
        """Of which Moodle the partition speaks; lasting with the next commit, and no reason for one."""
        held = self._owned[partition]
        held.marker = replace(held.marker, site=site)

    def begin_anew(self, partition: int, **changes: object) -> None:
        """The partition's records are to be taken in from the first one on; ``changes``: of its marker. What its records
        and commands asked for so far is asked for no longer, since all of it is looked at. Dead letters of the same topic
        are not written a second time.
        """
        held = self._owned[partition]
        held.records, held.commands = Reading(0), Reading(held.commands.next)
        other_topic = changes.get("topic_id", held.marker.topic_id) != held.marker.topic_id
        below = 0 if other_topic else self.set_aside_below(partition)
        self.advance(partition, next_offset=0, highest_revision=0, set_aside_below=below, **changes)

    def set_aside_below(self, partition: int) -> int:
        """The offset below which every record that cannot be used is in the dead letters already."""
        marker = self._owned[partition].marker
        return max(marker.next_offset, marker.set_aside_below)

    @property
    def dirty(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._loose) or any(held.dirty for held in self._owned.values())

    @property
    def unmarked(self) -> bool:
        """Whether the topic says of one of our partitions that nobody works in it; a call may go out only after a commit
        has changed that, so that the next owner knows that it may still arrive.
        """
        return any(held.marker.clean for held in self._owned.values())

    def commit(self, now: datetime, clean: frozenset[int] = frozenset()) -> bool:
        """Make all changes lasting. ``clean`` partitions are being released in order. False: nothing happened, and the
        changes wait for the next time; calls that need this commit must not be sent.

        With nothing to write it still proves that the group's generation is ours; without partitions it proves nothing
        and is False.
        """
        if not self._owned:
            return False
        touched = {p: held for p, held in self._owned.items() if held.dirty or held.marker.clean or p in clean}
        if not touched:
            touched = dict(list(self._owned.items())[:1])
        markers = {
            p: replace(held.marker, at=now, clean=p in clean, commands_offset=held.commands.settled)
            for p, held in touched.items()
        }
        positions = {p: held.records.settled for p, held in touched.items()}
        records = list(self._loose)
        for partition, held in touched.items():
            records += [Outgoing("ledger", partition, key, entry) for key, entry in held.changed.items()]
            records += held.aside
            records.append(Outgoing("ledger", partition, encode_key(partition), markers[partition]))
        if not self._log.commit(records, positions):
            return False
        self._loose.clear()
        for partition, held in touched.items():
            held.kept(markers[partition], positions[partition])
        return True


@dataclass
class _Partition:
    store: Store
    marker: PartitionMarker
    records: Reading
    commands: Reading
    changed: dict[bytes, LedgerEntry | CohortEntry | None] = field(default_factory=dict)
    aside: list[Outgoing] = field(default_factory=list)
    cohorts: dict[str, CohortEntry] = field(default_factory=dict)
    """A cache: every row asks for its cohort."""
    moved: bool = False
    position: int = field(init=False)
    """Of the group, as far as we know."""

    def __post_init__(self) -> None:
        self.position = self.records.settled

    @property
    def dirty(self) -> bool:
        reached = self.records.settled != self.position or self.commands.settled != self.marker.commands_offset
        return bool(self.changed or self.aside or self.moved or reached)

    def kept(self, marker: PartitionMarker, position: int) -> None:
        self.marker, self.position = marker, position
        self.changed.clear()
        self.aside.clear()
        self.moved = False
        remember_marker(self.store, marker)
        self.store.keep()


def remember_marker(store: Store, marker: PartitionMarker) -> None:
    """Keep the marker with the entries that it speaks of."""
    store.set_fact("marker", json.dumps(to_plain(marker), default=datetime.isoformat))


def remembered_marker(store: Store) -> PartitionMarker | None:
    """The marker that was kept, or None."""
    text = store.fact("marker")
    if text is None:
        return None
    plain = json.loads(text)
    plain["at"] = datetime.fromisoformat(plain["at"])
    if (site := plain["site"]) is not None and site["accepted_at"] is not None:
        site["accepted_at"] = datetime.fromisoformat(site["accepted_at"])
    return from_plain(plain, PartitionMarker)
