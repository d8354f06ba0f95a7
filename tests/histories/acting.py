"""Carries out what the script says that happens in the source, step by step."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from tests.histories.hazards import Hazard
from tests.histories.judge import Judge
from tests.histories.plans import COHORTS, STUDENTS, Plan, Script, Statement, Step
from tests.histories.shapes import TICK
from tests.histories.table import Pending, Row, Stamped, Table, Transaction, stamp_of

T = TypeVar("T")
Changes = list[tuple[int, Pending]]


class Source:
    """The sessions of the student system."""

    def __init__(self, script: Script, table: Table, judge: Judge, seed: int, trace: list[str] | None) -> None:
        self.script, self.table, self.judge, self.trace = script, table, judge, trace
        self._random = Random(seed ^ 0x5EED).random
        self._next = 0
        self._transactions: dict[int, Transaction] = {}
        self._stamped: dict[tuple[int, int], Stamped] = {}
        self._waits: dict[int, bool] = {}
        """Transactions whose statement waits for a lock, and whether it should have ended by now."""
        self._woken: set[int] = set()
        """Those that get on with it in a moment."""
        self._out: list[Row] = []
        """Rows that a reload took out."""
        self._highest = 0
        """Of the numbers drawn."""
        self.turn = 0
        """Of the poller, by number."""
        self.calm = False
        """Whether calls take no time: everything has happened."""
        self._fill()

    def _fill(self) -> None:
        table, script = self.table, self.script
        first = script.steps[0].at if script.steps else 0
        table.now = min(0, first)
        for student, grp, status in script.rows:
            table.keys += 1
            stamp = stamp_of(script.place.column, table.clock() - timedelta(hours=1))
            row = Row(table.keys, student, grp, status, stamp, table.numbers(0, 1))
            table.rows[row.key] = row
        self.judge.moved()

    # --- time -------------------------------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.table.now / 4:10.2f}  {what}")

    def pass_until(self, at: int) -> None:
        """Let time pass. Of what happens at that very moment a part only."""
        table, steps = self.table, self.script.steps
        while self._next < len(steps) and steps[self._next].at <= at:
            step = steps[self._next]
            if step.at == at and self._random() < 0.4:
                break
            self._next += 1
            table.now = max(table.now, step.at)
            self._do(step.kind, step.plan, step.statement)
        table.now = max(table.now, at)

    def breathe(self) -> None:
        """A call of the poller takes its time."""
        if self.calm:
            return
        chance = self._random()
        if chance < 0.5:
            self.pass_until(self.table.now)
        elif chance < 0.65:
            self.pass_until(self.table.now + 1 + int(chance * 1000) % 3)

    def looked(self) -> None:
        """The poller has looked at the open transactions: now one changes something first, if it is its turn."""
        slip, table, shape = self.script.slip, self.table, self.table.shape
        if slip is None or slip.turn > self.turn or table.now - shape.slack <= table.jumped_at <= table.now:
            return
        self.script.slip = None
        number = len(self.script.plans)
        began = table.now - shape.slack
        statement = Statement(began, table.now, slip.act, slip.picks, at_row=False)
        self.script.plans.append(Plan((statement,), table.now + slip.lasts, commits=True, instance=0))
        ahead = self.script.app_ahead - shape.slack
        drawn = table.numbers(0, self.script.cache) if shape.numbered else None
        stamped = Stamped(began, table.now, table.clock_tick() + ahead, table.clock() + TICK * ahead, drawn)
        found = self._transactions[number] = Transaction(number, 0)
        self.judge.hazards.add(Hazard.LONG_STATEMENT)
        self._change(found, statement, stamped)
        insort(self.script.steps, Step(table.now + slip.lasts, self._random(), "end", number), lo=self._next)

    def finish(self) -> None:
        """Everything that is still to happen happens."""
        steps = self.script.steps
        while self._next < len(steps):
            self.pass_until(max(self.table.now, steps[self._next].at))
        self.calm = True

    def enter(self, student: str, cohort: str) -> None:
        """Somebody enters a cohort at this moment; it is committed at once."""
        table, script = self.table, self.script
        table.keys += 1
        number = table.numbers(0, script.cache) if table.shape.numbered else None
        tick, moment = table.clock_tick() + script.app_ahead, table.clock() + TICK * script.app_ahead
        stamped = Stamped(table.now, table.now, tick, moment, number)
        row = Row(table.keys, student, cohort, "E", stamp_of(table.place.column, moment), number)
        entered = Transaction(len(script.plans) + row.key, 0)
        entered.pending[row.key] = Pending(row, stamped, None)
        self.say(f"{entered.id} inserts: {row}")
        self._commit(entered)

    def _do(self, kind: str, plan: int, index: int) -> None:
        script = self.script
        if kind == "jump":
            self.table.set_clock(script.jump)
            self.say(f"clock set by {script.jump / 4:+} s")
            return
        if kind == "end":
            self._end(plan)
            return
        found = self._transactions.get(plan)
        if found is None:
            found = self._transactions[plan] = Transaction(plan, script.plans[plan].instance)
        statement = script.plans[plan].statements[index]
        if kind == "stamp":
            self._stamped[plan, index] = self._stamp(found.instance, statement)
        else:
            self._change(found, statement, self._stamped[plan, index], (plan, index))

    # --- statements -------------------------------------------------------------------------------------------------

    def _stamp(self, instance: int, statement: Statement) -> Stamped:
        table, now = self.table, self.table.now
        number = table.numbers(instance, self.script.cache) if table.shape.numbered else None
        if number is not None and number < self._highest:
            self.judge.hazards.add(Hazard.IDLE_CACHE)
        self._highest = max(self._highest, number or 0)
        ahead = self.script.app_ahead
        return Stamped(
            now, statement.changes, table.clock_tick(instance) + ahead, table.clock(instance) + TICK * ahead, number
        )

    def _change(
        self, by: Transaction, statement: Statement, stamped: Stamped, waiter: tuple[int, int] | None = None
    ) -> None:
        """A row is changed. One that another transaction has locked is waited for by a ``waiter``, and let be by others."""
        table = self.table
        if waiter is not None:
            self._woken.discard(waiter[0])
        if statement.at_row:
            again = self.script.app_ahead
            stamped = Stamped(
                table.now,
                table.now,
                table.clock_tick(by.instance) + again,
                table.clock(by.instance) + TICK * again,
                stamped.number,
            )
        stamped.changed = table.now
        changes = self._changes(by, statement, stamped)
        holders = [holder for key, _ in changes if (holder := table.locks.get(key, by)) is not by]
        if holders and waiter is not None and len(self.script.plans[waiter[0]].statements) == 1:
            self.say(f"{by.id} waits for {holders[0].id}")
            holders[0].waiting.append(waiter)
            self._waits[waiter[0]] = False
            return
        free = [(key, change) for key, change in changes if table.locks.get(key, by) is by]
        if not free:
            return
        if stamped.waited:
            long = stamped.changed - stamped.began > table.shape.slack
            self.judge.hazards.add(Hazard.LONG_LOCK if long else Hazard.LOCK)
        if by.began is None:
            by.began = table.now
            by.started = table.clock(by.instance).replace(microsecond=0)
            table.open.append(by)
        for key, change in free:
            if change.hazard is not None:
                self.judge.hazards.add(change.hazard)
            by.pending[key] = change
            table.locks[key] = by
            self.say(
                f"{by.id} changes ({statement.act}, stamped {stamped.moment.time()}): {change.row or f'row {key} deleted'}"
            )

    def _changes(self, by: Transaction, statement: Statement, stamped: Stamped) -> Changes:
        table, act = self.table, statement.act
        one, two, three = statement.picks
        stamp, number = stamp_of(table.place.column, stamped.moment), stamped.number
        if act == "insert" or not table.rows:
            table.keys += 1
            row = Row(table.keys, _pick(STUDENTS, one), _pick(COHORTS, two), "E", stamp, number, self._begins(three))
            return [(row.key, Pending(row, stamped, Hazard.DUE if row.begins else None))]
        if act == "put back":
            back = [row.but(stamp=stamp, number=number) for row in self._out]
            self._out = []
            return [(row.key, Pending(row, stamped, Hazard.RELOAD)) for row in back]
        rows = list(table.rows.values())
        if act in ("take out", "cohort gone"):
            cohort, student = _pick(COHORTS, one), _pick(STUDENTS, two)
            by_student = act == "take out" and three < 0.5
            gone = [row for row in rows if (row.student == student if by_student else row.grp == cohort)]
            gone = [row for row in gone if table.locks.get(row.key) is None]
            if act == "take out":
                self._out = gone
            self.judge.hazards.add(Hazard.RELOAD if act == "take out" else Hazard.COHORT_GONE)
            return [(row.key, Pending(None, None, Hazard.DELETE)) for row in gone]
        row = _pick(rows, one)
        mine = by.pending.get(row.key)
        if mine is not None and mine.row is not None:
            row = mine.row
        fresh = {"stamp": stamp, "number": number}
        other = _pick([cohort for cohort in COHORTS if cohort != row.grp], two)
        if act == "move":
            return [(row.key, Pending(row.but(grp=other, **fresh), stamped, None))]
        if act == "status":
            return [(row.key, Pending(row.but(status="X" if row.status == "E" else "E", **fresh), stamped, None))]
        if act == "same stamp":
            self.judge.hazards.add(Hazard.SAME_STAMP)
            student = _pick([found for found in STUDENTS if found != row.student], three)
            table.keys += 1
            twin = Row(table.keys, row.student, other, "E", stamp, number)
            del student
            return [
                (row.key, Pending(row.but(status="E", **fresh), stamped, None)),
                (twin.key, Pending(twin, stamped, None)),
            ]
        return [self._harm(act, row, other, stamped, three)]

    def _harm(self, act: str, row: Row, other: str, stamped: Stamped, pick: float) -> tuple[int, Pending]:
        stamp, number = stamp_of(self.table.place.column, stamped.moment), stamped.number
        match act:
            case "null":
                return row.key, Pending(row.but(grp=other, stamp=None, number=None), None, Hazard.NULL_CURSOR)
            case "backwards":
                earlier = min(stamp, row.stamp or stamp) - timedelta(hours=2 + int(pick * 40))
                lower = None if number is None else -int(pick * 50) - 20_000
                return row.key, Pending(row.but(grp=other, stamp=earlier, number=lower), None, Hazard.BACKWARDS)
            case "untouched":
                return row.key, Pending(row.but(grp=other), None, Hazard.UNTOUCHED)
            case "delete":
                return row.key, Pending(None, None, Hazard.DELETE)
            case "leave":
                now = row.but(viewed=not row.viewed, stamp=stamp, number=number)
                return row.key, Pending(now, stamped, Hazard.LEFT_VIEW)
            case "rekey":
                student = _pick([found for found in STUDENTS if found != row.student], pick)
                now = row.but(student=student, stamp=stamp, number=number)
                return row.key, Pending(now, stamped, Hazard.KEY_CHANGE)
            case _:
                now = row.but(grp=None if row.grp else other, stamp=stamp, number=number)
                return row.key, Pending(now, stamped, Hazard.UNMAPPABLE)

    def _begins(self, pick: float) -> datetime | None:
        """For rows that begin by a date: in the next seconds, often just now or at the moment of a turn."""
        if self.table.shape.kind != "proved, due" or self.table.place.season:
            return None
        turns = self.script.turns
        at = turns[int(pick * len(turns))].at
        return stamp_of(self.table.place.column, self.table.place.start + TICK * at)

    def _end(self, plan: int) -> None:
        table, found = self.table, self._transactions.get(plan)
        if plan in self._waits:
            self._waits[plan] = True
        if plan in self._woken:
            insort(self.script.steps, Step(table.now + 1, self._random(), "end", plan), lo=self._next)
        if found is None or found.began is None:
            return
        table.open.remove(found)
        for key in found.pending:
            table.locks.pop(key, None)
        if self.script.plans[plan].commits:
            self._commit(found)
        else:
            self.say(f"{found.id} rolls back")
        self._wake(found)

    def _commit(self, found: Transaction) -> None:
        before = self.table.rows
        rows = dict(before)
        for key, change in found.pending.items():
            if change.row is None:
                rows.pop(key, None)
            else:
                rows[key] = change.row
        self.table.rows = rows
        self.say(f"{found.id} commits")
        self.judge.committed(before, found.pending)

    def _wake(self, ended: Transaction) -> None:
        """Who waited for the locks gets on with it, one after the other, if nobody else is quicker."""
        assert ended.began is not None
        for plan, index in ended.waiting:
            self._stamped[plan, index].waited.append((ended.id, ended.began, self.table.now))
            shape, chance = self.script.shape, self._random() * 2
            # At once, or as late as the slack allows.
            at, order = (
                self.table.now + int(chance * 3 if chance < 1 else (chance - 1) * (shape.slack + 1)),
                self._random(),
            )
            insort(self.script.steps, Step(at, order, "change", plan, index), lo=self._next)
            self._woken.add(plan)
            if self._waits.pop(plan):
                ends = at + (0, 1, 4, shape.slack + shape.tolerance + 8)[int(self._random() * 4)]
                insort(self.script.steps, Step(ends, order + 1, "end", plan), lo=self._next)


def _pick(found: Sequence[T], chance: float) -> T:
    return found[int(chance * len(found))]
