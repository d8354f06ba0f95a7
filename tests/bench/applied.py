"""A ledger and a Moodle in which everything that a connector has published is applied, made without a consumer."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from connector.runtime.clock import SystemClock
from connector.runtime.kafka import topics
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.reading import BEGINNING, Message, read_to_end
from connector.runtime.kafka.settings import KafkaSettings
from connector.runtime.kafka.topics import Topics
from schemas.codec import SingleObjectCodec
from schemas.keys import encode_key
from schemas.records import (
    CohortChanged,
    CohortEntry,
    EntryStatus,
    LedgerEntry,
    MembershipChanged,
    PartitionMarker,
    Presence,
    Record,
)
from tests.bench.filling import write_ledger
from tests.demo.moodle_site import MoodleSite
from tests.demo.university import Account

_CODEC, _CLOCK = SingleObjectCodec(), SystemClock()
_NOW = datetime(2026, 9, 1, tzinfo=UTC)
_ACCOUNTS_AT_ONCE, _COHORTS_AT_ONCE = 5000, 100


def make_accounts(site: MoodleSite, students: int) -> None:
    """One for each student's number."""
    for start in range(1, students + 1, _ACCOUNTS_AT_ONCE):
        numbers = range(start, min(start + _ACCOUNTS_AT_ONCE, students + 1))
        site.create_accounts(
            Account(f"s{n:08d}", "Student", f"{n:08d}", f"s{n:08d}@example.test", f"{n:08d}") for n in numbers
        )


class Applied:
    """What stands in the topic of memberships, as applied."""

    def __init__(self, bootstrap: str, names: Topics, partitions: int, site: MoodleSite) -> None:
        settings = KafkaSettings(
            bootstrap_servers=bootstrap, topic_prefix=names.prefix, partitions=partitions, replication_factor=1
        )
        self._connection, self._names, self._partitions, self._site = Connection(settings), names, partitions, site
        self._cohorts: dict[str, int] = {}
        self._members: dict[str, list[int]] = defaultdict(list)

    def write(self) -> None:
        """Make the cohorts, put everybody into them, and write the ledger."""
        topics.ensure(self._connection, self._names.source_side() + self._names.sink_side())
        self._read_cohorts()
        write_ledger(self._connection, self._names.ledger, self._ledger())
        for cohort, members in self._members.items():
            self._site.control("add_members", cohort=cohort, usernames=[f"s{n:08d}" for n in members])

    def members(self, cohort: str) -> list[str]:
        """Usernames."""
        return [f"s{number:08d}" for number in self._members[cohort]]

    @property
    def cohorts(self) -> list[str]:
        return sorted(self._cohorts)

    def _records(self) -> Iterator[tuple[Message, Record]]:
        starts = dict.fromkeys(range(self._partitions), BEGINNING)
        for batch in read_to_end(self._connection, self._names.memberships, starts, _CLOCK):
            for message in batch:
                yield message, _CODEC.decode(message.value or b"")

    def _read_cohorts(self) -> None:
        found = [record for _, record in self._records() if isinstance(record, CohortChanged)]
        rows = [{"idnumber": one.cohort, "name": one.name} for one in found]
        for start in range(0, len(rows), _COHORTS_AT_ONCE):
            self._cohorts |= self._site.control("cohorts", cohorts=rows[start : start + _COHORTS_AT_ONCE])["ids"]

    def _ledger(self) -> Iterator[tuple[bytes, Record, int]]:
        topic = topics.topic_id(self._connection, self._names.memberships)
        markers: dict[int, PartitionMarker] = {}
        for message, record in self._records():
            if not isinstance(record, CohortChanged | MembershipChanged):
                continue
            if isinstance(record, CohortChanged):
                yield encode_key(record.cohort, None), self._cohort(record), message.partition
            else:
                yield encode_key(record.cohort, record.student), self._entry(record), message.partition
            markers[message.partition] = PartitionMarker(
                partition=message.partition,
                topic_id=topic,
                next_offset=message.next_offset,
                highest_revision=record.revision,
                commands_offset=0,
                fingerprint=record.fingerprint,
                at=datetime.fromtimestamp(time.time(), UTC),
                clean=True,
            )
        for partition, marker in markers.items():
            yield encode_key(partition), marker, partition

    def _cohort(self, record: CohortChanged) -> CohortEntry:
        return CohortEntry(
            record.cohort,
            record.name,
            record.state,
            record.revision,
            EntryStatus.SETTLED,
            _NOW,
            moodle_id=self._cohorts[record.cohort],
        )

    def _entry(self, record: MembershipChanged) -> LedgerEntry:
        number = int(record.student)
        self._members[record.cohort].append(number)
        return LedgerEntry(
            cohort=record.cohort,
            student=record.student,
            desired=Presence.PRESENT,
            desired_revision=record.revision,
            applied=Presence.PRESENT,
            applied_revision=record.revision,
            owned=True,
            status=EntryStatus.SETTLED,
            since=_NOW,
            user_id=self._site.user_ids[f"s{number:08d}"],
            changed_at=record.changed_at or record.observed_at,
            cause=record.cause,
        )
