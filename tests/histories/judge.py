"""What must be true, told by somebody who knows what was committed when, and has no part in the poller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from connector.source.causes import ABSENCES, MISSES, Cause
from schemas.records import Checkpoint, CohortChanged, MembershipChanged, Presence
from tests.histories.hazards import REASONS, Hazard
from tests.histories.releases import Releases
from tests.histories.table import Pair, Pending, Row, Stamped, Table
from tests.histories.wrong import Wrong

_EVER = 1 << 60
_BY_STAMPS = {Cause.LATE_COMMIT, Cause.CURSOR_BACKWARDS, Cause.UNTOUCHED_CURSOR}
_LOSSES = {Hazard.DELETE, Hazard.LEFT_VIEW, Hazard.KEY_CHANGE}


@dataclass(frozen=True, slots=True)
class _Read:
    """What a truth read could see."""

    at: int
    rows: list[Row]
    truth: set[Pair]


@dataclass(slots=True)
class _Missing:
    """A published membership that truth reads miss without a break."""

    clock: int
    """Before one of these reads: the earliest, since the clock may have been set back meanwhile. Ticks."""
    delay: int
    """How much later that read was."""
    by_snapshot: bool
    """Whether a snapshot missed it first."""
    since: int
    """When the first of them was made; real time."""
    gone: int = 0
    """How long it had been no longer true at the last of these reads; ticks."""
    at: int = 0
    """When that was made."""


class Judge:
    """Follows commits, reads and publications of one history."""

    def __init__(self, table: Table) -> None:
        self.table, self.shape = table, table.shape
        self.owed: dict[str, set[Hazard]] = {}
        """Students of whom something was committed that polling need not find, by what hid it."""
        self.hazards: set[Hazard] = set()
        """All that happened."""
        self.releases = Releases(table, self.hazards)
        self.missed: Counter[str] = Counter()
        """Memberships that a snapshot published and polling had missed, by cause."""
        self.absences: Counter[str] = Counter()
        """Removals that rest on absence, by cause."""
        self.taking = False
        """Whether the poller works on a snapshot."""
        self._published: set[Pair] = set()
        self._missing: dict[Pair, _Missing] = {}
        self._reads: dict[str, _Read] = {}
        """By student, the last one."""
        self._reasons: dict[str, set[Hazard]] = {}
        """All that was ever owed."""
        self._pairs: set[Pair] = set()
        self._gone: dict[Pair, int] = {}
        """Since when memberships are no longer true."""
        self._numbers: list[tuple[int, int, int]] = []
        """Reads of a sequence: real time and the clock before it, and the highest number that it showed."""
        self._scanned: dict[int, Row] = {}
        self._clock, self._clock_read_at = 0, 0
        self._loading = False
        self._seen_open: set[str] = set()
        """Transactions that a checkpoint has waited for."""

    def loaded(self, pairs: set[Pair]) -> None:
        """These were published before the history began."""
        self._published |= pairs

    # --- commits ----------------------------------------------------------------------------------------------------

    def committed(self, before: dict[int, Row], changes: dict[int, Pending]) -> None:
        """A transaction has ended, and the table shows it."""
        told: set[str] = set()
        owed: dict[str, set[Hazard]] = {}
        for key, change in changes.items():
            old, new = before.get(key), change.row
            if self.shape.scanned:
                told.update(row.student for row in (old, new) if row is not None)
                continue
            if new is not None:
                lost = self._lost(change)
                if lost is None:
                    told.add(new.student)
                else:
                    owed.setdefault(new.student, set()).update(
                        self._looks(lost, old, new, waited=bool(change.stamped and change.stamped.waited))
                    )
            if old is not None and (new is None or new.student != old.student):
                owed.setdefault(old.student, set()).add(Hazard.DELETE if new is None else Hazard.KEY_CHANGE)
        for student, reasons in owed.items():
            self.owed.setdefault(student, set()).update(reasons)
            self._reasons.setdefault(student, set()).update(reasons)
            self.hazards |= reasons
        for student in told:
            self.owed.pop(student, None)  # it is looked at after this commit, and all of it
        self.moved()

    def moved(self) -> None:
        """The truth may have changed."""
        pairs = self.table.truth()
        for pair in self._pairs - pairs:
            self._gone[pair] = self.table.now
        for pair in pairs - self._pairs:
            self._gone.pop(pair, None)
        self._pairs = pairs

    def _lost(self, change: Pending) -> Hazard | None:
        """Why polling need not find a row that is there; None if it must."""
        stamped, row = change.stamped, change.row
        assert row is not None
        if not row.viewed and not self.shape.base:
            return Hazard.LEFT_VIEW
        if self.shape.kind == "none" or stamped is None:
            return change.hazard or Hazard.UNTOUCHED
        found = (self.shape.timed and self._timely(stamped)) or (self.shape.numbered and self._in_time(stamped))
        return None if found else Hazard.LATE_COMMIT

    def _looks(self, lost: Hazard, old: Row | None, new: Row, *, waited: bool) -> set[Hazard]:
        """What it may look like: a late commit may bear a stamp that is not later than that of the version before, and of
        a row that supported nothing the earlier stamp is not known.
        """
        found = {lost}
        if lost is Hazard.LATE_COMMIT and (self._loading or waited):
            # A load may read the row, and with it the stamp; and what was never seen open explains no stamp.
            found |= {Hazard.UNTOUCHED, Hazard.BACKWARDS}
        if lost is Hazard.LATE_COMMIT and old is not None:
            for before, now in ((old.stamp, new.stamp), (old.number, new.number)):
                if before is not None and now is not None and now <= before:  # type: ignore[operator]  # of one kind
                    found.add(Hazard.UNTOUCHED if now == before else Hazard.BACKWARDS)
        elif lost in (Hazard.UNTOUCHED, Hazard.BACKWARDS) and (
            old is None or old.status != "E" or (old.student, old.grp) not in self._published
        ):
            found |= {Hazard.LATE_COMMIT, Hazard.BACKWARDS}
        return found

    def _timely(self, stamped: Stamped) -> bool:
        """Whether the stamp lies where the settings say that it lies."""
        shape, table = self.shape, self.table
        if shape.proved:
            if table.highest_clock(stamped.began, stamped.changed) - shape.slack <= stamped.tick:
                return True
            # Or it waited for the lock of one that was open for longer than the slack, and has changed something soon after.
            return any(
                table.highest_clock(stamped.began, began) - shape.slack <= stamped.tick
                and ended - began > shape.slack
                and ended <= stamped.changed <= ended + shape.slack
                for held_by, began, ended in stamped.waited
                if held_by in self._seen_open
            )
        return table.highest_clock(stamped.began, table.now) - max(shape.overlap, shape.slack) <= stamped.tick

    def _in_time(self, stamped: Stamped) -> bool:
        """Whether the number came before anybody could give it up."""
        assert stamped.number is not None
        opened = next(((at, clock) for at, clock, highest in self._numbers if highest >= stamped.number), None)
        if opened is None:
            return True
        at, clock = opened
        table = self.table
        if table.jump < 0 and at <= table.jumped_at:
            clock = min(clock, table.jumped_at + table.jump + table.skews[0])
        return table.highest_clock(at, table.now) - clock <= self.shape.overlap

    # --- reads ------------------------------------------------------------------------------------------------------

    def clock_read(self) -> None:
        """The poller has read the clock."""
        self._clock, self._clock_read_at = self.table.clock_tick(), self.table.now

    def numbers_read(self, highest: int) -> None:
        """The poller has seen numbers up to this one."""
        self._numbers.append((self._clock_read_at, self._clock, highest))

    def scan_read(self) -> None:
        """The poller has scanned the table."""
        self._scanned = self.table.rows

    def truth_read(self, students: set[str]) -> None:
        """The poller has read all rows of these students, as they are now."""
        table = self.table
        truth, rows = table.truth(), table.viewed(table.rows)
        unknown = {row.student for row in rows if row.grp is None}
        if self.shape.age:
            self.releases.read(students, truth, self._clock)
        self._reads.update(dict.fromkeys(students, _Read(table.now, rows, truth)))
        if self.shape.scanned and self._scanned is not table.rows:
            other = set(self._scanned.values()) ^ set(table.rows.values())
            self.hazards |= {Hazard.UNLIKE_SCAN} if any(row.student in students for row in other) else set()
        for pair in self._published:
            if pair[0] not in students or pair[0] in unknown:
                continue  # of a student with a row that cannot be mapped nothing is known
            if pair in truth:
                self._missing.pop(pair, None)
                continue
            found = self._missing.get(pair)
            delay = table.now - self._clock_read_at
            if found is None:
                found = self._missing[pair] = _Missing(self._clock, delay, self.taking, table.now)
            elif self._clock < found.clock:
                found.clock, found.delay = self._clock, delay
            found.gone, found.at = table.now - self._gone.get(pair, -_EVER), table.now

    def load_read(self) -> None:
        """The poller has read all rows for a first load, which publishes from these rows themselves."""
        read = _Read(self.table.now, self.table.viewed(self.table.rows), self.table.truth())
        self._reads.update(dict.fromkeys({student for student, _ in self._published}, read))

    # --- publications -----------------------------------------------------------------------------------------------

    def publishes(self, record: MembershipChanged) -> None:
        """A record is about to be committed."""
        pair = (record.student, record.cohort)
        if record.state is Presence.ABSENT:
            self._removal(record.cause, pair)
            self._published.discard(pair)
            self._missing.pop(pair, None)
        else:
            self._published.add(pair)
        if record.cause in MISSES:
            self._miss(record)

    def _removal(self, cause: str, pair: Pair) -> None:
        student, cohort = pair
        what = f"{student} removed from {cohort} ({cause})"
        read = self._reads[student]
        mine = [row for row in read.rows if row.student == student]
        # What a row states is believed, also when a broken view hides another one; what is missing is not.
        shown = {(row.student, row.grp) for row in mine if row.status == "E"}
        if pair in (read.truth if cause in ABSENCES else shown):
            raise Wrong(f"{what}, of which the rows that were read said otherwise")
        if cause not in ABSENCES:
            if not any(row.grp != cohort or row.status != "E" for row in mine):
                raise Wrong(f"{what}, and no row states it")
            return
        self.absences[cause] += 1
        missing, settle = self._missing.get(pair), self.shape.settle
        if missing is None or self._clock - missing.clock < settle:
            raise Wrong(f"{what} without two looks that are absence_settle apart")
        # One that had come back unseen and is gone again was missed twice all the same.
        unbroken = missing.at - missing.gone <= missing.since
        if unbroken and not self.table.jump and missing.gone < settle - missing.delay:
            raise Wrong(f"{what} within a reload that was shorter than absence_settle")
        if not any(
            row.grp == cohort and row.student == other != student
            for other, seen in self._reads.items()
            if seen.at >= self._clock_read_at
            for row in seen.rows
        ):
            raise Wrong(f"{what}, a cohort that had vanished")
        if any(row.grp is None for row in mine):
            raise Wrong(f"{what} although they have a row that cannot be mapped")
        self._explain_absence(cause, student, what, by_snapshot=missing.by_snapshot)

    def _explain_absence(self, cause: str, student: str, what: str, *, by_snapshot: bool) -> None:
        """Which absence it is can be told if keys tell rows apart, and if a snapshot missed the membership first: polling
        does not look for what became of rows.
        """
        reasons = self._reasons.get(student, set())
        if self.shape.scanned:
            return  # polling comes to everything, so nothing is noted
        if cause == Cause.KEY_CHANGED:
            # A row that was somebody else's before supports them still in a cohort that has vanished meanwhile.
            stale = {Hazard.KEY_CHANGE, Hazard.COHORT_GONE} <= self.hazards
            right = Hazard.KEY_CHANGE in reasons or stale
        elif cause == Cause.LEFT_VIEW:
            right = self.shape.base
        else:
            out = Hazard.LEFT_VIEW in reasons and not self.shape.base
            # A row that is another student's now may support nobody by the end of the pass that missed it.
            gone = not reasons.isdisjoint({Hazard.DELETE, Hazard.KEY_CHANGE})
            # A row that moved while another one could not be mapped supports two cohorts by then, and tells nothing more.
            both = Hazard.UNMAPPABLE in self.hazards
            right = gone or out or both or not (self.shape.row_key and by_snapshot)
        if not right:
            raise Wrong(f"{what} under a wrong cause: {_named(reasons)}")

    def _miss(self, record: MembershipChanged) -> None:
        """A miss must bear the cause that the hazard has which made it."""
        what = f"{record.student} {record.cohort} was missed ({record.cause})"
        if not self.taking:
            raise Wrong(f"{what}, says polling itself")
        reasons = self._reasons.get(record.student, set())
        if record.state is Presence.ABSENT and not self.shape.row_key:
            return  # an older, inactive row states it: its stamp says nothing of the row that has gone
        if Hazard.HALF_HIDDEN in self.hazards:
            return  # a row that was out of sight for a while looks late, and has no stamp that tells
        if not reasons and self.table.jump < 0:
            return  # polling would have come to it: the stamp is behind the cursor because the clock was set back
        self.missed[record.cause] += 1
        if not reasons:
            raise Wrong(f"{what}, and nothing had hidden it")
        if record.state is Presence.ABSENT and reasons & _LOSSES:
            return  # the row is gone, and another, inactive one states it, whose stamp says nothing
        expected = {REASONS[reason] for reason in reasons if reason in REASONS}
        if not self.shape.row_key:
            expected |= _BY_STAMPS  # which of several rows is the one that changed, nobody knows
        if self.shape.kind == "none":
            expected = {Cause.UNWATCHED}
        if record.cause not in expected:
            raise Wrong(f"{what} under a wrong cause: {_named(reasons)}")

    def forgotten(self, cohort: str, record: CohortChanged | None, students: Collection[str], told: set[Pair]) -> None:
        """A cohort is about to be released, and these ``students`` of what the topic has ``told``."""
        self.releases.releases(cohort, record, students, {student for student, place in told if place == cohort})
        for pair in [pair for pair in self._published if pair[1] == cohort]:
            self._published.discard(pair)
            self._missing.pop(pair, None)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def checkpoint(self, checkpoint: Checkpoint, most_ranges: int, most_gaps: int) -> None:
        """A checkpoint is about to be committed."""
        self._loading = not checkpoint.loaded
        if self._loading:
            self._seen_open.clear()  # a load that begins anew, since the last one failed, has forgotten them
        ranges = [found for cursor in checkpoint.hints for found in cursor.open_ranges]
        self._seen_open.update(found.id for found in ranges if found.id is not None)
        for cursor in checkpoint.hints:
            gaps = sum(found.kind == "gap" for found in cursor.open_ranges)
            transactions = sum(found.kind == "transaction" for found in cursor.open_ranges)
            if gaps > most_gaps or transactions > most_ranges:
                raise Wrong(f"{len(cursor.open_ranges)} open ranges in a checkpoint")
            if cursor.safety == "proved" and not self.shape.proved:
                raise Wrong("the watermark is called proved, and is not")


def _named(reasons: set[Hazard]) -> str:
    return ", ".join(sorted(reasons)) or "nothing had happened"
