"""What becomes of memberships that a read missed: the second look.

A suspect is decided by a later statement, at least ``absence_settle`` after the first, that reads the student and other
members of the cohort at one instant. Still missing, and somebody else's row names the cohort (or the cohort query does):
then the membership has ended. Nobody's row names it: then the cohort has *vanished*, and nobody is removed.

A broken view answers wrongly twice as well. So all suspects of a source share one limit: while those that wait, those
that were confirmed within a day and those that nobody has looked at a second time are more than it together, none is
confirmed. Those found missing again beyond it wait for a person, who releases exactly the list that was seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.source.mapping import Desired
from schemas.records import Suspect, Suspects

LEAST_LIMIT = 20
LIMIT_SHARE = 0.005
COUNTED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """One suspected membership."""

    student: str
    cohort: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the second look says of each case that is still missing."""

    absent: frozenset[Case] = frozenset()
    """Missing again, while somebody else's row names the cohort."""
    rowless: frozenset[Case] = frozenset()
    """Missing again, and none of the rows read names the cohort; vanished if all its members were read."""
    undecided: frozenset[Case] = frozenset()
    """The student has rows that cannot be mapped."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the source's suspects stand, but for the cases under judgement."""

    memberships: int
    """Memberships that the source supports."""
    waiting: int
    """Missing twice, withheld by the limit."""
    fresh: int
    """Missing once."""
    confirmed: int
    """Published as ended within the last day because their rows were missing, released ones not counted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with cases that are absent again."""

    confirmed: frozenset[Case] = frozenset()
    withheld: frozenset[Case] = frozenset()


def is_due(suspect: Suspect, now: datetime, settle: timedelta) -> bool:
    """Whether a second look may decide it. ``now`` is the database's clock before that look."""
    return now >= suspect.first_missed_at + settle


def judge(cases: Collection[Case], students: Mapping[str, Desired], named: Collection[str] = ()) -> Judgement:
    """Decide by what one statement read: ``students`` has the students of the cases and as many other members of
    their cohorts as were read; ``named`` are cohorts that the cohort query lists.
    """
    mentioned = {cohort for desired in students.values() for cohort in desired.mentioned}
    absent, rowless, undecided = set(), set(), set()
    for case in cases:
        desired = students[case.student]
        if case.cohort in desired.mentioned:
            continue  # it is back, or a row states its end: the comparison has dealt with it. So whoever mentions the
            # cohort of a case that goes on from here is somebody else.
        if desired.unknown:
            undecided.add(case)
        elif case.cohort in mentioned or case.cohort in named:
            absent.add(case)
        else:
            rowless.add(case)
    return Judgement(frozenset(absent), frozenset(rowless), frozenset(undecided))


def limit_of(memberships: int) -> int:
    """How many absences a source may conclude within a day without a person."""
    return max(LEAST_LIMIT, int(memberships * LIMIT_SHARE))


def decide(absent: frozenset[Case], standing: Standing, released: Collection[Case] = ()) -> Decision:
    """Confirm, all or none but for released ones.

    Suspects that were missed once count in full: a view that lost half its rows is looked at bit by bit, and the first
    bits must not pass because the rest is still to come.
    """
    free = absent & set(released)
    rest = absent - free
    pressure = standing.waiting + standing.fresh + standing.confirmed + len(rest)
    within = pressure <= limit_of(standing.memberships)
    return Decision(free | rest if within else free, frozenset() if within else rest)


def list_hash(waiting: Iterable[tuple[Case, datetime]]) -> str:
    """Names a list of withheld cases (with the time each began to wait), for a person to release.

    It begins with the newest of these times, so that the list can be told again after more cases have joined.
    """
    listed = sorted((case, at) for case, at in waiting)
    newest = max((at for _, at in listed), default=datetime.fromtimestamp(0).astimezone())
    body = json.dumps([[case.student, case.cohort] for case, _ in listed], ensure_ascii=False)
    return f"{_milliseconds(newest):x}-{hashlib.sha256(body.encode()).hexdigest()[:16]}"


def released_by(mark: str, waiting: Collection[tuple[Case, datetime]]) -> frozenset[Case] | None:
    """The cases of the list that ``mark`` names; None if that list has changed other than by growing."""
    try:
        newest = int(mark.partition("-")[0], 16)
    except ValueError:
        return None
    listed = [(case, at) for case, at in waiting if _milliseconds(at) <= newest]
    return frozenset(case for case, _ in listed) if listed and list_hash(listed) == mark else None


def without(suspects: Suspects, cohorts: Collection[str]) -> Suspects:
    """The entry without the suspects of these cohorts."""
    return Suspects(suspects.source, suspects.student, tuple(s for s in suspects.missing if s.cohort not in cohorts))


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
