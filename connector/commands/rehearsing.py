"""A replay, rehearsed: the ledger from its topic, Moodle's members and accounts by reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass

from connector.commands.topic_reading import decoded, messages
from connector.commands.wiring.base import Base
from connector.commands.wiring.moodle import OpenMoodle, open_moodle
from consumers.cohorts.calls import read_members
from consumers.cohorts.comparing import Rules
from consumers.cohorts.meaning import find_meant, read_keys
from consumers.cohorts.plan import Doubt
from consumers.cohorts.rehearsal import Change, Copy, leaving, looked_at, rehearse, siblings_of, students_of
from consumers.cohorts.roll import account_in
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.store import Store
from consumers.cohorts.window import Window
from consumers.moodle.preflight import READS
from schemas.records import CohortEntry, LedgerEntry


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a replay would come to."""

    changes: tuple[Change, ...]
    looked_at: int
    """Memberships that were compared."""
    gone: tuple[str, ...]
    """Cohorts that do not exist in Moodle any more; nothing is compared there."""


@dataclass(frozen=True)
class _Accounts:
    known: Mapping[str, int | Doubt]

    def account_of(self, student: str) -> int | Doubt | None:
        return self.known.get(student)


def rehearse_replay(base: Base, sink: str, window: Window) -> Rehearsed:
    """Compare what the window names with Moodle, as the consumers would. Nothing is written, and none need be running.

    Raises:
        KafkaFault: the ledger cannot be read.
        Unavailable, Halted: Moodle cannot be read.
    """
    settings, topic = base.settings.sinks[sink], base.topics(sink).ledger
    changes: list[Change] = []
    gone: set[str] = set()
    looked = 0
    with open_moodle(sink, settings, settings.maps, base.clock, base.telemetry.metrics, functions=READS) as moodle:
        for partition in range(base.settings.kafka.partitions):  # one at a time, so that memory stays bounded
            with closing(Store(None, "rehearsal")) as store:
                cohorts = _copy(base, topic, partition, window, store)
                for chunk in _chunks(cohorts, settings.recheck_cohorts):
                    part = _rehearse(base, settings, moodle, Copy(store), chunk, window)
                    changes += part.changes
                    gone.update(part.gone)
                    looked += part.looked_at
    return Rehearsed(tuple(sorted(changes)), looked, tuple(sorted(gone)))


def _copy(base: Base, topic: str, partition: int, window: Window, store: Store) -> dict[str, int]:
    """Fill the store with the cohorts of the window; those that Moodle has, with their ids."""
    cohorts: dict[str, CohortEntry] = {}
    for _, _, record in decoded(base, messages(base, topic, [partition])):
        if isinstance(record, LedgerEntry) and window.touches(record.cohort):
            store.put(record)
        elif isinstance(record, CohortEntry) and window.touches(record.cohort):
            store.put_cohort(record)
            cohorts[record.cohort] = record
    return {name: entry.moodle_id for name, entry in sorted(cohorts.items()) if entry.moodle_id is not None}


def _rehearse(
    base: Base, settings: SinkSettings, moodle: OpenMoodle, copy: Copy, known: Mapping[str, int], window: Window
) -> Rehearsed:
    rules = Rules(base.clock.now(), settings.removal_settle, settings.moodle_settle, settings.foreign == "keep")
    members, gone = _members(moodle, known, ())
    chosen = [
        entry
        for cohort in members
        for entry in copy.store.entries_of(cohort)
        if window.covers(entry.cohort, entry.student)
    ]
    changed = looked_at(copy, chosen, members, rules)
    if not changed:
        return Rehearsed((), len(chosen), gone)
    siblings, _ = _members(moodle, {}, sorted(siblings_of(copy, changed) - members.keys()))
    resolved = moodle.directory.resolve(sorted(students_of(copy, changed)))
    accounts = _Accounts({student: account_in(resolution) for student, resolution in resolved.items()})
    places = leaving(changed, members, accounts)
    keys = read_keys(moodle.directory, {user_id for _, user_id in places})
    carried = {place: keys[place[1]] for place in places}
    meant = find_meant(carried, copy.wanted, moodle.directory.normalise)
    found = rehearse(copy, changed, members | siblings, accounts, rules, settings.sibling_wait, meant)
    return Rehearsed(tuple(found), len(chosen), gone)


def _members(
    moodle: OpenMoodle, known: Mapping[str, int], named: Sequence[str]
) -> tuple[dict[str, AbstractSet[int]], tuple[str, ...]]:
    shown = read_members(moodle.reader, known, named)
    if shown.failure is not None:
        raise shown.failure
    return dict(shown.members), tuple(shown.gone)


def _chunks(cohorts: Mapping[str, int], size: int) -> Iterator[dict[str, int]]:
    names = list(cohorts)
    for at in range(0, len(names), size):
        yield {name: cohorts[name] for name in names[at : at + size]}
