"""From bytes to the ledger: decode, fold, take in. What cannot be decoded goes to the dead letters with its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connector.runtime.errors import Stage
from connector.runtime.kafka.reading import Message
from consumers.cohorts import transitions
from consumers.cohorts.desk import Desk
from consumers.cohorts.fold import Folded, Received, fold
from consumers.cohorts.forgetting import Forgetting
from consumers.cohorts.letters import Letters
from consumers.cohorts.rechecks import Rechecks
from consumers.cohorts.resets import unread
from schemas.codec import Codec, Undecodable
from schemas.keys import KeyFault, decode_key
from schemas.records import CohortChanged, EntryStatus, MembershipChanged, Presence

_TOMBSTONE = "a tombstone of what has not vanished; memberships are never forgotten, they become absent"


class _Unusable(Exception):
    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class Intake:
    """Takes batches of the memberships topic in."""

    def __init__(self, desk: Desk, rechecks: Rechecks, letters: Letters, codec: Codec) -> None:
        self._desk, self._rechecks, self._letters, self._codec = desk, rechecks, letters, codec
        self._forgetting = Forgetting(desk)

    def take(self, messages: Sequence[Message], now: datetime) -> dict[int, int]:
        """Take records of the memberships topic in; the markers move past those that were taken in.

        Returns where to go on in partitions of which records were left, since too many could not be used.
        """
        ledger = self._desk.ledger
        received: list[Received] = []
        fresh: list[Received] = []
        """Of these, what is not folded yet."""
        left: dict[int, int] = {}
        ends: dict[int, int] = {}
        for message in messages:
            if message.partition not in ledger.owned or ledger.marker(message.partition).rewriting is not None:
                continue  # one that is being begun anew is read from the first record on, later
            if self._letters.overflowing:
                left.setdefault(message.partition, message.offset)
                continue
            ends[message.partition] = message.next_offset
            if message.value is None:
                self._fold_in(fresh, now)  # it is about what was said before
                fresh = []
                self._forget(message, now)
            elif (record := self._read(message, now)) is not None:
                received.append(record)
                fresh.append(record)
        self._fold_in(fresh, now)
        for partition, end in ends.items():
            ledger.records(partition).read_to(end)
            marker = ledger.marker(partition)
            if end > marker.next_offset:  # else of a replay: the marker stays where it was
                fingerprint = self._fingerprint(received, partition, marker.fingerprint)
                ledger.advance(partition, next_offset=end, fingerprint=fingerprint)
        return left

    def _fold_in(self, received: Sequence[Received], now: datetime) -> None:
        ledger = self._desk.ledger
        folded = fold(received, ledger)
        self._take_folded(folded, now)
        for (cohort, student), offset in folded.rechecks.items():
            hold = ledger.records(ledger.partition_of(cohort)).hold(offset)
            self._rechecks.ask(cohort, student, now, hold)

    def _forget(self, message: Message, now: datetime) -> None:
        """Follow a tombstone. One below the marker was followed before, or set aside."""
        if message.offset < self._desk.ledger.next_offset(message.partition):
            return
        try:
            cohort, student = self._key(message)
        except _Unusable as error:
            self._letters.set_aside(message, error.stage, str(error), now)
            return
        if not self._forgetting.take(cohort, student, now):
            self._letters.set_aside(message, Stage.DECODE, _TOMBSTONE, now)

    def _key(self, message: Message) -> tuple[str, str | None]:
        """Whom a tombstone is about."""
        try:
            key = decode_key(message.key)
        except KeyFault as error:
            raise _Unusable(Stage.KEY, str(error)) from error
        match key:
            case (str(cohort), str() | None as student) if self._desk.ledger.partition_of(cohort) == message.partition:
                return cohort, student
            case _:
                raise _Unusable(Stage.KEY, "the key is not one of this partition")

    def take_again(self, message: Message, now: datetime) -> tuple[str, str | None]:
        """Take in a record below the marker that was read by itself. What became of it, and why it is of no use if it
        still is: then its dead letter stands as it is.
        """
        try:
            record = self._record(message)
        except _Unusable as error:
            return "still_unusable", str(error)
        folded = fold([Received(record, message.partition, message.offset, message.headers)], self._desk.ledger)
        self._take_folded(folded, now)
        return ("superseded" if folded.rechecks else "taken_in"), None

    def _read(self, message: Message, now: datetime) -> Received | None:
        try:
            return Received(self._record(message), message.partition, message.offset, message.headers)
        except _Unusable as error:
            if message.offset >= self._desk.ledger.set_aside_below(message.partition):
                self._letters.set_aside(message, error.stage, str(error), now)
            return None

    def _record(self, message: Message) -> MembershipChanged | CohortChanged:
        if message.value is None:
            raise _Unusable(Stage.DECODE, _TOMBSTONE)
        try:
            key = decode_key(message.key)
            record = self._codec.decode(message.value)
        except KeyFault as error:
            raise _Unusable(Stage.KEY, str(error)) from error
        except Undecodable as error:
            raise _Unusable(Stage.DECODE, str(error)) from error
        match record:
            case MembershipChanged():
                expected: tuple[str, str | None] = (record.cohort, record.student)
                if record.state is Presence.UNKNOWN:
                    raise _Unusable(Stage.FOLD, "a state that this release does not know")
            case CohortChanged():
                expected = (record.cohort, None)
            case _:
                raise _Unusable(Stage.DECODE, f"a {type(record).__name__} does not belong on this topic")
        if key != expected:
            raise _Unusable(Stage.KEY, "the key does not name what the record is about")
        if self._desk.ledger.partition_of(record.cohort) != message.partition:
            raise _Unusable(Stage.KEY, "the record is not in the partition of its cohort")
        return record

    def _take_folded(self, folded: Folded, now: datetime) -> None:
        self._take_cohorts(folded, now)
        self._take_memberships(folded, now)
        for partition, revision in folded.highest_revisions.items():
            if revision > self._desk.ledger.marker(partition).highest_revision:
                self._desk.ledger.advance(partition, highest_revision=revision)

    def _take_cohorts(self, folded: Folded, now: datetime) -> None:
        for word in folded.cohorts:
            assert isinstance(word.record, CohortChanged)
            before = self._desk.ledger.cohort(word.record.cohort)
            self._desk.ledger.put_cohort(transitions.take_in_cohort(before, word.record, now))

    def _take_memberships(self, folded: Folded, now: datetime) -> None:
        settle = self._desk.settings.removal_settle
        for word in folded.memberships:
            record = word.record
            assert isinstance(record, MembershipChanged)
            before = self._desk.ledger.entry(record.cohort, record.student)
            entry = transitions.take_in(before, record, now, settle)
            if (
                entry.status is EntryStatus.PENDING
                and word.offset < self._desk.ledger.marker(word.partition).read_until
            ):
                entry = unread(entry, now)
            self._desk.ledger.put(entry)
            if entry.status is not EntryStatus.SETTLED:
                self._desk.witness.taken_in((record.cohort, record.student), word.headers)

    @staticmethod
    def _fingerprint(received: Sequence[Received], partition: int, before: str) -> str:
        return next((word.record.fingerprint for word in reversed(received) if word.partition == partition), before)
