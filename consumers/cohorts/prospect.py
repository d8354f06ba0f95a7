"""What a sink would do to its Moodle if it were adopted now, cohort by cohort. Pure.

It says what the consumer would come to by itself; what a later recheck might find besides is the reconciler's to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from hashlib import sha256

from consumers.cohorts.plan import Doubt
from consumers.cohorts.reasons import Reason
from schemas.records import (
    CohortChanged,
    CohortEntry,
    CohortState,
    EntryStatus,
    LedgerEntry,
    MembershipChanged,
    Presence,
)

AccountOf = Callable[[str], int | Doubt]
"""The account of a student, every student of the cohort having been asked for."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is desired of a membership, and how it stands."""

    student: str
    desired: Presence
    user_id: int | None = None
    """The account that it was applied to."""
    there: bool = False
    """Whether Moodle was brought to show it."""
    open: bool = True
    """Whether the consumer has something to do about it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cohort as topic and ledger have it."""

    cohort: str
    name: str = ""
    state: CohortState = CohortState.UNKNOWN
    colliding: bool = False
    moodle_id: int | None = None
    """Under which the ledger knows it in Moodle."""


@dataclass(frozen=True, slots=True)
class Found:
    """What Moodle has under a cohort's idnumber, and under the id that the ledger knows."""

    ids: tuple[int, ...] = ()
    """Cohorts with exactly this idnumber."""
    alike: bool = False
    """Whether there is one that a database may hold equal to it."""
    members: Mapping[int, AbstractSet[int]] | None = None
    """By id; those that may not be looked into are left out."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would happen to a cohort. Accounts are Moodle's ids of users."""

    cohort: str
    name: str
    moodle_id: int | None
    waits: str = ""
    """Why nothing would happen, as in the ledger's reasons; empty if something may."""
    create: bool = False
    taken_over: bool = False
    """It has members, and was not ours before."""
    add: int = 0
    there: int = 0
    """Members whom the source wants there."""
    foreign: tuple[int, ...] = ()
    """Members whom no record names."""
    remove: tuple[int, ...] = ()
    """Members of whom a record says that they have left."""
    unplaced: int = 0
    """Wanted students without a single account; some of the foreign members may be they."""

    def dangers(self) -> Iterator[str]:
        """What a person agrees to, line by line. Additions are none: they change with every second of a living source."""
        if self.create:
            yield f"create {self.cohort}"
        if self.taken_over:
            yield f"take over {self.cohort} {self.moodle_id}"
        for sign, users in (("foreign", self.foreign), ("remove", self.remove)):
            yield from (f"{sign} {self.cohort} {user}" for user in users)


def mark_of(prospects: Iterable[Prospect]) -> str:
    """The hash that stands for exactly these dangers."""
    lines = sorted(line for prospect in prospects for line in prospect.dangers())
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def place_of(cohort: str, entry: CohortEntry | None, record: CohortChanged | None) -> Place:
    """The later word of ledger and topic."""
    moodle_id = None if entry is None else entry.moodle_id
    if record is not None and (entry is None or record.revision > entry.revision):
        return Place(cohort, record.name, record.state, record.colliding_with is not None, moodle_id)
    if entry is None:
        return Place(cohort)
    return Place(cohort, entry.name, entry.state, entry.colliding_with is not None, moodle_id)


def word_of(entry: LedgerEntry | None, record: MembershipChanged | None) -> Word | None:
    """The later word of ledger and topic; None if neither is known."""
    newer = record is not None and (entry is None or record.revision > entry.desired_revision)
    if entry is None:
        return None if record is None else Word(record.student, record.state)
    there = entry.applied is Presence.PRESENT
    if newer and record is not None:
        return Word(
            entry.student, record.state, entry.user_id, there, open=there is not (record.state is Presence.PRESENT)
        )
    return Word(entry.student, entry.desired, entry.user_id, there, open=entry.status is not EntryStatus.SETTLED)


def word_anew(entry: LedgerEntry | None, record: MembershipChanged | None) -> Word | None:
    """``word_of``, were the ledger made anew: of it only counts which removals a person has in hand. They stay so."""
    word = word_of(None, record)
    if entry is None or record is None or word is None or record.state is not Presence.ABSENT:
        return word
    discarded = entry.reason == Reason.DISCARDED and record.revision <= entry.desired_revision
    if not discarded and entry.status is not EntryStatus.HELD:
        return word
    return replace(word, user_id=entry.user_id, open=False)


def to_ask(words: Iterable[Word], found: Found) -> Iterator[str]:
    """Students whose account decides something."""
    populated = any((found.members or {}).values())
    for word in words:
        known = word.user_id is not None and (word.there or word.desired is not Presence.PRESENT)
        if not known and (word.desired is Presence.PRESENT or (word.desired is Presence.ABSENT and populated)):
            yield word.student


def to_ask_for_keys(prospect: Prospect, words: Iterable[Word]) -> frozenset[int]:
    """Accounts that would go by what was recorded, and may be meant by a wanted student's key by now: Moodle has to be
    asked which keys they carry. Where every wanted student's account was asked for just now nobody can be.
    """
    recorded = any(word.desired is Presence.PRESENT and word.there and word.user_id is not None for word in words)
    return frozenset((*prospect.foreign, *prospect.remove)) if recorded or prospect.unplaced else frozenset()


def look_ahead(
    place: Place,
    words: Sequence[Word],
    found: Found,
    account_of: AccountOf,
    meant: AbstractSet[int] = frozenset(),
) -> Prospect:
    """What would happen to this cohort. ``meant``: accounts that the key of a wanted student means by now, of those that
    were asked for their keys.
    """
    number, waits = _where(place, found)
    wanted: dict[int, bool] = {}
    unplaced = 0
    for word in words:
        if word.desired is not Presence.PRESENT:
            continue
        account = word.user_id if word.there and word.user_id is not None else account_of(word.student)
        if isinstance(account, Doubt):
            unplaced += 1
        else:
            wanted[account] = wanted.get(account, False) or word.open
    if waits:
        return Prospect(place.cohort, place.name, number, waits, unplaced=unplaced)
    members = frozenset((found.members or {}).get(number, ())) if number is not None else frozenset[int]()
    left: set[int] = set()
    going: set[int] = set()
    for word in words if members else ():
        if word.desired is Presence.ABSENT:
            who = word.user_id if word.user_id is not None else account_of(word.student)
            if isinstance(who, int) and who not in wanted and who not in meant:
                left.add(who)
                going |= {who} if word.open else set()
    return Prospect(
        place.cohort,
        place.name,
        number,
        create=number is None,
        taken_over=bool(members) and place.moodle_id is None,
        add=sum(open_ and user not in members for user, open_ in wanted.items()),
        there=len(members & wanted.keys()),
        foreign=tuple(sorted(members - wanted.keys() - left - meant)),
        remove=tuple(sorted(members & going)),
        unplaced=unplaced,
    )


def _where(place: Place, found: Found) -> tuple[int | None, str]:
    """The cohort's id in Moodle, if it has one, and why nothing can be done, if so."""
    number = place.moodle_id if place.moodle_id is not None else next(iter(found.ids), None)
    waits = ""
    if place.state is CohortState.UNKNOWN:
        waits = Reason.COHORT_UNANNOUNCED
    elif place.colliding:
        waits = Reason.COLLIDING
    elif place.moodle_id is None and len(found.ids) > 1:
        waits = Reason.COHORT_DOUBLED
    elif place.moodle_id is None and not found.ids and place.state is CohortState.VANISHED:
        waits = Reason.COHORT_VANISHED
    elif place.moodle_id is None and not found.ids and found.alike:
        waits = Reason.COLLIDING
    elif number is not None and number not in (found.members or {}):
        waits = Reason.COHORT_GONE if place.moodle_id is not None else Reason.COHORT_FORBIDDEN
    return number, str(waits)
