"""The cohort consumer: from the topic to Moodle.

One turn: take in what has arrived, hear what calls have brought, prepare what the plan and the guard allow, commit, and
send. Calls run beside the loop, so that the next rows are decoded and planned while Moodle works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.runtime.kafka.reading import Message
from consumers.cohorts import messages, transitions
from consumers.cohorts.additions import Additions
from consumers.cohorts.adopting import HOME, Adopting
from consumers.cohorts.adoption import Standing
from consumers.cohorts.alerts import Alerts
from consumers.cohorts.anew import Anew
from consumers.cohorts.creations import Creations
from consumers.cohorts.desk import Desk
from consumers.cohorts.following import Following
from consumers.cohorts.foreign import let_strangers_stay
from consumers.cohorts.intake import Intake
from consumers.cohorts.letters import Letters
from consumers.cohorts.putting_back import Again, PuttingBack
from consumers.cohorts.reasons import Reason
from consumers.cohorts.rechecks import Rechecks
from consumers.cohorts.refill import Refill
from consumers.cohorts.releasing import release_members
from consumers.cohorts.removals import Removals
from consumers.cohorts.settling import Settling
from consumers.cohorts.site_watch import SiteWatch
from consumers.cohorts.students import Students
from consumers.cohorts.undecided import Undecided
from consumers.cohorts.unread import Unread
from schemas.records import Alert, CohortEntry, EntryStatus, LedgerEntry

_Step = Additions | Removals | Rechecks | Unread
_IDLE, _BUSY = 0.05, 0.01
"""Seconds to wait for records: with nothing under way, and while calls are under way."""
_ADDITIONS_IN_A_ROW = 4
"""Calls that may add before removals and rechecks have their turn again."""
_FRUITLESS = 2
"""Turns in a row that changed nothing, after which there is nothing to do at once."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a poll brought."""

    messages: Sequence[Message] = ()
    """Of the memberships topic."""
    commands: Sequence[Message] = ()
    """Of the commands topic."""
    again: Sequence[Again] = ()
    """Single records of the memberships topic that were to be read once more."""
    at_end: frozenset[int] = frozenset()
    """Partitions of the memberships topic that have nothing more at the moment; of one that is held back nobody knows."""


class Inbox(Protocol):
    """The topics, as a member of the group. Partitions come and go within ``poll``."""

    def poll(self, limit: int, timeout: float) -> Arrivals: ...

    def hold(self, *, on: bool) -> None:
        """Fetch no records of the memberships topic while on; the membership in the group stays alive by ``poll``."""
        ...

    def rewind(self, positions: Mapping[int, int]) -> None:
        """Go back in these partitions of the memberships topic: what the last poll brought from there on was left."""
        ...

    def read_again(self, partition: int, offset: int) -> None:
        """Bring this record of the memberships topic once more; a later poll has it, or that it is gone."""
        ...

    def close(self) -> None:
        """Leave the group; partitions are released first."""
        ...


class Consumer:
    """See the module. ``run_once`` again and again, then ``close``."""

    def __init__(
        self,
        desk: Desk,
        intake: Intake,
        following: Following,
        putting_back: PuttingBack,
        letters: Letters,
        creations: Creations,
        additions: Additions,
        removals: Removals,
        rechecks: Rechecks,
        students: Students,
        alerts: Alerts,
        adopting: Adopting,
        site: SiteWatch,
        anew: Anew,
        unread: Unread,
    ) -> None:
        self._desk, self._alerts = desk, alerts
        self._intake, self._following, self._letters = intake, following, letters
        self._putting_back = putting_back
        self._creations, self._additions = creations, additions
        self._removals, self._rechecks, self._students = removals, rechecks, students
        self._adopting = adopting
        self._site, self._anew, self._unread = site, anew, unread
        self._refill = Refill(desk.ledger, desk.backlog, desk.settings.backlog)
        self._working = False
        """Whether calls that write are offered; then what waits stands in the backlog."""
        self._undecided = Undecided()
        self._settling = Settling(desk, rechecks)
        self._additions_in_a_row = 0
        self._committed_at = 0.0
        self._holding = False
        self._fruitless = 0

    def run_once(self, inbox: Inbox) -> None:
        """One turn.

        Raises:
            KafkaFault: this instance cannot go on; make a new one, which takes up from the ledger topic.
            Halted: the ledger speaks of another topic; a person must act.
        """
        arrivals = inbox.poll(self._desk.settings.poll_records, self._patience())
        now = self._now()
        self._desk.at_end = arrivals.at_end
        self._adopting.turn(now)
        if not self._adopting.decided:
            self._wait_for_a_decision(inbox, arrivals)
            return
        if self._adopting.applies and not self._working:
            self._begin_working()
        self._desk.rushing = len(arrivals.messages) * 4 >= self._desk.settings.poll_records
        if left := self._intake.take(arrivals.messages, now):
            inbox.rewind(left)
        self._following.follow([*self._undecided.commands(), *arrivals.commands], now)
        self._putting_back.heard(arrivals.again, now)
        for place in self._putting_back.wanted():
            inbox.read_again(*place)
        self._anew.turn(self, inbox, now)
        heard = self._desk.crew.collect() + len(arrivals.messages) + len(arrivals.commands)
        self._look_after(now)
        waiting = len(self._desk.backlog)
        self._refill.turn()
        self._offer(now)
        changed = heard or self._desk.prepared or len(self._desk.backlog) != waiting
        self._fruitless = 0 if changed else self._fruitless + 1
        self._commit_and_launch()
        self._hold_back(inbox)

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing can be done now: what is left waits for its time, for Moodle or a person."""
        desk = self._desk
        if not desk.crew.idle or desk.prepared or self._looks_waiting or desk.ledger.dirty or self._adopting.pending:
            return False
        return not (self._working and (len(desk.backlog) or self._refill.waiting or self._creations.waiting))

    @property
    def standing(self) -> Standing:
        """What the topics say of the sink: whether it is adopted."""
        return self._adopting.standing

    @property
    def _looks_waiting(self) -> int:
        """What was asked for and is not worked off."""
        waiting = self._rechecks.waiting + self._putting_back.waiting + len(self._desk.closed)
        return waiting or int(self._working and self._unread.waiting)  # in shadow nobody asks for accounts

    def hear_alerts(self, told: Iterable[Alert]) -> None:
        """What consumers have said in alerts: others, earlier ones, and this one."""
        self._alerts.hear(told)

    def watch(self, entry: LedgerEntry | CohortEntry) -> None:
        """Hear of every entry that is written."""
        if isinstance(entry, LedgerEntry):
            self._site.note(entry)
            if self._working:
                self._desk.backlog.note(entry)
            return
        self._creations.note(entry)
        if entry.status is EntryStatus.SETTLED:
            self._alerts.tell(f"cohort_gone.{entry.cohort}", None, self._now())
            release_members(self._desk, entry, self._now())

    def resume(self, partition: int, *, blocked_until: datetime | None) -> None:
        for entry in self._desk.ledger.store(partition).unsettled_cohorts():
            self._creations.note(entry)
        if blocked_until is not None:
            self._removals.blocked_until[partition] = blocked_until
        self._adopting.take_over(partition)
        let_strangers_stay(self._desk, partition, self._now())
        self._site.taken(partition)
        if self._working:
            self._refill.begin(partition)

    def blocked(self, now: datetime) -> frozenset[int]:
        return frozenset(partition for partition, until in self._removals.blocked_until.items() if now < until)

    def forget(self, partitions: frozenset[int]) -> None:
        def lost(cohort: str) -> bool:
            return self._desk.ledger.partition_of(cohort) in partitions

        self._adopting.forget(partitions)
        self._site.forget(partitions)
        self._anew.forget(partitions)
        self._undecided.forget(partitions)
        self._refill.forget(partitions)
        self._removals.forget(partitions)
        self._rechecks.forget(lost)
        self._putting_back.forget(partitions)
        self._creations.forget(lost)

    def commit(self, clean: frozenset[int] = frozenset()) -> bool:
        """Commit the ledger; the lease runs anew when it has succeeded. Not before it is decided how the sink stands."""
        if not self._adopting.may_commit:
            return False
        began = self._desk.clock.monotonic()
        whole = self._desk.ledger.commit(self._now(), clean)
        self._desk.witness.committed(self._desk.clock.monotonic() - began, whole=whole)
        if not whole:
            return False
        self._adopting.committed()
        self._desk.lease.renew(began)
        self._committed_at = self._desk.clock.monotonic()
        return True

    def _now(self) -> datetime:
        """In whole milliseconds, as the ledger keeps it."""
        now = self._desk.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _patience(self) -> float:
        """Seconds to wait for records. What waits for an account gets a second turn at once, in which it is asked for;
        then only time, Moodle or a record can bring something new.
        """
        desk = self._desk
        if desk.crew.idle:
            return 0.0 if len(desk.backlog) and desk.pause.open and self._fruitless < _FRUITLESS else _IDLE
        return _BUSY

    def _wait_for_a_decision(self, inbox: Inbox, arrivals: Arrivals) -> None:
        """Take nothing in."""
        owned = self._desk.ledger.owned
        if back := self._undecided.put_off(arrivals.messages, arrivals.commands, owned):
            inbox.rewind(back)
        if not self._holding:
            self._holding = True
            inbox.hold(on=True)
        self._desk.crew.collect()
        if self._adopting.queued:
            self.commit()

    def _begin_working(self) -> None:
        """The sink is adopted: what was taken in so far is worked off from now on."""
        self._working = True
        for partition in self._desk.ledger.owned:
            self._refill.begin(partition)

    def _look_after(self, now: datetime) -> None:
        """What time brings: ends of quarantines, accounts that have appeared, cohorts that are gone, alerts."""
        desk = self._desk
        self._settling.turn(now)
        self._site.offer()
        if self._working:
            self._students.offer(now)
        if desk.gone and self._site.vouches_for(desk.gone):
            while desk.gone:
                self._close_cohort(desk.gone.pop(), now)
        for cohort in self._creations.returned:
            self._rechecks.ask(cohort, None, now)
        self._creations.returned.clear()
        settings, flood = desk.settings, None
        if self._letters.overflowing:
            window = f"{settings.dead_letter_window.total_seconds():g} s"
            flood = messages.dead_letters_overflow(settings.dead_letter_limit, window)
        self._alerts.tell("deadletters", flood, now)
        if HOME in desk.ledger.owned:
            self._alerts.tell("shadow", self._adopting.alert, now)
        self._alerts.tell("directory_loss", self._students.loss, now)
        self._alerts.look(now, self._students.fault)

    def _offer(self, now: datetime) -> None:
        """Prepare calls while slots are free. Additions come first, but not for ever. In shadow Moodle is only read."""
        while not self._working and self._desk.free > 0:
            if not self._rechecks.offer(now):
                return
        while self._desk.free > 0:
            if self._creations.offer(now):
                continue
            steps: tuple[_Step, ...] = (self._additions, self._removals, self._rechecks, self._unread)
            if self._additions_in_a_row >= _ADDITIONS_IN_A_ROW:
                steps = (*steps[1:], steps[0])
            offered = next((step for step in steps if step.offer(now)), None)
            if offered is None:
                return
            adds = offered is self._additions and self._additions_in_a_row < _ADDITIONS_IN_A_ROW
            self._additions_in_a_row = self._additions_in_a_row + 1 if adds else 0

    def _commit_and_launch(self) -> None:
        """Send what is prepared, after a commit where an intent or the lease wants one; commit outcomes now and then."""
        desk = self._desk
        if not desk.ledger.owned:
            return
        if desk.prepared:
            intents = any(call.needs_commit for call in desk.prepared)
            wanted = intents or desk.ledger.unmarked or not desk.lease.holds_amply()
            if wanted and not self.commit():
                desk.cancel()
                return
            desk.launch()
        since = desk.clock.monotonic() - self._committed_at
        if desk.ledger.dirty and since >= desk.settings.commit_interval.total_seconds():
            self.commit()

    def _hold_back(self, inbox: Inbox) -> None:
        """Leave records on the topic while too many wait here."""
        waiting, most = len(self._desk.backlog), self._desk.settings.backlog
        wanted = self._letters.overflowing or waiting > (most // 2 if self._holding else most)
        if wanted is not self._holding:
            self._holding = wanted
            inbox.hold(on=wanted)

    def _close_cohort(self, cohort: str, now: datetime) -> None:
        """Moodle has no such cohort any more. It is made anew on command only."""
        entry = self._desk.ledger.cohort(cohort)
        if entry is None or entry.reason == Reason.COHORT_GONE:
            return
        self._desk.ledger.put_cohort(transitions.park_cohort(entry, Reason.COHORT_GONE, now))
        self._alerts.tell(f"cohort_gone.{cohort}", messages.cohort_gone(cohort), now)
