"""Following commands: what a person or the reconciler asks of the consumer. None of them says what is desired."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connector.runtime.errors import Stage
from connector.runtime.kafka.reading import Message
from consumers.cohorts import transitions
from consumers.cohorts.adopting import HOME, Adopting
from consumers.cohorts.anew import Anew
from consumers.cohorts.creations import members_unknown
from consumers.cohorts.desk import Desk
from consumers.cohorts.fold import ACCEPT_DIRECTORY, ADOPT, BEGINS_ANEW, judge_command
from consumers.cohorts.letters import Letters
from consumers.cohorts.putting_back import PuttingBack
from consumers.cohorts.reasons import Reason
from consumers.cohorts.rechecks import Rechecks
from schemas.codec import Codec, Undecodable
from schemas.records import Command, EntryStatus

RECHECK = "recheck"
"""The kind of command that asks for a look; the only one that is followed as often as it is read."""


class Following:
    """Follows the commands of our partitions, in their order."""

    def __init__(
        self,
        desk: Desk,
        rechecks: Rechecks,
        putting_back: PuttingBack,
        letters: Letters,
        adopting: Adopting,
        anew: Anew,
        codec: Codec,
    ) -> None:
        self._desk, self._letters, self._codec = desk, letters, codec
        self._rechecks, self._putting_back = rechecks, putting_back
        self._adopting, self._anew = adopting, anew

    def follow(self, messages: Iterable[Message], now: datetime) -> None:
        """Follow the commands in these records of the commands topic."""
        ledger = self._desk.ledger
        for message in messages:
            if message.partition not in ledger.owned:
                continue
            try:
                command = self._codec.decode(message.value or b"")
            except Undecodable as error:
                self._letters.set_aside(message, Stage.DECODE, str(error), now)
            else:
                if isinstance(command, Command) and message.partition == self._place_of(command):
                    self._follow(command, message.offset, now)
                else:
                    self._letters.set_aside(message, Stage.KEY, "not a command of this partition", now)
            ledger.commands(message.partition).read_to(message.next_offset)

    def _follow(self, command: Command, offset: int, now: datetime) -> None:
        if command.kind != RECHECK and self._answered(command):
            return
        refusal = judge_command(command, now)
        if command.kind == ADOPT:
            self._adopting.follow(command, now, None if refusal is None else refusal.reason)
        elif refusal is not None:
            self._desk.answer(command, "command_refused", now, reason=refusal.reason)
        elif command.kind == RECHECK:
            self._recheck(command, offset, now)
        elif command.kind == ACCEPT_DIRECTORY:
            self._desk.accepted_loss = int(command.hash or 0)
            self._desk.answer(command, "approval", now)
        elif command.kind in BEGINS_ANEW:
            self._anew.hear(command, self._place_of(command), offset)
        elif command.kind == "recreate":
            self._recreate(command, now)
        elif command.kind == "freeze":
            self._desk.answer(command, "frozen", now)
        else:
            self._decide(command, now)

    def _place_of(self, command: Command) -> int:
        """The partition that a command belongs into: its cohort's, or the first if it is about the sink as a whole."""
        return HOME if command.kind == ADOPT else self._desk.ledger.partition_of(command.cohort)

    def _answered(self, command: Command) -> bool:
        """Whether it was followed or refused before; it is read again if a recheck before it was not worked off."""
        return self._desk.ledger.store(self._place_of(command)).followed(command.id)

    def _recheck(self, command: Command, offset: int, now: datetime) -> None:
        """Look, or read a record again and then look. The command is held until that is done, and if it is read a second
        time meanwhile it is followed a second time, since nobody knows how far the first one got.
        """
        ledger = self._desk.ledger
        partition = ledger.partition_of(command.cohort)
        hold = ledger.commands(partition).hold(offset)
        if command.offset is None:
            self._rechecks.ask(command.cohort, command.student, now, hold)
        elif command.offset < ledger.next_offset(partition):
            self._putting_back.ask(command, command.offset, hold)
        else:
            hold.release()
            self._desk.answer(command, "command_refused", now, reason="not_taken_in")

    def _decide(self, command: Command, now: datetime) -> None:
        """Let one held removal pass, or leave it undone, if it is still the one that the person saw."""
        assert command.student is not None
        entry = self._desk.ledger.entry(command.cohort, command.student)
        if entry is None or entry.status is not EntryStatus.HELD or entry.desired_revision != command.revision:
            self._desk.answer(command, "command_refused", now, reason="changed_since")
            return
        if command.kind == "approve":
            self._desk.ledger.put(transitions.release(entry, now))
            self._desk.answer(command, "approval", now)
        else:
            self._desk.ledger.put(transitions.discard(entry, now))
            self._desk.answer(command, "discarded", now)

    def _recreate(self, command: Command, now: datetime) -> None:
        """Make a cohort anew that a person had deleted in Moodle."""
        entry = self._desk.ledger.cohort(command.cohort)
        if entry is None or entry.reason != Reason.COHORT_GONE:
            self._desk.answer(command, "command_refused", now, reason="not_gone")
            return
        self._desk.ledger.put_cohort(transitions.reopen_cohort(entry, now))
        members_unknown(self._desk, command.cohort, now)
        self._desk.answer(command, "approval", now)
