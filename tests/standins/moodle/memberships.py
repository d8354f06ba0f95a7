"""The tables of cohorts and their members, and the transactions that change them.

Everything runs under one lock, so a transaction is never seen half done. What a transaction may *see* is another
matter: it began at some commit, and what was committed since is hidden from its checks but not from the unique index.
So two calls that overlap in time collide as they do on a real database.
"""

import threading
from collections.abc import Callable, Iterable, Iterator

from tests.standins.moodle.collation import Flavour
from tests.standins.moodle.events import EventLog, LogEvent
from tests.standins.moodle.records import Cohort, CourseLink

Undo = Callable[[], None]


class DuplicateMemberError(Exception):
    """The unique index on (cohort, user) refuses a row."""


class Work:
    """What a call did, in the units that its duration depends on."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, unit: str, count: int = 1) -> None:
        self.counts[unit] = self.counts.get(unit, 0) + count


class Tables:
    """Cohorts by id, members by cohort with the time they were added."""

    def __init__(self, flavour: Flavour, log: EventLog) -> None:
        self.flavour = flavour
        self.log = log
        self.lock = threading.RLock()
        self.cohorts: dict[int, Cohort] = {}
        self.members: dict[int, dict[int, float]] = {}
        self.links: list[CourseLink] = []
        self.sequence = 0
        """Number of the last commit."""
        self.next_cohort_id = 1
        self.next_enrolment_id = 1
        self._by_idnumber: dict[str, list[int]] = {}
        self._active: list[int] = []
        self._fresh: dict[tuple[int, int], int] = {}

    def cohorts_named(self, idnumber: str) -> list[Cohort]:
        """Cohorts whose idnumber the database holds to be equal, by rising id."""
        ids = self._by_idnumber.get(self.flavour.text_key(idnumber), ())
        return [self.cohorts[cohortid] for cohortid in sorted(ids)]

    def put(self, cohort: Cohort) -> None:
        self.cohorts[cohort.id] = cohort
        self.members.setdefault(cohort.id, {})
        self._by_idnumber.setdefault(self.flavour.text_key(cohort.idnumber), []).append(cohort.id)
        self.next_cohort_id = max(self.next_cohort_id, cohort.id + 1)

    def drop(self, cohort: Cohort) -> dict[int, float]:
        """Remove a cohort; its members are handed back."""
        self.unindex(cohort)
        del self.cohorts[cohort.id]
        return self.members.pop(cohort.id)

    def forget(self, cohort: Cohort) -> None:
        self.drop(cohort)

    def unindex(self, cohort: Cohort) -> None:
        key = self.flavour.text_key(cohort.idnumber)
        self._by_idnumber[key].remove(cohort.id)
        if not self._by_idnumber[key]:
            del self._by_idnumber[key]

    def sorted_cohorts(self) -> Iterator[Cohort]:
        """Cohorts by rising id, as a scan of the table finds them."""
        return iter(sorted(self.cohorts.values(), key=lambda cohort: cohort.id))

    def clear(self) -> None:
        """Empty all tables; ids start anew."""
        with self.lock:
            self.cohorts.clear()
            self.members.clear()
            self.links.clear()
            self._by_idnumber.clear()
            self._fresh.clear()
            self.next_cohort_id = 1

    def begin(self) -> int:
        """The view that a transaction starting now has; to be given back with :meth:`end`."""
        with self.lock:
            self._active.append(self.sequence)
            return self.sequence

    def end(self, snapshot: int) -> None:
        with self.lock:
            self._active.remove(snapshot)
            if not self._active:
                self._fresh.clear()

    def note_added(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Remember, at a commit, who came while others were at work."""
        if self._active:
            self._fresh.update(dict.fromkeys(pairs, self.sequence))

    def came_after(self, snapshot: int, cohortid: int, userid: int) -> bool:
        return self._fresh.get((cohortid, userid), 0) > snapshot


class Transaction:
    """Changes that are kept together or not at all; events are written only when they are kept.

    To be used under the tables' lock.
    """

    def __init__(self, tables: Tables, snapshot: int, now: float, *, rehearsal: bool = False) -> None:
        self.tables = tables
        self.now = now
        self.looks_again = False
        """Whether a member who came meanwhile is noticed by the second look, just before the insert."""
        self._ids_before = (tables.next_cohort_id, tables.next_enrolment_id) if rehearsal else None
        self.work = Work()
        self._snapshot = snapshot
        self._undo: list[Undo] = []
        self._added: list[tuple[int, int]] = []
        self._events: list[LogEvent] = []

    @property
    def has_changes(self) -> bool:
        return bool(self._undo or self._events)

    def sees(self, cohort: Cohort) -> bool:
        return cohort.sequence <= self._snapshot or cohort.sequence == self.tables.sequence + 1

    def cohorts_named(self, idnumber: str) -> list[Cohort]:
        return [cohort for cohort in self.tables.cohorts_named(idnumber) if self.sees(cohort)]

    def has_member(self, cohortid: int, userid: int) -> bool:
        if userid not in self.tables.members.get(cohortid, ()):
            return False
        return not self.tables.came_after(self._snapshot, cohortid, userid)

    def record(self, event: LogEvent) -> None:
        self._events.append(event)

    def add_member(self, cohortid: int, userid: int) -> None:
        """Insert a row; :class:`DuplicateMemberError` when the index already holds it."""
        members = self.tables.members[cohortid]
        if userid in members:
            raise DuplicateMemberError
        members[userid] = self.now
        self._added.append((cohortid, userid))
        self._undo.append(lambda: members.__delitem__(userid))

    def remove_member(self, cohortid: int, userid: int) -> bool:
        """Delete a row; whether there was one."""
        members = self.tables.members[cohortid]
        if userid not in members:
            return False
        time = members.pop(userid)
        self._undo.append(lambda: members.__setitem__(userid, time))
        return True

    def insert_cohort(self, cohort: Cohort) -> None:
        tables = self.tables
        cohort.sequence = tables.sequence + 1
        tables.put(cohort)
        self._undo.append(lambda: tables.forget(cohort))

    def take_cohort_id(self) -> int:
        """The next automatic id; it is used up even when the transaction fails."""
        number = self.tables.next_cohort_id
        self.tables.next_cohort_id += 1
        return number

    def update_cohort(self, cohort: Cohort, **values: object) -> None:
        before = {name: getattr(cohort, name) for name in values}
        self._apply(cohort, values)
        self._undo.append(lambda: self._apply(cohort, before))

    def _apply(self, cohort: Cohort, values: dict[str, object]) -> None:
        tables = self.tables
        members = tables.drop(cohort)
        for name, value in values.items():
            setattr(cohort, name, value)
        tables.put(cohort)
        tables.members[cohort.id] = members

    def delete_cohort(self, cohort: Cohort) -> None:
        tables = self.tables
        members = tables.drop(cohort)

        def put_back() -> None:
            tables.put(cohort)
            tables.members[cohort.id] = members

        self._undo.append(put_back)

    def commit(self) -> None:
        if self._undo:
            self.tables.sequence += 1
            self.tables.note_added(self._added)
        self.tables.log.append(self._events, self.now)
        self._undo.clear()
        self._events = []

    def roll_back(self) -> None:
        while self._undo:
            self._undo.pop()()
        self._events = []
        if self._ids_before is not None:
            self.tables.next_cohort_id, self.tables.next_enrolment_id = self._ids_before
