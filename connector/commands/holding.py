"""Lists of held removals, frozen under a hash: what a person saw is what they decide about.

The list stands as commands of kind ``freeze``, one for each removal, in the topic of the commands. Deciding reads them
back and compares them with the ledger. So a decision concerns what was seen and is still the same, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from connector.commands.commanding import LIFE, Order, send_commands
from connector.commands.topic_reading import decoded, latest, messages
from connector.commands.wiring.base import Base
from connector.runtime.errors import Halted
from connector.runtime.messages import CliMessage, message
from schemas.records import Command, EntryStatus, LedgerEntry, Presence

Key = tuple[str, str]
"""Cohort and student."""
_FRESH = LIFE / 2
"""A list that is frozen for longer than this is not frozen again, so that looking often writes little."""


@dataclass(frozen=True, slots=True)
class Item:
    """A removal of a frozen list."""

    cohort: str
    student: str
    revision: int


@dataclass(frozen=True, slots=True)
class Frozen:
    """A list as it was frozen."""

    items: tuple[Item, ...]
    until: datetime
    """When it expires."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What of a frozen list may be decided still."""

    going: tuple[Item, ...]
    left: tuple[tuple[Item, str], ...]
    """What has changed, and how."""


def held_removals(base: Base, sink: str) -> list[LedgerEntry]:
    """Every removal that is held now, in a stable order."""
    return sorted(_held(base, sink), key=lambda entry: (entry.cohort, entry.student))


def mark_of(items: Iterable[Item]) -> str:
    """The hash that stands for exactly this list: who, where, and the revision that says so."""
    text = "\n".join(f"{item.cohort}\t{item.student}\t{item.revision}" for item in _in_order(items))
    return sha256(text.encode()).hexdigest()[:12]


def items_of(entries: Iterable[LedgerEntry]) -> list[Item]:
    """These removals, as a list knows them."""
    return [Item(entry.cohort, entry.student, entry.desired_revision) for entry in entries]


def freeze(base: Base, sink: str, items: Sequence[Item]) -> Frozen:
    """Freeze this list for a day, unless it is frozen for long enough already.

    Raises:
        KafkaFault: the commands cannot be read or written.
    """
    mark, now = mark_of(items), base.clock.now()
    known = frozen_list(_freezes(base, sink, mark), mark)
    if known is not None and known.until > now + _FRESH:
        return known
    send_commands(base, sink, "freeze", _orders(items), mark)
    return Frozen(tuple(items), now + LIFE)


def decide(base: Base, sink: str, kind: str, mark: str) -> Decision:
    """Send this decision for what is held as it was when the list was frozen.

    Raises:
        Halted: no list is frozen under this hash, or not any more.
        KafkaFault: the topics cannot be read or written.
    """
    frozen = frozen_list(_freezes(base, sink, mark), mark)
    if frozen is None:
        raise Halted(message(CliMessage.OTHER_LIST, hash=mark))
    if frozen.until <= base.clock.now():
        raise Halted(message(CliMessage.LIST_EXPIRED, hash=mark, until=f"{frozen.until:%Y-%m-%d %H:%M} UTC"))
    decision = compare(frozen.items, _entries(base, sink, frozen.items))
    send_commands(base, sink, kind, _orders(decision.going), mark)
    return decision


def frozen_list(freezes: Iterable[Command], mark: str) -> Frozen | None:
    """The list that these commands froze; None when they do not make up the one that the hash stands for."""
    until: dict[Item, datetime] = {}
    for command in freezes:
        if command.student is not None and command.revision is not None:
            item = Item(command.cohort, command.student, command.revision)
            until[item] = max(command.expires_at, until.get(item, command.expires_at))
    if not until or mark_of(until) != mark:
        return None
    return Frozen(tuple(_in_order(until)), min(until.values()))


def compare(items: Iterable[Item], entries: Mapping[Key, LedgerEntry]) -> Decision:
    """Part the list into what is as it was, and what is not."""
    going, left = [], []
    for item in items:
        if changed := _changed(item, entries.get((item.cohort, item.student))):
            left.append((item, changed))
        else:
            going.append(item)
    return Decision(tuple(going), tuple(left))


def _changed(item: Item, entry: LedgerEntry | None) -> str:
    """How it differs from what was frozen; empty when it does not."""
    if entry is None:
        return "the ledger does not know it any more"
    if entry.desired is not Presence.ABSENT:
        return "the source has the student in the cohort again"
    if entry.desired_revision != item.revision:
        return "the source has said something newer of it"
    if entry.status is not EntryStatus.HELD:
        return f"it is not held any more, but {entry.status.value}" + (f" ({entry.reason})" if entry.reason else "")
    return ""


def _in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.cohort, item.student, item.revision))


def _orders(items: Iterable[Item]) -> Iterator[Order]:
    return (Order(item.cohort, item.student, item.revision) for item in items)


def _partitions(base: Base) -> range:
    return range(base.settings.kafka.partitions)


def _held(base: Base, sink: str) -> Iterator[LedgerEntry]:
    for partition in _partitions(base):  # one at a time, so that memory stays bounded
        for record in latest(base, base.topics(sink).ledger, [partition], lambda key: len(key) == 2).values():
            if isinstance(record, LedgerEntry) and record.status is EntryStatus.HELD:
                yield record


def _entries(base: Base, sink: str, items: Iterable[Item]) -> dict[Key, LedgerEntry]:
    """What the ledger says of these now."""
    wanted = {(item.cohort, item.student) for item in items}
    found = latest(base, base.topics(sink).ledger, _partitions(base), lambda key: key in wanted).values()
    return {(record.cohort, record.student): record for record in found if isinstance(record, LedgerEntry)}


def _freezes(base: Base, sink: str, mark: str) -> Iterator[Command]:
    for _, _, record in decoded(base, messages(base, base.topics(sink).commands, _partitions(base))):
        if isinstance(record, Command) and record.kind == "freeze" and record.hash == mark:
            yield record
