"""The second look at what was missing: reads it again with other members of its cohorts, and publishes the decision."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.runtime.messages import OracleMessage
from connector.runtime.telemetry import Count
from connector.source.absences import left_view
from connector.source.causes import ABSENCES, Cause
from connector.source.difference import Change, Observation, withdrawal
from connector.source.examining import MOST_VALUES, subjects_of
from connector.source.feed import Feed
from connector.source.mapping import Desired
from connector.source.publisher import Batch
from connector.source.suspects import (
    Case,
    Decision,
    decide,
    is_due,
    judge,
    limit_of,
    list_hash,
    without,
)
from schemas.records import CohortState, MembershipChanged, Suspect, Suspects

_AT_ONCE = 100
"""Cases in one look: the rest of a statement's students are the witnesses."""
_ALERT = "suspects"
_TELL_EVERY_S = 2.0


@dataclass
class _Findings:
    """What the statements of one look have shown."""

    absent: set[Case] = field(default_factory=set)
    vanished: set[str] = field(default_factory=set)
    undecided: set[Case] = field(default_factory=set)


class SecondLook:
    """Decides the suspects of one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._alarmed = True  # perhaps, from before
        self._tell_at = 0.0

    def due(self) -> bool:
        """Whether there is something to look at, as far as can be told without asking the database."""
        now = self._feed.guessed_now()
        if now is None or not self._feed.checkpoint.loaded:
            return False
        return bool(self._feed.state.suspicions.due(self._feed.name, now - self._feed.settings.absence_settle, 1))

    def step(self) -> None:
        """Look at the cases that have waited longest."""
        now = self._feed.now()
        before = now - self._feed.settings.absence_settle
        self.look_at(self._feed.state.suspicions.due(self._feed.name, before, _AT_ONCE), now)

    def look_at(self, cases: Iterable[Case], now: datetime, *, released: Collection[Case] = ()) -> Decision:
        """Read these again and decide. ``now`` is the database's clock; ``released`` pass whatever the limit says."""
        feed = self._feed
        found = self._read(set(cases), now)
        # The reads have published what they saw; what is still suspected is judged by the limit.
        suspects = self._entries(found.absent)
        absent = frozenset(case for case in found.absent if self._ripe(suspects.get(case), now, released))
        standing = feed.state.suspicions.standing(feed.name, now, absent, feed.state.supported(feed.name))
        decision = decide(absent, standing, released)
        self._publish(decision, found, suspects, set(released), now)
        with feed.state.writing():
            feed.state.suspicions.looked(feed.name, (found.absent - decision.confirmed) | found.undecided, now)
        feed.metrics.count(Count.SUSPECTS_DECIDED, len(decision.confirmed), source=feed.name, outcome="confirmed")
        self.tell()
        return decision

    def keep_alert(self) -> None:
        """While an alert stands, tell it anew when the list has changed without a second look."""
        if self._alarmed and self._feed.clock.monotonic() >= self._tell_at:
            self.tell()

    def tell(self) -> None:
        """Raise or clear the alert about withheld suspects."""
        feed = self._feed
        waiting = feed.state.suspicions.waiting(feed.name)
        now = feed.guessed_now() or feed.clock.now()
        standing = feed.state.suspicions.standing(feed.name, now, (), feed.state.supported(feed.name))
        limit = limit_of(standing.memberships)
        self._tell_at = feed.clock.monotonic() + _TELL_EVERY_S
        raised = self._alarmed = bool(waiting) and standing.waiting + standing.confirmed > limit
        parameters = {
            "source": feed.name,
            "waiting": str(standing.waiting),
            "limit": str(limit),
            "hash": list_hash(waiting),
        }
        code = OracleMessage.SUSPECTS_WITHHELD.code
        if alerts := feed.alert(_ALERT, code, parameters if raised else {}, raised=raised):
            feed.publish(Batch(alerts=alerts))

    def _read(self, cases: set[Case], now: datetime) -> _Findings:
        """Read the students of the cases, statement after statement with more members of their cohorts, until each case
        has found a witness or its cohort has no members left to ask.
        """
        feed, found = self._feed, _Findings()
        named = self._named()
        after: dict[str, str] = {}
        exhausted: set[str] = set()
        while cases:
            students = {case.student for case in cases}
            cohorts = sorted({case.cohort for case in cases})
            share = max(1, (MOST_VALUES - len(students)) // len(cohorts))
            for cohort in cohorts:
                page = feed.state.members(feed.name, cohort, after.get(cohort, ""), share)
                students.update(page)
                after[cohort] = page[-1] if page else after.get(cohort, "")
                if len(page) < share:
                    exhausted.add(cohort)
            portions = list(feed.examiner.portions(subjects_of(sorted(students))))
            # One statement, but for students that go by many values of their column. Then the witness is a little later
            # than the second miss, and still later than the first.
            read: dict[str, Desired] = {}
            for portion in portions:
                read.update(feed.examine(portion, now, Cause.ENROLLED).desired)
            verdict = judge(cases, read, named)
            found.absent |= verdict.absent
            found.undecided |= verdict.undecided
            gone = {case.cohort for case in verdict.rowless if case.cohort in exhausted}
            found.vanished |= gone
            cases = {case for case in verdict.rowless if case.cohort not in gone}
        return found

    def _named(self) -> set[str]:
        rows = self._feed.source.cohorts()
        idnumbers = (self._feed.mapping.idnumber_of(row) for row in rows or ())
        return {idnumber for idnumber in idnumbers if idnumber is not None}

    def _entries(self, cases: Iterable[Case]) -> dict[Case, tuple[Suspects, Suspect]]:
        """What is remembered of these cases now."""
        students = sorted({case.student for case in cases})
        found = {}
        for entry in self._feed.state.suspicions.of(students) if students else ():
            if entry.source == self._feed.name:
                found.update({Case(entry.student, s.cohort): (entry, s) for s in entry.missing})
        return found

    def _ripe(self, entry: tuple[Suspects, Suspect] | None, now: datetime, released: Collection[Case]) -> bool:
        if entry is None:
            return False
        case = Case(entry[0].student, entry[1].cohort)
        return case in released or is_due(entry[1], now, self._feed.settings.absence_settle)

    def _publish(
        self,
        decision: Decision,
        found: _Findings,
        suspects: dict[Case, tuple[Suspects, Suspect]],
        released: set[Case],
        now: datetime,
    ) -> None:
        feed = self._feed
        seen = Observation(feed.name, now, feed.fingerprint)
        known = feed.state.known(sorted({case.student for case in decision.confirmed}))
        # What the first look knew of the cause stays; only where it knew nothing may this one find out more.
        causes = {case: _absence(suspects[case][1].cause) for case in decision.confirmed}
        plain = [case for case, cause in causes.items() if cause is Cause.DELETED and case not in released]
        rows = {case: known.memberships[case.student][case.cohort].rows_of(feed.name) for case in plain}
        causes |= dict.fromkeys(left_view(feed, rows), Cause.LEFT_VIEW) | dict.fromkeys(released, Cause.RELEASED)
        changes: list[Change] = []
        removals: list[MembershipChanged] = []
        for case in sorted(decision.confirmed):
            held = known.memberships[case.student][case.cohort]
            siblings = suspects[case][1].siblings
            removals.append(withdrawal(held, case.student, case.cohort, causes[case], seen, siblings))
        entries = {entry.student: entry for entry, _ in suspects.values()}
        for case in decision.confirmed:
            entries[case.student] = without(entries[case.student], {case.cohort})
        for case in decision.withheld:
            entries[case.student] = _waiting(entries[case.student], case.cohort, now)
        for cohort in sorted(found.vanished):
            cases = feed.state.suspicions.suspected(feed.name, cohort)
            # Who left by a row's word between the first look and this one was in it until then.
            missed = [now - feed.settings.absence_settle]
            for entry in feed.state.suspicions.of([case.student for case in cases]):
                if entry.source == feed.name:
                    missed += [suspect.first_missed_at for suspect in entry.missing if suspect.cohort == cohort]
                    entries[entry.student] = without(entries.get(entry.student, entry), {cohort})
            changes += self._vanish(cohort, max(missed))
            feed.metrics.count(Count.SUSPECTS_DECIDED, len(cases), source=feed.name, outcome="vanished")
        feed.publish(Batch([*changes, *removals], [entries[student] for student in sorted(entries)]))

    def _vanish(self, cohort: str, missed: datetime) -> list[Change]:
        """The record of a vanished cohort, unless another source still has it, or it is said already. It was last seen
        when the last of its members was ``missed`` first: others may have waited for much longer.
        """
        feed = self._feed
        record = feed.state.cohort_records([cohort]).get(cohort)
        if record is None or record.state is not CohortState.PRESENT:
            return []
        if not feed.state.supported_only_by(feed.name, cohort):
            return []
        return [
            replace(
                record,
                state=CohortState.VANISHED,
                cause=Cause.VANISHED,
                last_seen=max(record.last_seen, missed),
                revision=0,
                source=feed.name,
                fingerprint=feed.fingerprint,
            )
        ]


def _absence(cause: str) -> Cause:
    """The cause of a suspect; the plain one in place of one that only a later release knows."""
    return Cause(cause) if cause in ABSENCES else Cause.DELETED


def _waiting(entry: Suspects, cohort: str, now: datetime) -> Suspects:
    """With this suspect marked as missing twice."""
    marked = (replace(s, confirmed_at=s.confirmed_at or now) if s.cohort == cohort else s for s in entry.missing)
    return replace(entry, missing=tuple(marked))
