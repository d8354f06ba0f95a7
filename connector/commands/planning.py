"""What the consumers of a sink would do to its Moodle now: gathered from the topics, the reading half and the directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from connector.commands.standing import standing_of
from connector.commands.topic_reading import latest
from connector.commands.wiring.base import Base
from connector.commands.wiring.moodle import OpenMoodle, open_moodle
from connector.runtime.collation import loose_key
from connector.runtime.kafka import topics
from consumers.cohorts.adoption import Standing
from consumers.cohorts.meaning import find_meant, read_keys
from consumers.cohorts.plan import Doubt
from consumers.cohorts.prospect import (
    Found,
    Place,
    Prospect,
    Word,
    look_ahead,
    mark_of,
    place_of,
    to_ask,
    to_ask_for_keys,
    word_anew,
    word_of,
)
from consumers.cohorts.roll import account_in
from consumers.moodle.preflight import READS
from consumers.moodle.values import Cohort
from schemas.keys import Key
from schemas.records import CohortChanged, CohortEntry, LedgerEntry, MembershipChanged, Presence, Record


@dataclass(frozen=True, slots=True)
class Outlook:
    """What was found."""

    standing: Standing
    prospects: tuple[Prospect, ...]
    """By cohort."""

    @property
    def mark(self) -> str:
        """The hash under which this can be adopted."""
        return mark_of(self.prospects)


def survey(base: Base, sink: str, *, trusted: bool = True) -> Outlook:
    """Read everything that it takes. Nothing is written, and no consumer need be running. ``trusted``: whether the ledger
    counts; otherwise it is what would be done if it were made anew.

    Raises:
        KafkaFault: the topics cannot be read.
        Unavailable, Halted: Moodle cannot be read.
    """
    settings = base.settings.sinks[sink]
    standing = standing_of(base, sink)
    with open_moodle(sink, settings, settings.maps, base.clock, base.telemetry.metrics, functions=READS) as moodle:
        site = _Site(moodle)
        prospects = [
            prospect
            for partition in range(base.settings.kafka.partitions)  # one at a time, so that memory stays bounded
            for prospect in site.prospects(_read(base, sink, partition, trusted=trusted))
        ]
    return Outlook(standing, tuple(sorted(prospects, key=lambda one: one.cohort)))


@dataclass
class _Partition:
    places: dict[str, Place] = field(default_factory=dict)
    words: dict[str, list[Word]] = field(default_factory=lambda: defaultdict(list))

    def cohorts(self) -> list[Place]:
        return [self.places.get(cohort, Place(cohort)) for cohort in {*self.places, *self.words}]

    def wanted(self, cohort: str) -> Iterator[str]:
        """Students who are wanted in the cohort."""
        return (word.student for word in self.words[cohort] if word.desired is Presence.PRESENT)


def _read(base: Base, sink: str, partition: int, *, trusted: bool) -> _Partition:
    """The later word of ledger and topic about every key of a partition."""
    names, there = base.topics(sink), topics.partition_counts(base.connection)
    ledger, records = (
        latest(base, topic, [partition], lambda key: len(key) == 2) if topic in there else dict[Key, Record]()
        for topic in (names.ledger, names.memberships)
    )
    found, later = _Partition(), word_of if trusted else word_anew
    for key in {**ledger, **records} if trusted else records:
        entry, record, cohort = ledger.get(key), records.get(key), str(key[0])
        if key[1] is None:
            found.places[cohort] = place_of(
                cohort,
                entry if trusted and isinstance(entry, CohortEntry) else None,
                record if isinstance(record, CohortChanged) else None,
            )
        elif word := later(
            entry if isinstance(entry, LedgerEntry) else None, record if isinstance(record, MembershipChanged) else None
        ):
            found.words[cohort].append(word)
    return found


class _Site:
    """Moodle's cohorts, listed once."""

    def __init__(self, moodle: OpenMoodle) -> None:
        self._moodle = moodle
        moodle.directory.keep_fresh()  # no consumer does that in shadow
        listed = moodle.reader.all_cohorts()
        self._known = {cohort.id for cohort in listed}
        self._near: dict[str, list[Cohort]] = defaultdict(list)
        for cohort in listed:
            self._near[loose_key(cohort.idnumber)].append(cohort)

    def prospects(self, part: _Partition) -> Iterator[Prospect]:
        found = self._found(part.cohorts())
        students = {s for place in part.cohorts() for s in to_ask(part.words[place.cohort], found[place.cohort])}
        accounts = self._accounts(students)
        first = {
            place: look_ahead(place, part.words[place.cohort], found[place.cohort], accounts.__getitem__)
            for place in part.cohorts()
        }
        meant = self._meant(part, first)
        for place, prospect in first.items():
            if here := meant.get(place.cohort):
                yield look_ahead(place, part.words[place.cohort], found[place.cohort], accounts.__getitem__, here)
            else:
                yield prospect

    def _meant(self, part: _Partition, first: Mapping[Place, Prospect]) -> Mapping[str, AbstractSet[int]]:
        """By cohort the accounts that stay, since the key of a student who is wanted there means them by now."""
        doubtful = {place.cohort: to_ask_for_keys(one, part.words[place.cohort]) for place, one in first.items()}
        directory = self._moodle.directory
        keys = read_keys(directory, frozenset[int]().union(*doubtful.values()))
        found: dict[str, set[int]] = defaultdict(set)
        carried = {(cohort, user): keys[user] for cohort, users in doubtful.items() for user in users}
        for cohort, user in find_meant(carried, part.wanted, directory.normalise):
            found[cohort].add(user)
        return found

    def _found(self, places: Iterable[Place]) -> Mapping[str, Found]:
        exact: dict[str, tuple[int, ...]] = {}
        alike: dict[str, bool] = {}
        wanted: dict[str, set[int]] = {}
        for place in places:
            near = self._near.get(loose_key(place.cohort), [])
            exact[place.cohort] = tuple(cohort.id for cohort in near if cohort.idnumber == place.cohort)
            alike[place.cohort] = len(near) > len(exact[place.cohort])
            wanted[place.cohort] = set(exact[place.cohort])
            if place.moodle_id in self._known:
                wanted[place.cohort].add(place.moodle_id)
        members = self._moodle.reader.members({number for ids in wanted.values() for number in ids}).of
        return {
            cohort: Found(ids, alike[cohort], {n: members[n] for n in wanted[cohort] if n in members})
            for cohort, ids in exact.items()
        }

    def _accounts(self, students: Collection[str]) -> Mapping[str, int | Doubt]:
        resolved = self._moodle.directory.resolve(sorted(students)) if students else {}
        return {student: account_in(resolved[student]) for student in students}
