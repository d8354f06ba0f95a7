"""Removing members: only what is due, only who is there, only what the guard lets pass, the intent written first.

A removal takes two steps. The first reads the cohort (and cohorts of siblings that another consumer owns), so that only
real members are removed, and the keys that those who leave carry by now, so that nobody is removed whom a wanted student's
key means; the second removes. The cohort is locked from the first to the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial

from consumers.cohorts import transitions
from consumers.cohorts.approvals import Approval, Approvals
from consumers.cohorts.calls import Reader, Sent, Shown, Writer, cohort_of, send
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.due import DueRemovals, Key
from consumers.cohorts.findings import apply_findings
from consumers.cohorts.guard import guard
from consumers.cohorts.kept import look_at_kept
from consumers.cohorts.meaning import KeySource, Place, find_meant, read_for_removal
from consumers.cohorts.pause import concerns_site
from consumers.cohorts.plan import Finding, Plan, Removal, build_plan, siblings_elsewhere
from consumers.cohorts.reasons import Reason
from consumers.cohorts.spending import Spending
from consumers.moodle.batches import REMOVE_FIELDS, CallCost, CallLimits, Row, next_call
from schemas.records import EntryStatus, LedgerEntry, Presence

Answer = Sent[Row, None]


class Removals:
    """Prepares calls that remove, and takes their answers."""

    def __init__(
        self,
        desk: Desk,
        reader: Reader,
        accounts: KeySource,
        writer: Writer,
        spending: Spending,
        limits: CallLimits,
    ) -> None:
        self._desk, self._reader, self._accounts, self._writer = desk, reader, accounts, writer
        self._limits = limits
        self._cost = CallCost()
        self._spending = spending
        self._due = DueRemovals(desk)
        self._approved = Approvals(desk)

    @property
    def blocked_until(self) -> dict[int, datetime]:
        """Partitions in which nobody is removed yet, since a call of their former consumer may still arrive."""
        return self._due.blocked_until

    @staticmethod
    def limits(seconds: float, fields: int, rows: int) -> CallLimits:
        return CallLimits(seconds=seconds, fields=fields, fields_per_row=REMOVE_FIELDS, rows=rows)

    def forget(self, partitions: AbstractSet[int]) -> None:
        """Partitions are about to be ours no longer."""
        self._due.forget(partitions)
        self._approved.forget(partitions)

    def offer(self, now: datetime) -> bool:
        """Prepare one call: of removals that the guard let pass, or a read of cohorts with removals due."""
        if self._approved and self._remove(now):
            return True
        candidates = self._due.choose(now)
        if not candidates:
            return False
        plan = self._plan(candidates, {}, frozenset(), now)
        self._settle(plan, now)
        keys = [(entry.cohort, entry.student) for entry in candidates if entry.cohort in plan.unread]
        decided = plan.waiting.union(keys, ((finding.cohort, finding.student) for finding in plan.findings))
        for entry in candidates:  # the cohort cannot be used, or an account is asked for
            if (entry.cohort, entry.student) not in decided:
                self._due.put_off((entry.cohort, entry.student), now)
        return self._read(keys) if keys else False

    def _plan(
        self,
        entries: Sequence[LedgerEntry],
        members: Mapping[str, AbstractSet[int]],
        meant: AbstractSet[Place],
        now: datetime,
    ) -> Plan:
        desk, wait = self._desk, self._desk.settings.sibling_wait
        entries = [self._due.since_asked(entry, now) for entry in entries]
        return build_plan(entries, desk.ledger, desk.roll, members, now=now, sibling_wait=wait, meant=meant)

    def _meant(self, keys: Mapping[Place, AbstractSet[str]]) -> frozenset[Place]:
        """Of these accounts those that a student means who is wanted at this moment."""
        return find_meant(keys, self._desk.ledger.wanted, self._accounts.normalise)

    def _account(self, entry: LedgerEntry) -> int | None:
        """Whom the entry's removal would remove."""
        account = self._desk.roll.account_of(entry.student) if entry.user_id is None else entry.user_id
        return account if isinstance(account, int) else None

    def _settle(self, plan: Plan, now: datetime) -> None:
        """Write down what the plan found, and look again later at what has to wait."""
        apply_findings(self._desk, plan.findings, now)
        self._desk.unasked |= plan.unasked
        self._due.decided((finding.cohort, finding.student) for finding in plan.findings)
        settled = [(one.cohort, one.student) for one in plan.findings if one.status is EntryStatus.SETTLED]
        look_at_kept(self._desk, self._desk.entries(settled), now)
        for key in plan.waiting:
            self._due.put_off(key, now, for_siblings=True)

    def _read(self, keys: Sequence[Key]) -> bool:
        """Read the cohorts of these removals, and the siblings that are not ours."""
        desk = self._desk
        known: dict[str, int] = {}
        readable: list[LedgerEntry] = []
        leaving: set[Place] = set()
        for entry in desk.entries(keys):
            cohort = desk.ledger.cohort(entry.cohort)
            if cohort is not None and cohort.moodle_id is not None:
                known[entry.cohort] = cohort.moodle_id
                readable.append(entry)
                if (account := self._account(entry)) is not None:
                    leaving.add((entry.cohort, account))
        named = sorted(siblings_elsewhere(readable, desk.ledger))
        desk.prepare(
            Prepared(
                "removals: read",
                partial(read_for_removal, self._reader, self._accounts, known, named, leaving),
                partial(self._read_done, keys),
                cancel=lambda: None,
                cohorts=frozenset(known),
                needs_commit=False,
            )
        )
        return True

    def _read_done(self, due: Sequence[Key], shown: Shown | BaseException) -> None:
        if isinstance(shown, BaseException):
            raise shown
        desk, now = self._desk, self._desk.clock.now()
        desk.heard(shown.failure)
        self._desk.gone |= shown.gone
        entries = [entry for entry in desk.entries(due) if entry.due_at is not None and entry.due_at <= now]
        carried: dict[Place, AbstractSet[str]] = {}
        ready: list[LedgerEntry] = []
        for entry in entries:
            account, members = self._account(entry), shown.members.get(entry.cohort)
            if members is not None and (account is None or account not in members or account in shown.keys):
                ready.append(entry)
                if account is not None and account in shown.keys:
                    carried[entry.cohort, account] = shown.keys[account]
            elif shown.failure is None or not concerns_site(shown.failure):
                # Nobody may look into it, or the student has got another account since; the site's faults make a pause.
                self._due.put_off((entry.cohort, entry.student), now)
        plan = self._plan(ready, shown.members, self._meant(carried), now)
        self._settle(plan, now)
        # What was approved and has no intent yet keeps its place; what is withdrawn before gives it back.
        verdict = guard(plan, self._spending.left(plan.removals, self._approved.allowances(), now))
        held = (Finding(removal.cohort, removal.student, EntryStatus.HELD, verdict.reason) for removal in verdict.held)
        apply_findings(desk, held, now)
        for removal in verdict.approved.removals:
            keys, allowance = carried[removal.cohort, removal.user_id], verdict.allowances.get(removal)
            self._approved.grant(removal, Approval(desk.clock.monotonic(), shown.members, keys, allowance))

    def _remove(self, now: datetime) -> bool:
        """Write the intents and prepare the call, with those that are right to this moment."""
        desk = self._desk
        self._approved.withdraw_stale()
        calling = desk.crew.cohorts_under_way().union(*(call.cohorts for call in desk.prepared))
        free = [removal for removal in self._approved if removal.cohort not in calling]
        rows = sorted({Row(removal.cohort_id, removal.user_id) for removal in free})
        chosen = set(rows[: next_call(rows, self._cost, self._limits)])
        going = self._still_right(
            [removal for removal in free if Row(removal.cohort_id, removal.user_id) in chosen], now
        )
        if not going:
            return False
        chosen = {Row(removal.cohort_id, removal.user_id) for removal in going}
        for removal in going:
            allowance = self._approved[removal].allowance
            for entry in desk.entries([(removal.cohort, removal.student)]):
                desk.ledger.put(transitions.quarantine(entry, Reason.REMOVAL_UNKNOWN, removal.user_id, now))
                desk.note(
                    entry,
                    "intent",
                    now,
                    action="remove",
                    cohort_id=removal.cohort_id,
                    user_id=removal.user_id,
                    reason=Reason.RELEASED if removal.released else None,
                    details={"allowance": allowance} if allowance else {},
                )
        self._due.decided((removal.cohort, removal.student) for removal in going)
        contexts = desk.witness.contexts((removal.cohort, removal.student) for removal in going)

        def remove(rows: Sequence[Row]) -> dict[Row, None]:
            self._writer.remove_members(rows)
            return dict.fromkeys(rows)

        def job() -> Answer:
            with desk.witness.call("moodle remove members", contexts, len(chosen)) as span:
                sent = send(sorted(chosen), remove, desk.lease.holds, desk.clock, cohort_of)
                sent.span = span.context
                if sent.failure is not None:
                    span.fail(sent.failure.fault.code)
                return sent

        cohorts = frozenset(removal.cohort for removal in going)
        desk.prepare(
            Prepared(
                "removals",
                job,
                partial(self._done, going),
                cancel=partial(self._not_applied, going),
                cohorts=cohorts,
                needs_commit=True,
            )
        )
        for removal in going:
            self._approved.withdraw(removal)  # the prepared call has locks of its own
        return True

    def _still_right(self, removals: Sequence[Removal], now: datetime) -> list[Removal]:
        """Those that a plan of this moment has as well; the source may have spoken since they were approved, of another
        key of the user or of a sibling too. The others are withdrawn.
        """
        right = []
        meant = self._meant({(one.cohort, one.user_id): self._approved[one].keys for one in removals})
        for removal in removals:
            entries = list(self._desk.entries([(removal.cohort, removal.student)]))
            if removal in self._plan(entries, self._approved[removal].members, meant, now).removals:
                right.append(removal)
            else:
                self._approved.withdraw(removal)
        return right

    def _done(self, removals: Sequence[Removal], sent: Answer | BaseException) -> None:
        if isinstance(sent, BaseException):
            raise sent
        desk, now = self._desk, self._desk.clock.now()
        desk.heard(sent.failure, sent.calls)
        if sent.calls == 1 and sent.failure is None:
            changed: dict[int, int] = {}
            for row in sent.done:
                changed[row.cohort_id] = changed.get(row.cohort_id, 0) + 1
            self._cost = self._cost.learn(changed, 0, sent.seconds)
        unknown = set(sent.unknown)
        gone: list[LedgerEntry] = []
        for removal in removals:
            row = Row(removal.cohort_id, removal.user_id)
            if row in sent.done:
                gone += self._gone(removal, "ok", now)
            elif row in sent.refused and row not in sent.forbidden:
                self._refused(removal, sent.refused[row].code, now)
            elif row in unknown:
                code = sent.failure.fault.code if sent.failure else ""
                for entry in desk.entries([(removal.cohort, removal.student)]):
                    desk.ledger.put(transitions.quarantine(entry, Reason.REMOVAL_UNKNOWN, removal.user_id, now))
                    desk.note(entry, "unknown_outcome", now, action="remove", user_id=removal.user_id, answer=code)
            else:
                if row in sent.forbidden:
                    desk.forbid(removal.cohort, now)
                self._not_applied([removal])
        if gone and sent.span is not None:
            desk.witness.applied(gone, "removed", sent.span, sent.began, sent.ended)
        look_at_kept(desk, gone, now)

    def _gone(self, removal: Removal, answer: str, now: datetime) -> list[LedgerEntry]:
        """Moodle does not show the user in the cohort any more."""
        told = []
        for entry in self._desk.entries([(removal.cohort, removal.student)]):
            left = transitions.shown(
                entry,
                Presence.ABSENT,
                removal.user_id,
                now,
                self._desk.settings.removal_settle,
                revision=removal.revision,
            )
            self._desk.ledger.put(left)
            self._desk.note(
                left,
                "outcome",
                now,
                action="remove",
                cohort_id=removal.cohort_id,
                revision=removal.revision,
                answer=answer,
                trace_id=self._desk.witness.trace_id((removal.cohort, removal.student)),
            )
            told.append(left)
        return told

    def _refused(self, removal: Removal, code: str, now: datetime) -> None:
        """Moodle refuses this one alone: a deleted account is in no cohort; anything else is for a person."""
        if code == "invaliduser":
            self._desk.vanished.add(removal.user_id)
            self._gone(removal, code, now)
            return
        if code == "invalidrecord":
            self._desk.gone.add(removal.cohort)
        for entry in self._desk.entries([(removal.cohort, removal.student)]):
            held = transitions.hold(entry, Reason.ROW_REFUSED, now)
            self._desk.ledger.put(held)
            self._desk.note(held, "held", now, action="remove", reason=Reason.ROW_REFUSED, answer=code)
            self._desk.witness.set_aside(held, "held", Reason.ROW_REFUSED, now)

    def _not_applied(self, removals: Iterable[Removal]) -> None:
        """The call was not sent, or Moodle has rolled it back: they are due again."""
        now, settle = self._desk.clock.now(), self._desk.settings.removal_settle
        for removal in removals:
            for entry in self._desk.entries([(removal.cohort, removal.student)]):
                released = removal.released and entry.desired_revision == removal.revision
                self._desk.ledger.put(transitions.not_applied(entry, now, settle, released=released))
                self._desk.note(entry, "outcome", now, action="remove", answer="not_applied")
