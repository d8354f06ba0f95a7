"""What was published, compared with what the rows say now.

The rules. Additions are published at once. So is a removal that a row states: an inactive row, or the row that supported
the membership and now names another cohort. A membership that is merely missing becomes a suspect, and nothing else:
``suspects`` decides later. For a student with a row that cannot be mapped, and for a source whose first load is not
complete, a missing membership means nothing at all. In a vanished cohort it means nothing either. A membership is
present while any source supports it, so a source takes away its own support only.

A record carries the revision 0 here; the publisher gives the real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.runtime.collation import loose_key
from connector.source.causes import Cause
from connector.source.known import Known, Membership, Stamp
from connector.source.mapping import Cohort, Desired, Support
from schemas.records import CohortChanged, CohortState, MembershipChanged, Presence, SupportingRow, Suspect, Suspects

Change = MembershipChanged | CohortChanged

_NOWHERE = Stamp()


@dataclass(frozen=True, slots=True)
class Observation:
    """The circumstances of a read."""

    source: str
    at: datetime
    """The database's clock just before the read, UTC."""
    fingerprint: str
    cause: Cause = Cause.ENROLLED
    """Cause of additions."""
    concludes: bool = True
    """Whether missing memberships become suspects: false until the first load is complete, and for its own rows."""
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    """By student, where the hint was seen."""
    absences: Mapping[str, Cause] = field(default_factory=dict)
    """By student, why a membership is missing, where something told."""
    names: frozenset[str] = frozenset()
    """Cohorts of which enough members were read that a name on which all rows agree may replace the known one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What to publish and to remember."""

    changes: tuple[Change, ...] = ()
    """In the order of writing: cohorts, then student by student, additions before removals."""
    suspects: tuple[Suspects, ...] = ()
    """Entries that changed; one without suspects is settled."""
    missing: frozenset[str] = frozenset()
    """Students with a missing membership from which nothing was concluded because the read does not conclude."""
    renames: frozenset[str] = frozenset()
    """Cohorts whose rows have another name or category than the known one; more of their members should be read."""
    returned: frozenset[str] = frozenset()
    """Cohorts that had vanished and have rows again; their members should be read."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """``added``, ``removed``, ``suspected``, ``cleared``, ``unknown`` students, ``ignored`` in vanished cohorts."""


def difference(known: Known, desired: Mapping[str, Desired], seen: Observation) -> Difference:
    """Compare. ``desired`` has an entry for every student that was asked for, an empty one for a student without rows;
    ``known`` covers all of them and every cohort that either side names.
    """
    counts: Counter[str] = Counter()
    cohorts, renames, returned = _cohort_changes(known, desired, seen)
    changes: list[Change] = list(cohorts)
    vanished = {c for c, found in known.cohorts.items() if found.state is CohortState.VANISHED} - returned
    suspects: list[Suspects] = []
    missing = set()
    for student in sorted(desired):
        step = _Student(known, student, desired[student], seen)
        changes += step.additions
        changes += step.removals
        counts["added"] += len(step.entered)
        counts["removed"] += len(step.removals)
        counts["unknown"] += bool(desired[student].unknown)
        absent = step.absent - vanished
        counts["ignored"] += len(step.absent) - len(absent)
        if absent and not desired[student].unknown and not seen.concludes:
            missing.add(student)
        conclude = seen.concludes and not desired[student].unknown
        suspects += step.suspects(absent if conclude else frozenset(), counts)
    return Difference(tuple(changes), tuple(suspects), frozenset(missing), renames, returned, dict(counts))


def withdrawal(
    known: Membership, student: str, cohort: str, cause: Cause, seen: Observation, siblings: Iterable[str] = ()
) -> MembershipChanged:
    """The record that takes the source's support away from a membership."""
    sources = tuple(s for s in known.sources if s != seen.source)
    stamp = seen.stamps.get(student, _NOWHERE)
    return MembershipChanged(
        cohort=cohort,
        student=student,
        state=Presence.PRESENT if sources else Presence.ABSENT,
        sources=sources,
        cause=cause,
        revision=0,
        source=seen.source,
        observed_at=seen.at,
        fingerprint=seen.fingerprint,
        position=stamp.position,
        changed_at=stamp.changed_at,
        siblings=tuple(sorted(siblings)),
        rows=tuple(row for row in known.rows if row.source != seen.source),
    )


def improved(suspect: Suspect, told: Cause) -> Suspect:
    """With a cause that says more than that the row is gone. One that does already is kept: it was seen in time."""
    return replace(suspect, cause=told) if suspect.cause == Cause.DELETED else suspect


class _Student:
    """The comparison for one student."""

    def __init__(self, known: Known, student: str, desired: Desired, seen: Observation) -> None:
        self._student, self._seen = student, seen
        self._held = known.memberships.get(student, {})
        self._desired = desired
        self._known_suspects = known.suspects.get(student, ())
        self.entered: list[str] = []
        self.additions = [
            record for cohort in sorted(desired.memberships) if (record := self._support(cohort)) is not None
        ]
        self._own = {cohort for cohort, held in self._held.items() if seen.source in held.sources}
        gone = self._own - desired.memberships.keys()
        stated = {} if desired.unknown else {c: cause for c in gone if (cause := self._stated(c)) is not None}
        self.removals = [
            withdrawal(self._held[cohort], student, cohort, stated[cohort], seen, self.entered)
            for cohort in sorted(stated)
        ]
        self.absent = frozenset(gone - stated.keys())

    def _support(self, cohort: str) -> MembershipChanged | None:
        """The record that the rows of this cohort call for; None if they say nothing new."""
        seen, held = self._seen, self._held.get(cohort)
        support: Support = self._desired.memberships[cohort]
        stamps = self._desired.stamps(cohort)
        own = {SupportingRow(seen.source, row, stamps.get(row)) for row in support.rows}
        if held is not None and seen.source in held.sources:
            if held.rows_of(seen.source) == frozenset(support.rows):
                return None
            cause, entered = Cause.ROWS, False
        else:
            cause, entered = seen.cause, held is None
        if entered:
            self.entered.append(cohort)
        others = [row for row in held.rows if row.source != seen.source] if held is not None else []
        stamp = seen.stamps.get(self._student, _NOWHERE)
        return MembershipChanged(
            cohort=cohort,
            student=self._student,
            state=Presence.PRESENT,
            sources=tuple(sorted({seen.source, *(held.sources if held is not None else ())})),
            cause=cause,
            revision=0,
            source=seen.source,
            observed_at=seen.at,
            fingerprint=seen.fingerprint,
            position=stamp.position,
            changed_at=stamp.changed_at,
            rows=tuple(sorted([*others, *own], key=lambda row: (row.source, row.row))),
        )

    def _stated(self, cohort: str) -> Cause | None:
        """By what a row that is still there states that the membership has ended; None if none does."""
        if cohort in self._desired.inactive:
            return Cause.ROW_INACTIVE
        held = self._held[cohort]
        rows = held.rows_of(self._seen.source)
        if (held.writer, held.fingerprint) != (self._seen.source, self._seen.fingerprint):
            return None  # under other patterns the same row names another cohort without having moved
        if any(self._shared(row, cohort) for row in rows):
            return None  # a key that several rows have does not tell which of them is still there
        # Every row that supported it must be seen elsewhere: one that is merely missing proves nothing.
        if rows and all(cohort not in self._desired.places.get(row, (cohort,)) for row in rows):
            return Cause.ROW_MOVED
        return None

    def _shared(self, row: str, cohort: str) -> bool:
        """Whether the key of a row of this cohort is, or was, that of another row as well."""
        return len(self._desired.places.get(row, ())) > 1 or any(
            row in held.rows_of(self._seen.source) for other, held in self._held.items() if other != cohort
        )

    def suspects(self, absent: frozenset[str], counts: Counter[str]) -> list[Suspects]:
        """The entries of this student that change."""
        changed = []
        own = next((s for s in self._known_suspects if s.source == self._seen.source), None)
        settled = self._desired.memberships.keys() | {record.cohort for record in self.removals}
        open_ = self._own - settled  # a membership that the source no longer supports is suspected no longer
        told = self._seen.absences.get(self._student, Cause.DELETED)
        before = own.missing if own is not None else ()
        kept = [self._with_siblings(improved(s, told)) for s in before if s.cohort in open_]
        fresh = [
            Suspect(cohort, self._seen.at, told, None, tuple(self.entered))
            for cohort in sorted(absent - {s.cohort for s in kept})
        ]
        counts["suspected"] += len(fresh)
        counts["cleared"] += len(before) - len(kept)
        now = Suspects(self._seen.source, self._student, (*kept, *fresh))
        if now.missing != before:
            changed.append(now)
        others = [s for s in self._known_suspects if s.source != self._seen.source] if self.entered else []
        return changed + [replace(o, missing=tuple(self._with_siblings(s) for s in o.missing)) for o in others]

    def _with_siblings(self, suspect: Suspect) -> Suspect:
        """With the cohorts that the student has entered since."""
        return replace(suspect, siblings=tuple(sorted({*suspect.siblings, *self.entered} - {suspect.cohort})))


def _cohort_changes(
    known: Known, desired: Mapping[str, Desired], seen: Observation
) -> tuple[list[CohortChanged], frozenset[str], frozenset[str]]:
    """Records of cohorts that are new, are back or got another name; cohorts to read more of; cohorts that are back."""
    described: dict[str, set[tuple[str, str | None]]] = {}
    for wanted in desired.values():
        for idnumber, support in wanted.memberships.items():
            described.setdefault(idnumber, set()).add((support.cohort.name, support.cohort.category))
    changes, renames, returned, loose = [], set(), set(), dict(known.loose)
    for idnumber, descriptions in sorted(described.items()):
        name, category = min(descriptions, key=lambda d: (d[0], d[1] or ""))
        record = known.cohorts.get(idnumber)
        if record is None:
            earlier = loose.setdefault(loose_key(idnumber), idnumber)
            colliding = None if earlier == idnumber else earlier
            changes.append(_new_cohort(Cohort(idnumber, name, category), colliding, seen))
            continue
        update = replace(record, last_seen=seen.at, revision=0, source=seen.source, fingerprint=seen.fingerprint)
        back = record.state is not CohortState.PRESENT
        other = (record.name, record.category) not in descriptions or len(descriptions) > 1
        if back:
            returned.add(idnumber)
            changes.append(replace(update, state=CohortState.PRESENT, cause=Cause.RETURNED))
        elif other and idnumber not in seen.names:
            renames.add(idnumber)
        elif other and len(descriptions) == 1:
            changes.append(replace(update, name=name, category=category, cause=Cause.RENAMED))
    return changes, frozenset(renames), frozenset(returned)


def _new_cohort(cohort: Cohort, colliding: str | None, seen: Observation) -> CohortChanged:
    return CohortChanged(
        cohort=cohort.idnumber,
        name=cohort.name,
        state=CohortState.PRESENT,
        first_seen=seen.at,
        last_seen=seen.at,
        revision=0,
        cause=Cause.NEW_COHORT,
        source=seen.source,
        fingerprint=seen.fingerprint,
        category=cohort.category,
        colliding_with=colliding,
    )
