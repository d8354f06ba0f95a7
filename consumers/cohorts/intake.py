"""From bytes to the ledger: decode, fold, take in. What cannot be decoded goes to the dead letters with its bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

from connector.runtime.errors import Stage
from connector.runtime.kafka.reading import Message
from consumers.cohorts import transitions
from consumers.cohorts.desk import Desk
from consumers.cohorts.fold import Folded, Received, fold, judge_command
from consumers.cohorts.reasons import Reason
from consumers.cohorts.rechecks import Rechecks
from schemas.codec import Codec, Undecodable
from schemas.keys import KeyFault, decode_key
from schemas.records import (
    CohortChanged,
    Command,
    DeadLetter,
    EntryStatus,
    JournalEntry,
    MembershipChanged,
    Presence,
)


class _Unusable(Exception):
    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


class Intake:
    """Takes batches of the memberships and commands topics in."""

    def __init__(self, desk: Desk, rechecks: Rechecks, codec: Codec) -> None:
        self._desk, self._rechecks, self._codec = desk, rechecks, codec
        self._letters: deque[datetime] = deque()
        self.overflowing = False
        """Too many dead letters in a short time: nothing more must be taken in until a person has looked."""

    def take(self, messages: Sequence[Message], now: datetime) -> dict[int, int]:
        """Take records of the memberships topic in; the markers move past those that were taken in.

        Returns where to go on in partitions of which records were left, since too many could not be used.
        """
        ledger = self._desk.ledger
        mine: list[Message] = []
        received: list[Received] = []
        left: dict[int, int] = {}
        for message in messages:
            if message.partition not in ledger.owned:
                continue
            if self.overflowing:
                left.setdefault(message.partition, message.offset)
                continue
            mine.append(message)
            if (record := self._read(message, now)) is not None:
                received.append(record)
        folded = fold(received, ledger)
        self._take_cohorts(folded, now)
        self._take_memberships(folded, now)
        for cohort, student in folded.rechecks:
            self._rechecks.ask(cohort, student, now)
        ends: dict[int, int] = {}
        for message in mine:
            ends[message.partition] = message.next_offset
        for partition, end in ends.items():
            marker = ledger.marker(partition)
            if end <= marker.next_offset:
                continue  # of a replay: the marker stays where it was
            ledger.advance(
                partition,
                next_offset=end,
                highest_revision=max(marker.highest_revision, folded.highest_revisions.get(partition, 0)),
                fingerprint=self._fingerprint(received, partition, marker.fingerprint),
            )
        return left

    def follow(self, messages: Iterable[Message], now: datetime) -> None:
        """Follow the commands in these records of the commands topic."""
        ledger = self._desk.ledger
        for message in messages:
            if message.partition not in ledger.owned:
                continue
            try:
                command = self._codec.decode(message.value or b"")
            except Undecodable as error:
                self._set_aside(message, Stage.DECODE, str(error), now)
            else:
                if isinstance(command, Command) and ledger.partition_of(command.cohort) == message.partition:
                    self._follow(command, now)
                else:
                    self._set_aside(message, Stage.KEY, "not a command of this partition", now)
            ledger.advance(message.partition, commands_offset=message.next_offset)

    def _read(self, message: Message, now: datetime) -> Received | None:
        try:
            return Received(self._record(message), message.partition, message.offset, message.headers)
        except _Unusable as error:
            self._set_aside(message, error.stage, str(error), now)
            return None

    def _record(self, message: Message) -> MembershipChanged | CohortChanged:
        if message.value is None:
            raise _Unusable(Stage.DECODE, "a tombstone; memberships are never forgotten, they become absent")
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

    def _set_aside(self, message: Message, stage: Stage, reason: str, now: datetime) -> None:
        position = f"{message.topic}/{message.partition}/{message.offset}"
        trace = self._desk.witness.dead_letter(stage, message.headers, position, now)
        self._desk.ledger.set_aside(
            DeadLetter(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                key=message.key,
                value=message.value,
                headers=dict(message.headers),
                stage=stage,
                reason=reason,
                trace_id=trace,
                at=now,
            )
        )
        settings = self._desk.settings
        self._letters.append(now)
        while self._letters[0] < now - settings.dead_letter_window:
            self._letters.popleft()
        self.overflowing = self.overflowing or len(self._letters) > settings.dead_letter_limit

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
            self._desk.ledger.put(entry)
            if entry.status is not EntryStatus.SETTLED:
                self._desk.witness.taken_in((record.cohort, record.student), word.headers)

    def _follow(self, command: Command, now: datetime) -> None:
        refusal = judge_command(command, now)
        if refusal is not None:
            self._note(command, "command_refused", refusal.reason, now)
        elif command.kind == "recheck":
            self._rechecks.ask(command.cohort, command.student, now)
        elif command.kind == "recreate":
            self._recreate(command, now)
        else:
            self._approve(command, now)

    def _approve(self, command: Command, now: datetime) -> None:
        """Let one held removal pass, if it is still the one that the person saw."""
        assert command.student is not None
        entry = self._desk.ledger.entry(command.cohort, command.student)
        if entry is None or entry.status is not EntryStatus.HELD or entry.desired_revision != command.revision:
            self._note(command, "command_refused", "changed_since", now)
            return
        self._desk.ledger.put(transitions.release(entry, now))
        self._note(command, "approval", None, now)

    def _recreate(self, command: Command, now: datetime) -> None:
        """Make a cohort anew that a person had deleted in Moodle."""
        entry = self._desk.ledger.cohort(command.cohort)
        if entry is None or entry.reason != Reason.COHORT_GONE:
            self._note(command, "command_refused", "not_gone", now)
            return
        self._desk.ledger.put_cohort(transitions.reopen_cohort(entry, now))
        self._note(command, "approval", None, now)

    def _note(self, command: Command, kind: str, reason: str | None, now: datetime) -> None:
        self._desk.ledger.note(
            JournalEntry(
                at=now,
                kind=kind,
                run=self._desk.run,
                cohort=command.cohort,
                student=command.student,
                revision=command.revision or 0,
                plan=command.hash,
                reason=reason,
                author=command.author,
                details={"command": command.id, "asked": command.kind},
            )
        )

    @staticmethod
    def _fingerprint(received: Sequence[Received], partition: int, before: str) -> str:
        return next((word.record.fingerprint for word in reversed(received) if word.partition == partition), before)
