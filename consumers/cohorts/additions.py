"""Adding members: rows of several cohorts a call, the longest waiting cohorts first, sized by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from consumers.cohorts import transitions
from consumers.cohorts.calls import Sent, Writer, cohort_of, send
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.findings import apply_findings
from consumers.cohorts.plan import Addition, Plan, build_plan
from consumers.cohorts.reasons import Reason
from consumers.moodle.batches import ADD_FIELDS, CallCost, CallLimits, Row, next_call
from consumers.moodle.errors import TooLarge
from consumers.moodle.writing import Added
from schemas.records import EntryStatus, LedgerEntry, Presence

Answer = Sent[Row, Added]
_SMALLEST_SHARE = 50
"""Rows below which work is not split between free slots: a call costs as much as seven rows."""
_ASKED_AHEAD = 5000
"""Students to be asked for beyond whom the backlog is not searched for more work."""
_THERE = frozenset({Added.ADDED, Added.ALREADY})


class Additions:
    """Prepares calls that add, and takes their answers."""

    def __init__(self, desk: Desk, writer: Writer, limits: CallLimits) -> None:
        self._desk, self._writer = desk, writer
        self._limits = limits
        self._cost = CallCost()

    @staticmethod
    def limits(seconds: float, fields: int, rows: int) -> CallLimits:
        return CallLimits(seconds=seconds, fields=fields, fields_per_row=ADD_FIELDS, rows=rows)

    def offer(self, now: datetime) -> bool:
        """Prepare one call if there is something to add; whether it did."""
        plan = self._plan(now)
        self._desk.unasked |= plan.unasked
        apply_findings(self._desk, plan.findings, now)
        additions = self._first_call(plan)
        if not additions:
            return False
        keys = [(add.cohort, student) for add in additions for student, _ in add.students]
        contexts = self._desk.witness.contexts(keys)
        by_row = {Row(add.cohort_id, add.user_id): add for add in additions}

        def job() -> Answer:
            with self._desk.witness.call("moodle add members", contexts, len(by_row)) as span:
                desk = self._desk
                sent = send(sorted(by_row), self._writer.add_members, desk.lease.holds, desk.clock, cohort_of)
                sent.span = span.context
                if sent.failure is not None:
                    span.fail(sent.failure.fault.code)
                return sent

        self._desk.prepare(
            Prepared(
                "additions",
                job,
                partial(self._done, by_row),
                cancel=lambda: None,
                cohorts=frozenset(add.cohort for add in additions),
                needs_commit=False,
            )
        )
        return True

    def _plan(self, now: datetime) -> Plan:
        """The plan for the cohorts that have waited longest, for as many rows as one call may carry."""
        desk = self._desk
        most = self._limits.most_rows()
        if desk.free > 1:
            most = max(min(most, -(-len(desk.backlog) // desk.free)), _SMALLEST_SHARE)
        chosen: list[LedgerEntry] = []
        for cohort in desk.backlog.cohorts():
            if len(chosen) >= most or len(desk.unasked) >= _ASKED_AHEAD:
                break
            if desk.busy(cohort) or not self._ready(cohort):
                continue
            # Students whose account is being asked for do not hold up the others.
            students = [student for student in desk.backlog.students(cohort) if self._known(student)]
            chosen += desk.entries((cohort, student) for student in students[: most - len(chosen)])
        return build_plan(chosen, desk.ledger, desk.roll, {}, now=now, sibling_wait=desk.settings.sibling_wait)

    def _known(self, student: str) -> bool:
        if self._desk.roll.account_of(student) is not None:
            return True
        self._desk.unasked.add(student)
        return False

    def _ready(self, cohort: str) -> bool:
        """Whether its additions can be decided: it is in Moodle, or it is known not to be going there."""
        known = self._desk.ledger.cohort(cohort)
        standing = (EntryStatus.PARKED, EntryStatus.SETTLED)
        return known is None or known.moodle_id is not None or known.status in standing

    def _first_call(self, plan: Plan) -> Sequence[Addition]:
        rows = [Row(add.cohort_id, add.user_id) for add in plan.additions]
        return plan.additions[: next_call(rows, self._cost, self._limits)]

    def _done(self, by_row: Mapping[Row, Addition], sent: Answer | BaseException) -> None:
        if isinstance(sent, BaseException):
            raise sent
        desk, now = self._desk, self._desk.clock.now()
        desk.heard(sent.failure, sent.calls)
        self._learn(sent)
        shown: list[LedgerEntry] = []
        for row, outcome in sent.done.items():
            add = by_row[row]
            if outcome in _THERE:
                shown += self._there(add, outcome, now)
            elif outcome is Added.NO_COHORT:
                self._desk.gone.add(add.cohort)
            elif outcome is Added.NO_USER:
                self._desk.vanished.add(add.user_id)
                desk.roll.forget(student for student, _ in add.students)
                self._park(add, Reason.NO_ACCOUNT, outcome.value, now)
            else:
                self._unknown(add, outcome.value, now)
        for row, fault in sent.refused.items():
            forbidden = row in sent.forbidden
            if forbidden:
                desk.forbid(by_row[row].cohort, now)
            self._park(by_row[row], Reason.COHORT_FORBIDDEN if forbidden else Reason.ROW_REFUSED, fault.code, now)
        for row in sent.unknown:
            self._unknown(by_row[row], sent.failure.fault.code if sent.failure else "", now)
        if shown and sent.span is not None:
            desk.witness.applied(shown, "added", sent.span, sent.began, sent.ended)

    def _there(self, add: Addition, outcome: Added, now: datetime) -> list[LedgerEntry]:
        """Moodle shows the user in the cohort."""
        desk, settle = self._desk, self._desk.settings.removal_settle
        entries = []
        for student, revision in add.students:
            for entry in desk.entries([(add.cohort, student)]):
                told = transitions.shown(
                    entry,
                    Presence.PRESENT,
                    add.user_id,
                    now,
                    settle,
                    revision=revision,
                    # An earlier call of this kind may still arrive, so nothing may be reversed before it has settled.
                    quarantine_over=False,
                )
                desk.ledger.put(told)
                desk.note(
                    told,
                    "outcome",
                    now,
                    action="add",
                    cohort_id=add.cohort_id,
                    user_id=add.user_id,
                    revision=revision,
                    answer="ok" if outcome is Added.ADDED else "already",
                    trace_id=desk.witness.trace_id((add.cohort, student)),
                )
                entries.append(told)
        return entries

    def _park(self, add: Addition, reason: Reason, answer: str, now: datetime) -> None:
        for student, _ in add.students:
            for entry in self._desk.entries([(add.cohort, student)]):
                if entry.desired is not Presence.PRESENT:
                    continue
                parked = transitions.park(entry, reason, now)
                self._desk.ledger.put(parked)
                self._desk.note(parked, "parked", now, action="add", reason=reason, answer=answer)
                self._desk.witness.set_aside(parked, "parked", reason, now)

    def _unknown(self, add: Addition, answer: str, now: datetime) -> None:
        """The call may have been applied, or may yet be: the same may be sent again, the opposite not."""
        for student, _ in add.students:
            for entry in self._desk.entries([(add.cohort, student)]):
                waits = transitions.quarantine(entry, Reason.ADD_UNKNOWN, add.user_id, now)
                self._desk.ledger.put(waits)
                self._desk.note(waits, "unknown_outcome", now, action="add", user_id=add.user_id, answer=answer)

    def _learn(self, sent: Answer) -> None:
        """Size the next calls by what this one took; halved or broken ones say nothing about time."""
        if isinstance(sent.failure, TooLarge) or sent.calls != 1 or sent.failure is not None:
            return
        changed: dict[int, int] = {}
        for row, outcome in sent.done.items():
            changed[row.cohort_id] = changed.get(row.cohort_id, 0) + (outcome is Added.ADDED)
        idle = len(sent.done) - sum(changed.values())
        self._cost = self._cost.learn(changed, idle, sent.seconds)
