"""Moodle's cohorts in memory, as a service that takes its time, fails, and carries out calls whose caller has gone."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from connector.runtime.collation import loose_key
from connector.runtime.messages import MoodleMessage
from consumers.moodle.batches import Row
from consumers.moodle.errors import Fault, Halted, MoodleError, OutcomeUnknown, Refused, Unavailable
from consumers.moodle.resolution import UNKNOWN, Ambiguous, Found, Resolution
from consumers.moodle.values import Category, Cohort, CohortMatches, Members, Sighting, System, User
from consumers.moodle.writing import Added, NewCohort
from tests.simulation.threads import Job, Timeline

T = TypeVar("T")


@dataclass
class Chances:
    """How often things go wrong, by call."""

    unavailable: float = 0.0
    unknown: float = 0.0
    """A write whose answer is lost; it is carried out now, later, or never."""
    halted: float = 0.0
    latest: float = 0.0
    """Seconds that a call may arrive late, at most."""


@dataclass
class FakeMoodle:
    """State, and the promises that are checked at each change."""

    timeline: Timeline
    rng: random.Random
    chances: Chances = field(default_factory=Chances)
    cohorts: dict[int, str] = field(default_factory=dict)
    members: dict[int, set[int]] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    categories: set[str] = field(default_factory=set)
    url: str = "https://moodle.example.test"
    loss: tuple[int, int] | None = None
    """What a reading of all accounts would lose, and of how many, while it waits for a person."""
    doubled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Keys that several accounts carry."""
    closed: set[int] = field(default_factory=set)
    """Cohorts that the service user may not look into."""
    never_there: set[int] = field(default_factory=set)
    """Accounts that the site does not have, and never had as far as it knows."""
    usernames: dict[int, str] = field(default_factory=dict)
    """Of those that are called otherwise than at first."""
    added: list[tuple[str, int]] = field(default_factory=list)
    removed: list[tuple[str, int]] = field(default_factory=list)
    phantoms: list[tuple[str, int]] = field(default_factory=list)
    member_reads: int = 0
    """Calls that asked for members."""
    key_reads: int = 0
    """Questions which keys accounts carry."""
    keys_asked_of: set[int] = field(default_factory=set)
    keys_hidden: bool = False
    """Whether such questions are refused."""
    writes: int = 0
    on_removal: Callable[[str, int], None] = lambda _cohort, _user: None
    """Told of each removal as it is asked for."""
    on_write: Callable[[str], None] = lambda _process: None
    """Told of each write as it is sent, and by which process."""
    _deleted_cohorts: set[int] = field(default_factory=set)
    _busy: set[int] = field(default_factory=set)

    # What the consumer sees.

    def all_cohorts(self) -> list[Cohort]:
        return self._read(lambda: [Cohort(i, name, name, True) for i, name in sorted(self.cohorts.items())])

    def find_cohort(self, idnumber: str) -> CohortMatches:
        def look() -> CohortMatches:
            near = [Cohort(i, n, n, True) for i, n in self.cohorts.items() if loose_key(n) == loose_key(idnumber)]
            exact = tuple(cohort for cohort in near if cohort.idnumber == idnumber)
            return CohortMatches(exact, tuple(cohort for cohort in near if cohort.idnumber != idnumber))

        return self._read(look)

    def sight(self, user_ids: Collection[int]) -> Sighting:
        ids = set(user_ids)
        return self._read(lambda: Sighting(self.url, {i: self._user(i) for i in ids if i not in self.never_there}))

    def _user(self, user_id: int) -> User:
        if user_id in self.deleted:
            return User(user_id, f"u{user_id}@example.test.1795443803")
        return User(user_id, self.usernames.get(user_id, f"u{user_id}"))

    def read_members(self, cohort_ids: Collection[int]) -> Members:
        ids = set(cohort_ids)
        self.member_reads += 1
        return self._read(
            lambda: Members(
                {i: frozenset(self.members[i]) for i in ids - self.closed if i in self.members},
                frozenset(i for i in ids if i not in self.members),
                frozenset(ids & self.closed),
            )
        )

    def add_members(self, rows: Collection[Row]) -> Mapping[Row, Added]:
        return self._write({row.cohort_id for row in rows}, lambda: {row: self._add(row) for row in sorted(rows)})

    def remove_members(self, rows: Collection[Row]) -> None:
        for row in rows:
            self.on_removal(self.cohorts[row.cohort_id], row.user_id)

        def remove() -> None:
            if any(row.user_id in self.deleted for row in rows):
                raise _error(Refused, "invaliduser")
            for row in sorted(rows):
                name = self.cohorts[row.cohort_id]
                there = row.user_id in self.members[row.cohort_id]
                (self.removed if there else self.phantoms).append((name, row.user_id))
                self.members[row.cohort_id].discard(row.user_id)

        self._write({row.cohort_id for row in rows}, remove)

    def create_cohorts(self, wanted: Sequence[NewCohort]) -> Mapping[str, Cohort]:
        def create() -> dict[str, Cohort]:
            known = {loose_key(name) for name in self.cohorts.values()}
            for new in wanted:
                missing = not isinstance(new.place, System | Category) and new.place.idnumber not in self.categories
                if loose_key(new.idnumber) in known or missing:
                    raise _error(Refused, "invalidparameter")
            return {new.idnumber: self.make(new.idnumber) for new in wanted}

        return self._write(set(), create)

    def make(self, idnumber: str) -> Cohort:
        """A cohort, by hand or by call."""
        number = max([1999, *self.members, *self._deleted_cohorts]) + 1
        self.cohorts[number] = idnumber
        self.members[number] = set()
        return Cohort(number, idnumber, idnumber, True)

    def delete(self, idnumber: str) -> None:
        """A person deletes a cohort; its number is not used again."""
        number = self.number(idnumber)
        assert number is not None
        del self.cohorts[number], self.members[number]
        self._deleted_cohorts.add(number)

    def number(self, cohort: str) -> int | None:
        return next((i for i, name in self.cohorts.items() if name == cohort), None)

    def members_in(self, cohort: str) -> set[int]:
        """Who is in a cohort that is there; for people who change it by hand."""
        number = self.number(cohort)
        assert number is not None
        return self.members[number]

    def of(self, cohort: str) -> set[int]:
        """Who is in the cohort; nobody while it does not exist."""
        number = self.number(cohort)
        return set() if number is None else set(self.members[number])

    # The directory.

    def resolve(self, keys: Collection[str]) -> dict[str, Resolution]:
        return self._read(lambda: {key: self._account(key) for key in keys})

    look_for = resolve

    def verify(self, user_ids: Collection[int]) -> None:
        self._read(lambda: None)

    def normalise(self, key: str) -> str | None:
        """Blanks around a key and capitals do not matter."""
        return key.strip().lower() or None

    def keys_of(self, user_ids: Collection[int]) -> dict[int, frozenset[str]]:
        self.key_reads += 1
        self.keys_asked_of |= set(user_ids)
        if self.keys_hidden:
            raise _error(Refused, "invalidparameter")
        return self._read(lambda: {user_id: self._keys(user_id) for user_id in user_ids})

    def _keys(self, user_id: int) -> frozenset[str]:
        carried = {self.normalise(key) or "" for key, user in self.accounts.items() if user == user_id}
        return frozenset(carried | {key for key, users in self.doubled.items() if user_id in users})

    def refused(self) -> tuple[int, int] | None:
        """Nothing is read in bulk."""
        return self.loss

    def accept_loss(self, most: int) -> None:
        if self.loss is not None and self.loss[0] <= most:
            self.loss = None

    def belong(self, accepted_at: float) -> None:
        """Nothing is cached."""

    def keep_fresh(self) -> None:
        """Nothing is cached."""

    def _account(self, key: str) -> Resolution:
        value = self.normalise(key) or ""
        if value in self.doubled:
            return Ambiguous(self.doubled[value])
        user = self.accounts.get(value)
        return UNKNOWN if user is None or user in self.deleted else Found(user, f"u{user}")

    def _add(self, row: Row) -> Added:
        if row.cohort_id not in self.members:
            return Added.NO_COHORT
        if row.user_id in self.deleted:
            return Added.NO_USER
        if row.user_id in self.members[row.cohort_id]:
            return Added.ALREADY
        self.members[row.cohort_id].add(row.user_id)
        self.added.append((self.cohorts[row.cohort_id], row.user_id))
        return Added.ADDED

    # Time and faults.

    def _read(self, look: Callable[[], T]) -> T:
        self._take(self.rng.uniform(0.005, 0.1))
        if self.rng.random() < self.chances.unavailable:
            raise _error(Unavailable, "http-503")
        return look()

    def _write(self, cohorts: set[int], effect: Callable[[], T]) -> T:
        self.writes += 1
        self.on_write(Job.current.job.owner)
        assert not cohorts & self._busy, "two calls about one cohort at the same time"
        drawn = self.rng.random()
        if drawn < self.chances.unavailable:
            self._take(0.02)
            raise _error(Unavailable, "sitemaintenance")
        if drawn < self.chances.unavailable + self.chances.halted:
            raise _error(Halted, "accessexception")
        lost = self.rng.random() < self.chances.unknown
        self._busy |= cohorts
        try:
            return self._answer(effect) if not lost else self._lose(effect)
        finally:
            self._busy -= cohorts

    def _answer(self, effect: Callable[[], T]) -> T:
        """Carried out after a while, whether the caller lives to hear of it or not."""
        job: Job = Job.current.job
        outcome: list[T | MoodleError] = []
        put_off: list[bool] = []

        def happen() -> None:
            if job.killed and not put_off and self.rng.random() < 0.7:
                # Its caller has gone, and Moodle is in no hurry.
                put_off.append(True)
                self.timeline.at(self.rng.uniform(0.5, self.chances.latest or 15.0), happen)
                return
            try:
                outcome.append(effect())
            except MoodleError as error:
                outcome.append(error)
            if not job.killed:
                job.resume()

        self.timeline.at(self.rng.uniform(0.01, 0.4), happen)
        job.wait()
        first = outcome[0]
        if isinstance(first, MoodleError):
            raise first
        return first

    def _lose(self, effect: Callable[[], object]) -> NoReturn:
        """The answer is lost; the call is carried out now, late, or never."""

        def happen() -> None:
            with contextlib.suppress(MoodleError):  # rolled back, and nobody hears of it
                effect()

        how = self.rng.choice(("never", "before", "late"))
        if how != "never":
            self.timeline.at(0.05 if how == "before" else self.rng.uniform(0.5, self.chances.latest), happen)
        self._take(0.3)
        raise _error(OutcomeUnknown, "http-504")

    def _take(self, seconds: float) -> None:
        job: Job = Job.current.job

        def go_on() -> None:
            if not job.killed:
                job.resume()

        self.timeline.at(seconds, go_on)
        job.wait()


class ReadingHalf:
    """The reading half of the client; its ``members`` is a call, the world's is the state."""

    def __init__(self, moodle: FakeMoodle) -> None:
        self.all_cohorts, self.find_cohort = moodle.all_cohorts, moodle.find_cohort
        self.members, self.sight = moodle.read_members, moodle.sight


def _error(kind: type[MoodleError], code: str) -> MoodleError:
    return kind(Fault("simulated", code, MoodleMessage.UNREACHABLE))
