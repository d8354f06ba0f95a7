"""Finding cohorts in Moodle, and making those that are missing.

Moodle does not keep idnumbers unique, so a cohort is looked for first, made by one call at a time, and a creation whose
outcome is not known is never repeated but looked for until it can no longer arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from consumers.cohorts import transitions
from consumers.cohorts.calls import Matches, Reader, Sent, Writer, look_up, send
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.pause import concerns_site
from consumers.cohorts.reasons import RETRIED, Reason
from consumers.moodle.errors import Forbidden, MoodleError
from consumers.moodle.values import SYSTEM, CategoryNamed, Cohort
from consumers.moodle.writing import NewCohort
from schemas.records import CohortEntry, CohortState, EntryStatus, JournalEntry, Presence

_LOOK_AGAIN = timedelta(seconds=15)
"""How often a cohort is looked for whose creation was not answered."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of creations: answers, and a second look for those that were refused."""

    sent: Sent[NewCohort, Cohort]
    second_look: Matches


class Creations:
    """Works off the cohorts that have no id yet, one call at a time."""

    def __init__(self, desk: Desk, reader: Reader, writer: Writer) -> None:
        self._desk, self._reader, self._writer = desk, reader, writer
        self._next_try: dict[str, datetime] = {}
        self._missing: dict[str, None] = {}
        self._probes: dict[str, str] = {}
        """By category that was missing: the one cohort with which it is tried again. The others follow when it is made."""
        self._freed: set[str] = set()
        """Cohorts that were parked for a category that is there now."""
        self.returned: set[str] = set()
        """Cohorts that were gone from Moodle and are there again, or that others have filled: what is in them has to be
        looked at."""

    def note(self, entry: CohortEntry) -> None:
        """An entry was written: it has to be worked off, or no longer."""
        self._missing.pop(entry.cohort, None)
        if entry.status in (EntryStatus.PARKED, EntryStatus.SETTLED):
            self._end_probe(entry)
        match entry.status:
            case EntryStatus.PENDING:
                self._next_try[entry.cohort] = entry.since
            case EntryStatus.QUARANTINED:
                self._next_try[entry.cohort] = self._desk.clock.now() + _LOOK_AGAIN
            case EntryStatus.PARKED if entry.reason in RETRIED:
                self._next_try[entry.cohort] = self._desk.clock.now() + self._desk.settings.cohort_retry
            case _:
                self._next_try.pop(entry.cohort, None)

    def forget(self, lost: Callable[[str], bool]) -> None:
        """Drop the cohorts that are no longer ours."""
        self._next_try = {cohort: moment for cohort, moment in self._next_try.items() if not lost(cohort)}
        self._missing = {cohort: None for cohort in self._missing if not lost(cohort)}
        self._freed = {cohort for cohort in self._freed if not lost(cohort)}
        self._probes = {category: cohort for category, cohort in self._probes.items() if not lost(cohort)}

    @property
    def waiting(self) -> int:
        """Cohorts that can be worked off now or soon; those that a person has to help are not counted."""
        entries = (self._desk.ledger.cohort(cohort) for cohort in self._next_try)
        return sum(entry is not None and entry.status is not EntryStatus.PARKED for entry in entries)

    def offer(self, now: datetime) -> bool:
        """Prepare one call; whether it did."""
        if self._desk.crew.running("creations") or any(call.name == "creations" for call in self._desk.prepared):
            return False
        creatable = [entry for cohort in self._missing if (entry := self._desk.ledger.cohort(cohort)) is not None]
        if free := [entry for entry in creatable if not self._desk.busy(entry.cohort)]:
            return self._create(free[: self._desk.settings.create_at_once], now)
        due = [c for c, moment in self._next_try.items() if moment <= now and not self._desk.busy(c)]
        if not due:
            return False
        self._prepare(partial(look_up, self._reader, due), partial(self._looked, due), lambda: None, due, intent=False)
        return True

    def _create(self, entries: Sequence[CohortEntry], now: datetime) -> bool:
        for entry in entries:
            self._desk.ledger.put_cohort(transitions.quarantine_cohort(entry, now))
            self._note(entry, "intent", now)
        wanted = {_wanted(entry): entry.cohort for entry in entries}

        def job() -> Made:
            def create(some: Sequence[NewCohort]) -> Mapping[NewCohort, Cohort]:
                made = self._writer.create_cohorts(some)
                return {new: made[new.idnumber] for new in some}

            with self._desk.witness.call("moodle create cohorts", (), len(wanted)):
                sent = send(list(wanted), create, self._desk.lease.holds, self._desk.clock)
                return Made(sent, look_up(self._reader, [new.idnumber for new in sent.refused]))

        self._prepare(
            job,
            partial(self._made, wanted),
            partial(self._reopen, list(wanted.values())),
            list(wanted.values()),
            intent=True,
        )
        return True

    def _prepare(
        self,
        job: Callable[[], Matches | Made],
        done: Callable[[Matches | Made | BaseException], None],
        cancel: Callable[[], None],
        cohorts: Sequence[str],
        *,
        intent: bool,
    ) -> None:
        self._desk.prepare(Prepared("creations", job, done, cancel, frozenset(cohorts), needs_commit=intent))

    def _looked(self, cohorts: Sequence[str], answer: object) -> None:
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Matches)
        self._desk.heard(answer.failure)
        now = self._desk.clock.now()
        for cohort in cohorts:
            entry = self._desk.ledger.cohort(cohort)
            if entry is None:
                continue
            if (failure := answer.failure) is None:
                self._place(entry, answer, now)
            elif not concerns_site(failure):  # the site's faults are tried again with the pause
                self._not_looked(entry, failure, now)

    def _not_looked(self, entry: CohortEntry, failure: MoodleError, now: datetime) -> None:
        """Moodle does not say whether it has the cohort."""
        if isinstance(failure, Forbidden) and entry.status is EntryStatus.PENDING:
            self._park(entry, Reason.COHORT_FORBIDDEN, now)
        else:
            self._next_try[entry.cohort] = now + self._desk.settings.cohort_retry

    def _place(self, entry: CohortEntry, answer: Matches, now: datetime) -> None:
        """Use what was found; what is missing is made, if the source has it and no creation may still arrive."""
        found = answer.found[entry.cohort]
        quarantined = entry.status is EntryStatus.QUARANTINED
        if len(found.exact) == 1:
            self._settle(entry, found.exact[0].id, "found", now)
        elif found.exact:
            self._park(entry, Reason.COHORT_DOUBLED, now)
        elif quarantined and now - entry.since < self._desk.settings.moodle_settle:
            self._next_try[entry.cohort] = now + _LOOK_AGAIN
        elif entry.state is not CohortState.PRESENT:
            self._settle(entry, None, "absent", now)
        elif entry.reason == Reason.COHORT_GONE:
            self._park(entry, Reason.COHORT_GONE, now)  # a person deleted it, so it is looked for but never made
        elif found.alike:
            self._park(entry, Reason.COLLIDING, now)
        elif not self._may_probe(entry):
            self._next_try[entry.cohort] = now + self._desk.settings.cohort_retry
        else:
            self._desk.ledger.put_cohort(transitions.reopen_cohort(entry, now))
            self._next_try.pop(entry.cohort, None)
            self._missing[entry.cohort] = None

    def _may_probe(self, entry: CohortEntry) -> bool:
        """Whether it is this one's turn. Of cohorts whose category was missing one is tried, since each costs a call."""
        if entry.reason != Reason.CATEGORY_MISSING or entry.category is None or entry.cohort in self._freed:
            self._freed.discard(entry.cohort)
            return True
        return self._probes.setdefault(entry.category, entry.cohort) == entry.cohort

    def _end_probe(self, entry: CohortEntry) -> None:
        """What was tried with this cohort is known; if it is in Moodle now, the others of its category are tried at once."""
        category = next((category for category, cohort in self._probes.items() if cohort == entry.cohort), None)
        if category is None:
            return
        del self._probes[category]
        now = self._desk.clock.now()
        for cohort in self._next_try if entry.moodle_id is not None else ():
            other = self._desk.ledger.cohort(cohort)
            if other is not None and other.category == category and other.reason == Reason.CATEGORY_MISSING:
                self._next_try[cohort] = now
                self._freed.add(cohort)

    def _made(self, wanted: Mapping[NewCohort, str], answer: object) -> None:
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Made)
        now, sent = self._desk.clock.now(), answer.sent
        self._desk.heard(sent.failure or answer.second_look.failure, sent.calls)
        self._desk.witness.created(len(sent.done))
        for new, cohort in wanted.items():
            entry = self._desk.ledger.cohort(cohort)
            if entry is None:
                continue
            if new in sent.done:
                self._settle(entry, sent.done[new].id, "created", now)
            elif new in sent.refused:
                self._refused(entry, new in sent.forbidden, answer.second_look, now)
            elif new in sent.unknown:
                self._desk.ledger.put_cohort(transitions.quarantine_cohort(entry, now))
                self._note(entry, "unknown_outcome", now)
            else:
                self._reopen([cohort])

    def _refused(self, entry: CohortEntry, forbidden: bool, second_look: Matches, now: datetime) -> None:  # noqa: FBT001
        """Moodle does not say why; somebody else may have made it meanwhile."""
        found = second_look.found.get(entry.cohort)
        if found is not None and len(found.exact) == 1:
            self._settle(entry, found.exact[0].id, "found", now)
        elif forbidden:
            self._park(entry, Reason.COHORT_FORBIDDEN, now)
        elif found is not None and found.alike:
            self._park(entry, Reason.COLLIDING, now)
        else:
            self._park(entry, Reason.CATEGORY_MISSING if entry.category else Reason.COHORT_REFUSED, now)

    def _reopen(self, cohorts: Sequence[str]) -> None:
        """Nothing was made of these."""
        now = self._desk.clock.now()
        for cohort in cohorts:
            if entry := self._desk.ledger.cohort(cohort):
                self._desk.ledger.put_cohort(transitions.reopen_cohort(entry, now))

    def _settle(self, entry: CohortEntry, moodle_id: int | None, how: str, now: datetime) -> None:
        settled = transitions.settle_cohort(entry, moodle_id, now)
        self._desk.ledger.put_cohort(settled)
        if entry.moodle_id is not None and (entry.reason == Reason.COHORT_GONE or entry.moodle_id != moodle_id):
            members_unknown(self._desk, entry.cohort, now)
        left = (one.applied is Presence.ABSENT for one in self._desk.ledger.entries_of(entry.cohort))
        if how == "found" and any(left):
            self.returned.add(entry.cohort)  # who left the former one may be in this one
        if how == "found" and self._desk.settings.foreign == "remove":
            self.returned.add(entry.cohort)  # whoever is in it was put there by somebody else
        self._note(settled, "created" if how == "created" else "outcome", now, answer=how)

    def _park(self, entry: CohortEntry, reason: Reason, now: datetime) -> None:
        parked = transitions.park_cohort(entry, reason, now)
        if parked == entry:
            self._next_try[entry.cohort] = now + self._desk.settings.cohort_retry
            return
        self._desk.ledger.put_cohort(parked)
        self._note(parked, "parked", now, reason=reason)

    def _note(
        self, entry: CohortEntry, kind: str, now: datetime, answer: str | None = None, reason: str | None = None
    ) -> None:
        self._desk.ledger.note(
            JournalEntry(
                at=now,
                kind=kind,
                run=self._desk.run,
                cohort=entry.cohort,
                action="create",
                cohort_id=entry.moodle_id,
                revision=entry.revision,
                answer=answer,
                reason=reason,
            )
        )


def members_unknown(desk: Desk, cohort: str, now: datetime) -> None:
    """Nobody is known to be in it any more; in the same commit as its id, so that no crash comes between."""
    for entry in list(desk.ledger.entries_of(cohort)):
        told = transitions.no_longer_shown(entry, now, desk.settings.removal_settle)
        if told != entry:
            desk.ledger.put(told)


def _wanted(entry: CohortEntry) -> NewCohort:
    return NewCohort(entry.cohort, entry.name, SYSTEM if entry.category is None else CategoryNamed(entry.category))
