"""What the steps of the loop share: the ledger, the calls under way, and the calls that are prepared.

A call is prepared first, with its cohorts locked and its intent written to the ledger, and launched after a commit where
one is needed. Nothing here decides what to do; that is for the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.runtime.clock import Clock
from connector.runtime.messages import Message
from consumers.cohorts import transitions
from consumers.cohorts.backlog import Backlog
from consumers.cohorts.crew import Crew
from consumers.cohorts.ledger import Ledger
from consumers.cohorts.pause import Pause, concerns_site
from consumers.cohorts.reasons import Reason
from consumers.cohorts.roll import Roll
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.witness import Witness
from consumers.moodle.errors import MoodleError
from schemas.records import Command, EntryStatus, JournalEntry, LedgerEntry


@dataclass(frozen=True)
class Prepared:
    """A call that is ready to be sent."""

    name: str
    job: Callable[[], Any]
    done: Callable[[Any], None]
    cancel: Callable[[], None]
    """Undo the preparation; the call is not going to be sent."""
    cohorts: frozenset[str]
    needs_commit: bool
    """Whether its intent must be in the journal first."""


class LeaseTerm:
    """Until when calls may be sent, by the last commit that proved the group's generation. Read by job threads."""

    def __init__(self, clock: Clock, length: float) -> None:
        self._clock, self._length = clock, length
        self._proved = float("-inf")

    def renew(self, began: float) -> None:
        """A commit that began at this monotonic time has succeeded."""
        self._proved = began

    def end(self) -> None:
        """Send nothing more."""
        self._proved = float("-inf")

    def holds(self) -> bool:
        return self._clock.monotonic() - self._proved < self._length

    def holds_amply(self) -> bool:
        """Whether it holds for as long again as has passed, so that a call prepared now is still covered when it is sent."""
        return self._clock.monotonic() - self._proved < self._length / 2


@dataclass
class Desk:
    """See the module."""

    ledger: Ledger
    backlog: Backlog
    crew: Crew
    pause: Pause
    roll: Roll
    lease: LeaseTerm
    witness: Witness
    clock: Clock
    settings: SinkSettings
    run: str
    prepared: list[Prepared] = field(default_factory=list)
    unasked: set[str] = field(default_factory=set)
    """Students whose account the directory has to be asked for."""
    unhurried: dict[str, None] = field(default_factory=dict)
    """Others for whom nobody waits, in the order of asking. They are asked for while ``unasked`` is empty."""
    vanished: set[int] = field(default_factory=set)
    """Accounts of which Moodle said that they do not exist."""
    rushing: bool = False
    """Whether the last poll brought so many records that more are sure to follow at once."""
    at_end: frozenset[int] = frozenset()
    """Partitions of whose topic everything is taken in, as far as anybody knows."""
    gone: set[str] = field(default_factory=set)
    """Cohorts of which Moodle said that they do not exist."""
    closed: set[str] = field(default_factory=set)
    """Why no call is prepared now, whatever there is to do: by the names of those who will open again."""
    accepted_loss: int | None = None
    """How many students a person has seen that the directory would lose."""
    site_doubt: Message | None = None
    """Why Moodle is not taken for the one that the ledger speaks of, while it is not."""

    @property
    def free(self) -> int:
        """Calls that may be prepared now. While Moodle is at fault it is one, when it is time to try."""
        if self.closed:
            return 0
        free = self.crew.free - len(self.prepared)
        if self.pause.open:
            return free
        return int(self.pause.trial and self.crew.idle and not self.prepared)

    def busy(self, cohort: str) -> bool:
        return self.crew.busy(cohort)

    def prepare(self, call: Prepared) -> None:
        """Lock the call's cohorts and keep it until ``launch``."""
        self.crew.lock(call.cohorts)
        self.prepared.append(call)

    def launch(self) -> None:
        """Send what is prepared."""
        calls, self.prepared = self.prepared, []
        for call in calls:
            self.crew.start(call.name, call.job, call.done, call.cohorts)
            self.crew.unlock(call.cohorts)  # the task has its own lock now

    def cancel(self) -> None:
        """Send nothing of what is prepared."""
        calls, self.prepared = self.prepared, []
        for call in calls:
            call.cancel()
            self.crew.unlock(call.cohorts)

    def heard(self, failure: MoodleError | None, calls: int = 1) -> None:
        """A job of so many calls ended; None: Moodle answered as it should."""
        if failure is not None and concerns_site(failure):
            self.pause.failed(failure)
        elif calls:
            self.pause.succeeded()

    def note(self, entry: LedgerEntry, kind: str, now: datetime, **more: Any) -> None:
        """Append to the journal what was decided or done about a membership."""
        self.ledger.note(
            JournalEntry(
                at=now,
                kind=kind,
                run=self.run,
                cohort=entry.cohort,
                student=entry.student,
                **({"revision": entry.desired_revision, "user_id": entry.user_id} | more),
            )
        )

    def answer(
        self,
        command: Command,
        kind: str,
        now: datetime,
        *,
        reason: str | None = None,
        answer: str | None = None,
        **details: str,
    ) -> None:
        """Append to the journal what became of a command. By its id the command is not followed a second time."""
        self.ledger.note(
            JournalEntry(
                at=now,
                kind=kind,
                run=self.run,
                cohort=command.cohort,
                student=command.student,
                revision=command.revision or 0,
                plan=command.hash,
                answer=answer,
                reason=reason,
                author=command.author,
                details={"command": command.id, "asked": command.kind} | details,
            )
        )

    def forbid(self, cohort: str, now: datetime) -> None:
        """The service user may not change the cohort's members; that is tried again from time to time."""
        entry = self.ledger.cohort(cohort)
        if entry is not None and entry.status is EntryStatus.SETTLED:
            self.ledger.put_cohort(transitions.park_cohort(entry, Reason.COHORT_FORBIDDEN, now))

    def entries(self, keys: Iterable[tuple[str, str]]) -> Iterable[LedgerEntry]:
        """The entries of these keys as they are now; those that are no longer ours are left out."""
        return (entry for key in keys if (entry := self.ledger.entry(*key)) is not None)
