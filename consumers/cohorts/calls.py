"""Calls to Moodle as jobs: functions that may take their time, run beside the loop, and give back what happened.

No job raises for what Moodle did; each tells it. Before each call it asks whether the lease still holds: a call is sent
only if a commit with the group's generation succeeded a short while ago, so that a process that lost its partitions
without noticing sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from connector.runtime.clock import Clock
from connector.runtime.collation import loose_key
from connector.runtime.telemetry import TraceContext
from consumers.moodle.batches import Row
from consumers.moodle.bisection import halve
from consumers.moodle.errors import Fault, Forbidden, MoodleError, OutcomeUnknown, Refused
from consumers.moodle.values import Cohort, CohortMatches, Members
from consumers.moodle.writing import Added, NewCohort

T = TypeVar("T")
R = TypeVar("R")
Lease = Callable[[], bool]
"""Whether calls may be sent right now; asked from the job's thread."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_ALL_AT_ONCE = 20
"""From so many cohorts on, one list of all the site's cohorts (0.1 s for 2,000) is cheaper than a search for each."""


class Reader(Protocol):
    """What is needed of ``MoodleReader``."""

    def all_cohorts(self) -> list[Cohort]: ...

    def find_cohort(self, idnumber: str) -> CohortMatches: ...

    def members(self, cohort_ids: Collection[int]) -> Members: ...


class Writer(Protocol):
    """What is needed of ``MoodleWriter``."""

    def add_members(self, rows: Collection[Row]) -> Mapping[Row, Added]: ...

    def remove_members(self, rows: Collection[Row]) -> None: ...

    def create_cohorts(self, wanted: Sequence[NewCohort]) -> Mapping[str, Cohort]: ...


@dataclass
class Sent(Generic[T, R]):
    """What became of the items of a write, after halving what was refused."""

    done: dict[T, R] = field(default_factory=dict)
    refused: dict[T, Fault] = field(default_factory=dict)
    """Items that Moodle refuses even when they stand alone."""
    forbidden: set[T] = field(default_factory=set)
    """Those of ``refused`` for which the service user lacks a right."""
    unknown: list[T] = field(default_factory=list)
    """Items of a call whose outcome is not known."""
    unsent: list[T] = field(default_factory=list)
    """Items of which nothing was applied."""
    failure: MoodleError | None = None
    """What ended it early; None too when the lease ended."""
    seconds: float = 0.0
    calls: int = 0
    began: datetime = _NEVER
    ended: datetime = _NEVER
    """When the last answer came."""
    span: TraceContext | None = None
    """The span around the calls."""


def send(
    items: Sequence[T],
    call: Callable[[Sequence[T]], Mapping[T, R]],
    lease: Lease,
    clock: Clock,
    place: Callable[[T], Hashable] = lambda item: item,
) -> Sent[T, R]:
    """Send the items in one call; if it is refused, halve it until each culprit stands alone. ``place`` tells where a
    right is wanted for an item: if one is forbidden there, all are.
    """
    sent: Sent[T, R] = Sent(began=clock.now())
    began = clock.monotonic()
    steps = halve(items)
    part = next(steps, None)
    while part is not None:
        refusal: MoodleError | None = None
        if not lease():
            break
        sent.calls += 1
        try:
            sent.done.update(call(part))
        except (Refused, Forbidden) as error:
            refusal = error
            if isinstance(error, Forbidden) and len({place(item) for item in part}) == 1:
                refusal = None  # it is told what it is: no half would fare better
                sent.refused |= dict.fromkeys(part, error.fault)
                sent.forbidden |= set(part)
            elif len(part) == 1:
                sent.refused[part[0]] = error.fault
        except MoodleError as error:
            sent.failure = error
            if isinstance(error, OutcomeUnknown):
                sent.unknown = list(part)
            break
        try:
            part = steps.send(refusal is not None)
        except StopIteration:
            part = None
    settled = sent.done.keys() | sent.refused.keys() | set(sent.unknown)
    sent.unsent = [item for item in items if item not in settled]
    sent.seconds = clock.monotonic() - began
    sent.ended = clock.now()
    return sent


@dataclass(frozen=True, slots=True)
class Matches:
    """Cohorts that were looked for."""

    found: Mapping[str, CohortMatches]
    failure: MoodleError | None = None


def cohort_of(row: Row) -> int:
    """Where the rights for a row are wanted."""
    return row.cohort_id


def look_up(reader: Reader, idnumbers: Sequence[str]) -> Matches:
    """Cohorts with exactly these idnumbers, and those that a database may hold equal to them."""
    try:
        if len(idnumbers) < _ALL_AT_ONCE:
            return Matches({idnumber: reader.find_cohort(idnumber) for idnumber in idnumbers})
        return Matches(_among(reader.all_cohorts(), idnumbers))
    except MoodleError as error:
        return Matches({}, error)


def _among(cohorts: Sequence[Cohort], idnumbers: Sequence[str]) -> dict[str, CohortMatches]:
    by_key: dict[str, list[Cohort]] = {}
    for cohort in cohorts:
        by_key.setdefault(loose_key(cohort.idnumber), []).append(cohort)
    found = {}
    for idnumber in idnumbers:
        near = by_key.get(loose_key(idnumber), [])
        found[idnumber] = CohortMatches(
            exact=tuple(cohort for cohort in near if cohort.idnumber == idnumber),
            alike=tuple(cohort for cohort in near if cohort.idnumber != idnumber),
        )
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """Who Moodle shows in the cohorts that were read, by the cohorts' idnumbers."""

    members: Mapping[str, frozenset[int]]
    gone: frozenset[str] = frozenset()
    """Cohorts that do not exist in Moodle."""
    failure: MoodleError | None = None
    keys: Mapping[int, AbstractSet[str]] = field(default_factory=dict)
    """The normalised student keys that accounts carry, of those that were asked for."""


def read_members(reader: Reader, known: Mapping[str, int], named: Collection[str] = ()) -> Shown:
    """Members of cohorts whose id is known, and of others that are only ``named``, which are looked up first."""
    try:
        ids = dict(known)
        for idnumber in named:
            exact = reader.find_cohort(idnumber).exact
            if len(exact) == 1:
                ids[idnumber] = exact[0].id
        found = reader.members(ids.values())
    except MoodleError as error:
        return Shown({}, failure=error)
    return Shown(
        {cohort: found.of[number] for cohort, number in ids.items() if number in found.of},
        frozenset(cohort for cohort, number in known.items() if number in found.missing),
    )
