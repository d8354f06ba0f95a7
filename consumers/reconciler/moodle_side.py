"""Moodle as the reconciler meets it: the reading half of the client, in few calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from consumers.moodle.errors import Forbidden, Refused, Unavailable
from consumers.moodle.reading import MoodleReader
from consumers.moodle.resolution import Ambiguous, Found, Resolution
from consumers.moodle.values import SYSTEM, Category, Place
from consumers.reconciler.compare import MoodleView
from schemas.records import CohortEntry

_MOST_DELETED = 2000
"""Accounts that are looked for at most in one comparison. More are never missing because single people were deleted, and
how many of them were is no help then."""
_NO_PLACE = "invalidparameter"
"""How a search of a category that is not there is refused (measured on Moodle 4.5)."""
_RESOLVED_AT_ONCE = 2000
"""Students in one question to the directory; eight calls, if it knows none of them."""


class Accounts(Protocol):
    """Where students' keys lead to; may ask Moodle."""

    def unasked(self, keys: Collection[str]) -> int:
        """How many accounts Moodle would have to be asked for, were these keys resolved now; asks nobody."""
        ...

    def keep_fresh(self) -> object:
        """Read all accounts again when that is due."""
        ...

    def resolve(self, keys: Collection[str]) -> Mapping[str, Resolution]: ...


@dataclass(slots=True)
class _Listed:
    """The site's cohorts, as they were listed once."""

    names: dict[int, str] = field(default_factory=dict)
    ids: dict[str, list[int]] = field(default_factory=dict)
    in_system: frozenset[int] | None = None
    in_categories: Mapping[str, frozenset[int]] = field(default_factory=dict)


class MoodleByReading:
    """Lists the site's cohorts once a comparison, then reads the members of those that are asked for."""

    def __init__(
        self,
        reader: MoodleReader,
        accounts: Accounts,
        on_accounts: Callable[[int, int], None] = lambda _, __: None,
        categories: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """``on_accounts`` hears how many students of how many were looked up, now and then: it may take minutes, where the
        directory knows nobody yet. ``categories`` are the ids of those whose cohorts are listed, by idnumber.
        """
        self._reader, self._accounts, self._on_accounts = reader, accounts, on_accounts
        self._categories = categories
        self._listed: _Listed | None = None
        self._resolved: dict[str, int | None] = {}
        self._asked: set[str] = set()
        self._fresh = False
        self._looked_for = 0

    def begin(self) -> None:
        self._listed = None
        self._resolved, self._asked, self._looked_for = {}, set(), 0

    def look_ahead(self, students: Iterable[Collection[str]]) -> Iterator[None]:
        """A Moodle that does not answer meanwhile ends it: the comparison asks again, and says so if it still does not."""
        seen: set[str] = set()
        waiting: list[str] = []
        try:
            self._keep_fresh()
            yield
            for some in students:
                fresh = set(some) - seen
                seen |= fresh
                if 2 * self._accounts.unasked(fresh) < len(fresh):
                    return  # most of the others will be known as well
                waiting += sorted(fresh)
                while len(waiting) >= _RESOLVED_AT_ONCE:
                    self._accounts.resolve(waiting[:_RESOLVED_AT_ONCE])
                    del waiting[:_RESOLVED_AT_ONCE]
                    yield
                yield
            self._accounts.resolve(waiting)
        except Unavailable:
            return

    def view(self, cohorts: Sequence[CohortEntry], students: Collection[str]) -> MoodleView:
        wanted = [entry.moodle_id for entry in cohorts if entry.moodle_id is not None]
        if not wanted and not students:
            return MoodleView({}, {}, {})
        if self._listed is None:
            self._listed = self._list()
        listed = self._listed
        members = self._reader.members([number for number in wanted if number in listed.names])
        for number in members.missing:  # deleted since the list was read
            listed.names.pop(number, None)
        accounts = self._lead_to(students)
        return MoodleView(
            listed.names, listed.ids, members.of, listed.in_system, accounts, in_categories=listed.in_categories
        )

    def deleted(self, user_ids: Collection[int]) -> Collection[int]:
        some = sorted(user_ids)[: _MOST_DELETED - self._looked_for]
        if not some:
            return frozenset()
        self._looked_for += len(some)
        found = self._reader.users("id", [str(user_id) for user_id in some])
        return set(some) - {user.id for user in found if not user.deleted}

    def _list(self) -> _Listed:
        cohorts = self._reader.all_cohorts()
        ids: dict[str, list[int]] = defaultdict(list)
        for cohort in cohorts:
            ids[cohort.idnumber].append(cohort.id)
        found = {name: self._cohorts_in(Category(number)) for name, number in self._categories.items()}
        in_categories = {name: ids_of for name, ids_of in found.items() if ids_of is not None}
        names = {cohort.id: cohort.name for cohort in cohorts}
        return _Listed(names, dict(ids), self._cohorts_in(SYSTEM), in_categories)

    def _cohorts_in(self, place: Place) -> frozenset[int] | None:
        """Where a cohort is, Moodle tells only by searching a place. A service user who has its rights in one category may
        not search others, nor the system, and then nothing is said about these places.
        """
        try:
            return frozenset(placed.cohort.id for placed in self._reader.cohorts_in(place))
        except Forbidden:
            return None
        except Refused as error:
            if place == SYSTEM or error.fault.code != _NO_PLACE:
                raise
            return frozenset()  # there is no such category, hence nothing in it

    def _lead_to(self, students: Collection[str]) -> Mapping[str, int | None]:
        """Accounts by key. What the directory knows may be a day old, which is enough to find what somebody should see."""
        if not students:
            return {}
        self._keep_fresh()
        unknown = [student for student in students if student not in self._asked]
        for start in range(0, len(unknown), _RESOLVED_AT_ONCE):
            self._on_accounts(start, len(unknown))
            some = unknown[start : start + _RESOLVED_AT_ONCE]
            self._resolved |= dict(_accounts_of(self._accounts.resolve(some).items()))
        self._asked.update(unknown)
        return self._resolved

    def _keep_fresh(self) -> None:
        if not self._fresh:
            self._accounts.keep_fresh()
            self._fresh = True


def _accounts_of(resolved: Iterable[tuple[str, Resolution]]) -> Iterable[tuple[str, int | None]]:
    for student, resolution in resolved:
        if not isinstance(resolution, Ambiguous):
            yield student, resolution.user_id if isinstance(resolution, Found) else None
