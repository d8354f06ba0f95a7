"""What must be true, told by somebody who knows what was committed when, and has no part in the poller."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from connector.source.causes import ABSENCES, MISSES, Cause
from schemas.records import Checkpoint, MembershipChanged, Presence
from tests.histories.hazards import REASONS, Hazard
from tests.histories.table import Pair, Pending, Row, Stamped, Table

_BOUND = 1 << 60


class Wrong(AssertionError):
    """A promise is broken."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a truth read could see."""

    at: int
    rows: list[Row]
    truth: set[Pair]


class Judge:
    """Follows commits, reads and publications of one history."""

    def __init__(self, table: Table) -> None:
        self.table, self.shape = table, table.shape
        self.owed: dict[str, set[Hazard]] = {}
        """Students of whom something was committed that polling need not find, by what hid it."""
        self._reasons: dict[str, set[Hazard]] = {}
        """Of every student, all that was ever owed; and what else happened to their rows."""
        self.back_again: set[str] = set()
        """Students who were read between two scans as neither of them saw them."""
        self.hazards: set[Hazard] = set()
        self.missed: Counter[str] = Counter()
        """Memberships that a snapshot published and polling had missed, by cause."""
        self.absences: Counter[str] = Counter()
        """Removals that rest on absence, by cause."""
        self.passed: list[tuple[int, int, int]] = []
        """Reads of a sequence: real time and the clock before it, in ticks, and the highest number that it showed."""
        self.published: set[Pair] = set()
        self._missing: dict[Pair, tuple[int, int]] = {}
        """Published memberships that truth reads miss without break: the clock before the first of them, in ticks, and
        how much later that read was.
        """
        self._gone: dict[Pair, int] = {}
        """Since when pairs are not in the truth that were."""
        self._scanned: dict[int, Row] = {}
        self._pairs: set[Pair] = set()
        self._reads: dict[str, _Read] = {}
        """By student, the last one."""
        self._clock, self._clock_read_at = 0, 0
        self._looks: dict[Pair, int] = {}
        """How long pairs had been gone at the last read that missed them."""

    # --- commits ----------------------------------------------------------------------------------------------------

    def committed(self, before: dict[int, Row], changes: dict[int, Pending]) -> None:
        """A transaction has ended, and the table shows it."""
        told: set[str] = set()
        owed: dict[str, set[Hazard]] = {}
        for key, change in changes.items():
            old, new = before.get(key), change.row
            students = {row.student for row in (old, new) if row is not None}
            if self.shape.scanned:
                told |= students
                continue
            lost = self._lost(change) if new is not None else change.hazard or Hazard.DELETE
            for student in students:
                if lost is None and new is not None and new.student == student:
                    told.add(student)
                else:
                    owed.setdefault(student, set()).add(lost or change.hazard or Hazard.KEY_CHANGE)
        for student, reasons in owed.items():
            self.owed.setdefault(student, set()).update(reasons)
            self._reasons.setdefault(student, set()).update(reasons)
            self.hazards |= reasons
        for student in told - self.back_again:
            self.owed.pop(student, None)
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
        if self.shape.kind == "none":
            return change.hazard or Hazard.UNTOUCHED
        if stamped is None:
            return change.hazard or Hazard.UNTOUCHED
        if not row.viewed and not self.shape.base:
            return Hazard.LEFT_VIEW
        if self.shape.timed and self._timely(stamped):
            return None
        if self.shape.numbered and self._in_time(stamped):
            return None
        return change.hazard if change.hazard in REASONS else Hazard.LATE_COMMIT

    def _timely(self, stamped: Stamped) -> bool:
        """Whether the stamp lies where the settings say that it lies."""
        shape, table = self.shape, self.table
        if shape.proved:
            return table.highest_clock(stamped.began, stamped.changed) - shape.slack <= stamped.tick
        return table.highest_clock(stamped.began, table.now) - max(shape.overlap, shape.slack) <= stamped.tick

    def _in_time(self, stamped: Stamped) -> bool:
        """Whether the number came before anybody could give it up."""
        assert stamped.number is not None
        opened = next(((at, clock) for at, clock, highest in self.passed if highest >= stamped.number), None)
        if opened is None:
            return True
        at, clock = opened
        if self.table.jump < 0 and at <= self.table.jumped_at:
            clock = min(clock, self.table.jumped_at + self.table.jump + self.table.skews[0])
        return self.table.highest_clock(at, self.table.now) - clock <= self.shape.overlap

    # --- reads ------------------------------------------------------------------------------------------------------

    def clock_read(self) -> None:
        """The poller has read the clock."""
        self._clock, self._clock_read_at = self.table.clock_tick(), self.table.now

    def numbers_read(self, highest: int) -> None:
        """The poller has seen numbers up to this one."""
        self.passed.append((self._clock_read_at, self._clock, highest))

    def truth_read(self, students: set[str]) -> None:
        """The poller has read all rows of these students, as they are now."""
        truth = self.table.truth()
        read = _Read(self.table.now, self.table.viewed(self.table.rows), truth)
        self._reads.update(dict.fromkeys(students, read))
        self._changed_since_scan(students)
        for pair in self.published:
            if pair[0] not in students:
                continue
            if pair in truth:
                self._missing.pop(pair, None)
                continue
            self._looks[pair] = self.table.now - self._gone.get(pair, -_BOUND)
            look = (self._clock, self.table.now - self._clock_read_at)
            # The clock may have been set back in between.
            self._missing[pair] = min(look, self._missing.get(pair, look))

    def scan_read(self) -> None:
        """The poller has scanned the table."""
        self._scanned = self.table.rows

    def _changed_since_scan(self, students: set[str]) -> None:
        """Who is not as the last scan saw them may be so again at the next, which then tells nothing."""
        if self.shape.scanned and self._scanned is not self.table.rows:
            before, now = (set(rows.values()) for rows in (self._scanned, self.table.rows))
            for row in before ^ now:
                if row.student in students:
                    self.owed.setdefault(row.student, set()).add(Hazard.BACK_AGAIN)
                    self.back_again.add(row.student)

    def load_read(self) -> None:
        """The poller has read all rows of all students for a first load, which publishes from these rows themselves."""
        read = _Read(self.table.now, self.table.viewed(self.table.rows), self.table.truth())
        self._reads.update(dict.fromkeys({pair[0] for pair in self.published}, read))
        self._changed_since_scan({row.student for rows in (self._scanned, self.table.rows) for row in rows.values()})

    # --- publications -----------------------------------------------------------------------------------------------

    def publishes(self, record: MembershipChanged, *, snapshot: bool) -> None:
        """A record is about to be committed."""
        pair = (record.student, record.cohort)
        if record.state is Presence.ABSENT:
            self._removal(record, pair)
            self.published.discard(pair)
            self._missing.pop(pair, None)
        else:
            self.published.add(pair)
        if record.cause in MISSES:
            if not snapshot:
                raise Wrong(f"{record.cause} told by polling itself")
            self._explain(record)

    def _removal(self, record: MembershipChanged, pair: Pair) -> None:
        what = f"{pair[0]} removed from {pair[1]} ({record.cause})"
        read = self._reads[pair[0]]
        if pair in read.truth:
            raise Wrong(f"{what}, of which the rows that were read said otherwise")
        if record.cause not in ABSENCES:
            self._stated(pair, what, read.rows)
            return
        self.absences[record.cause] += 1
        clock, delay = self._missing.get(pair, (_BOUND, 0))
        if self._clock - clock < self.shape.settle:
            raise Wrong(f"{what} without two looks that are absence_settle apart")
        if not self.table.jump and self._looks[pair] < self.shape.settle - delay:
            raise Wrong(f"{what} within a reload that was shorter than absence_settle")
        if not any(
            row.grp == pair[1] and row.student == other and other != pair[0]
            for other, seen in self._reads.items()
            if seen.at >= self._clock_read_at
            for row in seen.rows
        ):
            raise Wrong(f"{what}, a cohort that had vanished")
        if any(row.grp is None and row.student == pair[0] for row in read.rows):
            raise Wrong(f"{what} although they have a row that cannot be mapped")
        if self.table.half_hidden:
            raise Wrong(f"{what} by a view that hides half of its rows")
        allowed = _ABSENT_BY[Cause(record.cause)]
        reasons = self._reasons.get(pair[0], set())
        if allowed not in reasons and reasons:
            self.missed[f"(absence {record.cause} of {sorted(reasons)}) {self.shape.row_key}"] += 1

    def _stated(self, pair: Pair, what: str, rows: list[Row]) -> None:
        """A row that is there has to say it: an inactive one, or one that supported it and is elsewhere."""
        rows = [row for row in rows if row.student == pair[0]]
        if not any(row.grp == pair[1] and row.status != "E" for row in rows) and not any(
            row.grp != pair[1] for row in rows
        ):
            raise Wrong(f"{what}, and no row states it")

    def _explain(self, record: MembershipChanged) -> None:
        """A miss must bear the cause that the hazard has which made it."""
        reasons = self._reasons.get(record.student, set())
        self.missed[record.cause] += 1
        if not reasons and self.table.jump < 0:
            return  # polling would have come to it: the stamp is behind the cursor because the clock was set back
        if not reasons:
            raise Wrong(f"{record.student} {record.cohort} was missed ({record.cause}), and nothing had hidden it")
        expected = {Cause.UNWATCHED} if self.shape.kind == "none" else {REASONS[reason] for reason in reasons}
        if record.cause not in expected:
            self.missed[f"({record.cause} of {sorted(reasons)}) {self.shape.row_key}"] += 1

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def checkpoint(self, checkpoint: Checkpoint, most_ranges: int, most_gaps: int) -> None:
        """A checkpoint is about to be committed."""
        for cursor in checkpoint.hints:
            gaps = sum(found.kind == "gap" for found in cursor.open_ranges)
            if gaps > most_gaps or len(cursor.open_ranges) - gaps > most_ranges:
                raise Wrong(f"{len(cursor.open_ranges)} open ranges in a checkpoint")
            if cursor.safety == "proved" and not self.shape.proved:
                raise Wrong("the watermark is called proved, and is not")


_ABSENT_BY = {
    Cause.DELETED: Hazard.DELETE,
    Cause.LEFT_VIEW: Hazard.LEFT_VIEW,
    Cause.KEY_CHANGED: Hazard.KEY_CHANGE,
    Cause.JOURNAL_DELETE: Hazard.DELETE,
}
