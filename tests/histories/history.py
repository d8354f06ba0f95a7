"""One history, from its seed to the judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from math import ceil

from connector.runtime.errors import OperationalError
from connector.source import examining
from connector.source.hints import gaps, watermark
from connector.source.missed import settled_since
from schemas.records import Checkpoint, CohortChanged, CohortState, MembershipChanged
from tests.histories.acting import Source
from tests.histories.hazards import Hazard
from tests.histories.judge import Judge
from tests.histories.ledger import Ledger
from tests.histories.plans import STUDENTS, Turn
from tests.histories.process import Books, Process, Running, use_ledger
from tests.histories.reader import Crash, Reader
from tests.histories.script import write
from tests.histories.shapes import HOUR, SECOND, TICK
from tests.histories.table import Table
from tests.histories.wrong import Wrong

_SMALL, _USUAL = (2, 3, 1), (examining.MOST_VALUES, gaps.MOST, watermark.MOST_RANGES)
_FULL = 40
"""Ticks after which a poll is a full one."""


@dataclass(slots=True)
class Outcome:
    """What came of a history."""

    kind: str
    hazards: set[Hazard]
    missed: Counter[str]
    """Memberships that polling had missed and a snapshot found, by cause."""
    absences: Counter[str]
    wrong: str | None = None
    """The promise that was broken; None if none was."""
    trace: list[str] = field(default_factory=list)


def live(seed: int, *, trace: bool = False) -> Outcome:
    """Live through the history of a seed, and say what came of it."""
    return outcome_of(History(seed, [] if trace else None))


def outcome_of(history: History) -> Outcome:
    """Live through it."""
    wrong = None
    try:
        history.run()
    except Wrong as fault:
        wrong = str(fault)
        history.acting.say(f"WRONG: {wrong}")
    judge = history.judge
    return Outcome(
        history.script.shape.kind, judge.hazards, judge.missed, judge.absences, wrong, history.acting.trace or []
    )


class History:
    """The world of one seed."""

    def __init__(self, seed: int, trace: list[str] | None) -> None:
        self.script = script = write(seed)
        self.table = Table(script.shape, script.place, script.skews)
        self.judge = Judge(self.table)
        self.judge.hazards |= script.hazards
        if trace is not None:
            trace += _heading(self)
        self.acting = Source(script, self.table, self.judge, seed, trace)
        self.reader = Reader(self.acting)
        self.late = 1 if script.rate >= 1.0 else 2
        """Ticks after which a second look comes at the latest: our own clock, which tells when to ask whether one is due,
        may be slow.
        """
        self.books = self._opened()
        self._limits = _SMALL if script.small else _USUAL
        self._hides = Hazard.HALF_HIDDEN in script.hazards
        self._waiters = False
        """Whether the last checkpoint waits for who waited for a lock."""
        self._between = False
        """Whether a cohort comes back as soon as another one is released."""
        self.process: Running | None = None

    def _opened(self) -> Books:
        """An empty state."""
        use_ledger()
        self._ledger = Ledger(self.reader.struck, self._tell, self._check, self._forget)
        self._ledger.eager = self.script.small
        return self._ledger

    def _started(self) -> Running:
        """A process that knows what is published."""
        return Process(self.table, self.reader, self._ledger, self.script.rate, self._taking)

    def run(self) -> None:
        """All of it.

        Raises:
            Wrong: a promise is broken.
        """
        # Limits that small worlds would never meet are smaller in some.
        examining.MOST_VALUES, gaps.MOST, watermark.MOST_RANGES = self._limits
        try:
            if self.script.loaded:
                self._load()
            for number, turn in enumerate(self.script.turns):
                self.acting.pass_until(turn.at)
                self.acting.turn = number
                self._turn(turn)
            self._finish()
        finally:
            examining.MOST_VALUES, gaps.MOST, watermark.MOST_RANGES = _USUAL

    def _load(self) -> None:
        """What is there was published long ago; polling begins."""
        table, shape = self.table, self.script.shape
        supporting = [row for row in table.viewed(table.rows) if row.status == "E" and row.grp is not None]
        rows = [
            (row.student, row.grp, str(row.key) if shape.row_key else "", self.reader.stamp_of(row))
            for row in supporting
            if row.grp is not None
        ]
        self._ledger.fill(rows, shape.mark, table.clock())
        self.judge.loaded(self._ledger.pairs())
        self.acting.calm = True
        process = self.process = Process(table, self.reader, self._ledger, self.script.rate, self._taking)
        cursors = tuple(hint.begin() for hint in process.hints)
        slack = TICK * max(shape.slack, 0)
        settled = settled_since(table.clock(), self.reader.open_transactions(), slack)
        process.feed.save(
            replace(
                process.feed.checkpoint,
                loaded=True,
                hints=cursors,
                database_time=table.clock(),
                last_snapshot_settled=settled,
            )
        )
        self.acting.calm = False

    def _turn(self, turn: Turn) -> None:
        say, hazards = self.acting.say, self.judge.hazards
        match turn.event:
            case "restart":
                hazards.add(Hazard.RESTART)
                say("restart")
                self.process = None
            case "crash" | "failure" as what:
                hazards.add(Hazard.CRASH if what == "crash" else Hazard.FAILURE)
                self.reader.strikes = (turn.call, what)
            case "snapshot":
                self._attempt(lambda process: process.snapshot())
        self._attempt(lambda process: process.turn())

    def _attempt(self, step: Callable[[Running], None]) -> None:
        self.acting.say("poller")
        self.judge.releases.begun()
        try:
            if self.process is None:
                self.process = self._started()
            step(self.process)
        except Crash:
            self.process = None
            self.judge.releases.lost()
        except OperationalError:
            self.judge.releases.lost()

    def _finish(self) -> None:
        """Everything commits, and the poller polls on; then a snapshot, and time for second looks."""
        self.acting.finish()
        self.acting.say("everything is committed")
        self.reader.strikes = None
        # In the autumn hour nothing is told apart from what the same wall clock shows an hour later.
        again = 2 * HOUR if self.script.place.season == "autumn" else 0
        self._settle(max(_FULL, self.script.shape.overlap + 2 * SECOND, self.script.shape.slack + 2 * SECOND) + again)
        shape = self.script.shape
        if self._waiters:
            self._settle(shape.slack + shape.tolerance + _FULL + again)
        if shape.scanned:
            self._settle(SECOND)  # what was published meanwhile is looked at by one more scan
        self._judge_polling()
        if shape.age:
            self._look_at_all()
            self._release()
            return
        if not self.judge.owed and not self.books.suspects and self.script.spared and not self._hides:
            return
        if self._hides:
            self._hide_half()
        self._look_at_all()

    def _look_at_all(self) -> None:
        """A snapshot, and second looks: nothing is wrong afterwards."""
        assert self.process is not None
        self.process.snapshot()
        self._settle(1)
        if self.books.suspects:
            # A moment too early for the second looks, and then at their very moment.
            self._settle(self.script.shape.settle - 1)
            self._settle(self.late)
        self._judge_end()

    def _release(self) -> None:
        """What has vanished is released when its age is over, and not a tick earlier. Then it comes back as a new one."""
        gone = {name: record.last_seen for name, record in self.books.cohort.items() if _vanished(record)}
        if gone and self.table.viewed(self.table.rows):
            self._between = self.script.between
            due = max(gone.values()) + TICK * self.script.shape.age
            for at in (due - TICK, due):
                self.table.now += max(0, (at - self.table.clock()) // TICK)
                assert self.process is not None
                self.process.snapshot()
                self._settle(0)
            for cohort in sorted(gone):
                if cohort in self.books.cohort and _vanished(self.books.cohort[cohort]):
                    raise Wrong(f"{cohort} NEVER released")
        for cohort, members in sorted(self.judge.releases.done.items()):
            self.judge.hazards.add(Hazard.BACK_AFTER)
            for student in sorted({*members, STUDENTS[0]})[:2]:
                self.acting.enter(student, cohort)
        self._settle(_FULL)
        self._judge_polling()
        self._look_at_all()

    def _hide_half(self) -> None:
        """A view goes wrong, a snapshot is taken of it, and second looks as well."""
        self.table.half_hidden = True
        assert self.process is not None
        self.process.snapshot()
        self._settle(1)
        self._settle(self.script.shape.settle + 1)
        self.table.half_hidden = False

    def _settle(self, pause: int) -> None:
        """Let this much time pass, and the poller do what there is to do."""
        self.table.now += pause
        for _ in range(200):
            self._attempt(lambda process: process.turn())
            process = self.process
            assert process is not None
            if process.resting:
                return
            self.table.now += ceil(process.pause * SECOND)
        raise Wrong("the poller does not come to rest")

    def _judge_polling(self) -> None:
        truth, told = self.table.truth(), self.books.pairs()
        unknown = self._unknown()
        for student, cohort in truth - told:
            if student not in self.judge.owed:
                raise Wrong(f"MISSED by polling: {student} in {cohort}")
        for student, cohort in told - truth:
            if student in self.judge.owed or student in unknown:
                continue
            if self.books.cohort[cohort].state is CohortState.VANISHED:
                continue
            suspects = self.books.suspects.get(student)
            if suspects is None or all(suspect.cohort != cohort for suspect in suspects.missing):
                raise Wrong(f"MISSED by polling: {student} no longer in {cohort}")

    def _judge_end(self) -> None:
        truth, told = self.table.truth(), self.books.pairs()
        unknown = self._unknown()
        for student, cohort in sorted(truth - told):
            raise Wrong(f"NEVER found: {student} in {cohort}")
        for cohort in sorted({cohort for _, cohort in truth}):
            if cohort not in self.books.cohort or _vanished(self.books.cohort[cohort]):
                raise Wrong(f"NEVER found: the cohort {cohort}")
        for student, cohort in sorted(told - truth):
            gone = self.books.cohort[cohort].state is CohortState.VANISHED
            if student not in unknown and not gone:
                raise Wrong(f"NEVER found: {student} no longer in {cohort}")

    def _unknown(self) -> set[str]:
        return {row.student for row in self.table.viewed(self.table.rows) if row.grp is None}

    def _taking(self, now: bool) -> None:  # noqa: FBT001 - told by the process
        self.judge.taking = now

    def _tell(self, record: MembershipChanged) -> None:
        self.acting.say(f"  publishes {record.student} {record.cohort} {record.state.value}, {record.cause}")
        self.judge.publishes(record)

    def _forget(self, cohort: str, students: Collection[str]) -> None:
        """A release is about to be committed; and perhaps the next one comes back just now."""
        self.acting.say(f"  releases {cohort} with {', '.join(students)}")
        self.judge.forgotten(cohort, self.books.cohort.get(cohort), students, self.books.pairs())
        left = [name for name, record in sorted(self.books.cohort.items()) if _vanished(record) and name != cohort]
        if left and self._between:
            self._between = False
            self.judge.hazards.add(Hazard.BACK_BETWEEN)
            self.acting.enter(STUDENTS[0], left[0])
            self.table.now += 1

    def _check(self, checkpoint: Checkpoint) -> None:
        self.reader.loading = not checkpoint.loaded
        ranges = (found for cursor in checkpoint.hints for found in cursor.open_ranges)
        self._waiters = any(found.kind == watermark.WAITERS for found in ranges)
        for cursor in checkpoint.hints if self.acting.trace is not None else ():
            told = [(found.kind, found.id or found.high, found.low) for found in cursor.open_ranges]
            self.acting.say(f"  checkpoint {cursor.hint} {(cursor.cursor or '')[:30]} {cursor.safety} {told}")
        self.judge.checkpoint(checkpoint, self._limits[2], self._limits[1])


def _vanished(record: CohortChanged) -> bool:
    return record.state is CohortState.VANISHED


def _heading(history: History) -> list[str]:
    script, place = history.script, history.script.place
    shape, column = script.shape, place.column
    return [
        f"{shape.kind}; {column.grain} of {column.zone}, {column.digits} digits; row key: {shape.row_key}",
        (
            f"slack {shape.slack / 4} s, overlap {shape.overlap / 4} s, tolerance {shape.tolerance / 4} s, "
            f"settle {shape.settle / 4} s; skews {script.skews}, clock set by {script.jump / 4} s, small: {script.small}"
        ),
        f"time 0 is {place.start:%F %T.%f}Z",
    ]
