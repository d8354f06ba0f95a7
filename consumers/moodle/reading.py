"""The reading half of the client: nothing here changes anything in Moodle.

Every list is asked for in calls that stay below PHP's limit on form fields, and an answer with fewer entries than were
asked is noticed where Moodle lets one notice it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, count
from typing import TypeVar

from connector.runtime.collation import loose_key
from connector.runtime.messages import MoodleMessage
from consumers.moodle import shapes
from consumers.moodle.batches import CONTROL_FIELDS
from consumers.moodle.bisection import halve
from consumers.moodle.client import Fields, MoodleClient
from consumers.moodle.errors import Fault, Forbidden, MoodleError, Refused, TooLarge
from consumers.moodle.values import (
    SYSTEM,
    Category,
    Cohort,
    CohortMatches,
    Members,
    Place,
    PlacedCohort,
    ReportPage,
    Sighting,
    SiteInfo,
    User,
)

T = TypeVar("T")
R = TypeVar("R")

SITE_INFO = "core_webservice_get_site_info"
SEARCH_COHORTS = "core_cohort_search_cohorts"
GET_COHORTS = "core_cohort_get_cohorts"
GET_MEMBERS = "core_cohort_get_cohort_members"
GET_USERS = "core_user_get_users_by_field"
GET_REPORT = "core_reportbuilder_retrieve_report"
RESET_FILTERS = "core_reportbuilder_filters_reset"

COHORTS_A_CALL = 500
"""500 cohorts of 40 members answered in 0.35 s; large ones make large answers."""
SEARCH_PAGE = 1000
STOCK_INPUT_VARS = 1000
"""PHP's own default of ``max_input_vars``; assumed until it is known better."""


class MoodleReader:
    """Typed reads. Safe for use by several threads at once."""

    def __init__(self, client: MoodleClient, *, home: Place = SYSTEM, max_input_vars: int = STOCK_INPUT_VARS) -> None:
        """``home`` is where the service user has its rights; searches start from there."""
        self._client = client
        self._home = home
        self._room = max_input_vars - CONTROL_FIELDS

    def site_info(self) -> SiteInfo:
        """Which site this is and what the token may call. Succeeds also for a service user that can do nothing else."""
        return shapes.shaped(SITE_INFO, shapes.site_info, self._client.read(SITE_INFO))

    def all_cohorts(self) -> list[Cohort]:
        """All cohorts of the site that the service user may see; system cohorts are always among them."""
        try:
            return shapes.shaped(GET_COHORTS, shapes.cohorts, self._client.read(GET_COHORTS))
        except Forbidden:  # one cohort that may not be seen is enough
            return list(self._search("", self._home, "all"))

    def cohorts(self, ids: Collection[int]) -> dict[int, Cohort]:
        """The cohorts with these ids; unknown ones are left out."""
        found: dict[int, Cohort] = {}
        for chunk in self._chunks(ids, COHORTS_A_CALL):
            answer = self._client.read(GET_COHORTS, _indexed("cohortids", chunk), rows=len(chunk))
            found |= {cohort.id: cohort for cohort in shapes.shaped(GET_COHORTS, shapes.cohorts, answer)}
        return found

    def find_cohort(self, idnumber: str) -> CohortMatches:
        """Cohorts with this idnumber anywhere on the site. Moodle's search is for a part of it; the rest is done here."""
        if not idnumber.strip():
            raise ValueError("a blank idnumber would match cohorts that have none")
        found = list(self._search(idnumber, self._home, "all"))
        key = loose_key(idnumber)
        return CohortMatches(
            exact=tuple(cohort for cohort in found if cohort.idnumber == idnumber),
            alike=tuple(c for c in found if c.idnumber != idnumber and loose_key(c.idnumber) == key),
        )

    def cohorts_in(self, place: Place, query: str = "") -> list[PlacedCohort]:
        """Cohorts of exactly this place, those of categories below not included; ``query`` is part of their idnumber
        or name. The only way to learn where a cohort is.
        """
        return [PlacedCohort(cohort, place) for cohort in self._search(query, place, "self")]

    def members(self, cohort_ids: Collection[int]) -> Members:
        """Who is in these cohorts. Left-over entries of deleted users are among them, as Moodle has them."""
        found: dict[int, frozenset[int]] = {}
        missing: set[int] = set()
        forbidden: set[int] = set()
        for chunk in self._chunks(cohort_ids, COHORTS_A_CALL):
            try:
                found |= self._members(chunk)
                continue
            except TooLarge:
                existing = chunk  # asked in as large a form, an answer would be as short
            except (Refused, Forbidden):
                existing = self._existing(chunk)
            missing |= set(chunk) - set(existing)
            parts, rejected = sift(existing, self._members)
            for part in parts:
                found |= part
            for cohort_id, error in rejected.items():
                if isinstance(error, Forbidden):
                    forbidden.add(cohort_id)
                elif error.fault.code == "invalidrecord":
                    missing.add(cohort_id)
                else:
                    raise error
        return Members(found, frozenset(missing), frozenset(forbidden))

    def users(self, field: str, values: Collection[str], *, chunk: int = 250) -> list[User]:
        """Users by ``id``, ``username``, ``idnumber`` or ``email``, about 3 ms each; unknown values are left out.

        Moodle compares as its database does, so users may come back whose value only resembles one that was asked.
        Deleted accounts come back too (``User.deleted``). Usernames are asked in lower case, as Moodle keeps them. A
        value that Moodle would alter before it looks, so that no user can have it, fails a whole call of Moodle's; here
        it is just not found.
        """
        plain, odd = _by_plainness(field, values)
        found: dict[int, User] = {}
        for part in chain(self._chunks(plain, chunk), self._chunks(odd, chunk)):
            answers, rejected = sift(part, lambda some: self._users(field, some))
            for error in rejected.values():
                if error.fault.code != "invalidparameter":
                    raise error
            found |= {user.id: user for users in answers for user in users}
        return list(found.values())

    def sight(self, user_ids: Collection[int]) -> Sighting:
        """By what a restored or moved copy of the site is told from it: its address, and accounts known from before.

        Moodle answers for deleted accounts too, so one that is absent was never there, or may not be seen any more.
        """
        url = self.site_info().url
        wanted = set(user_ids)
        found = self.users("id", [str(user_id) for user_id in sorted(wanted)])
        return Sighting(url, {user.id: user for user in found if user.id in wanted})

    def reset_filters(self, report_id: int) -> None:
        """Undo filters that someone set for the service user; they last, and silently shorten the report."""
        self._client.read(RESET_FILTERS, [("reportid", str(report_id))])

    def report_page(self, report_id: int, page: int, rows: int) -> ReportPage:
        """One page of a custom report, counted from 0; a page past the end has no rows."""
        fields = [("reportid", str(report_id)), ("page", str(page)), ("perpage", str(rows))]
        return shapes.shaped(GET_REPORT, shapes.report_page, self._client.read(GET_REPORT, fields, rows=rows))

    def _search(self, query: str, place: Place, includes: str) -> Iterator[Cohort]:
        level, instance = ("coursecat", place.id) if isinstance(place, Category) else ("system", 0)
        seen: set[int] = set()
        for page in count():
            fields = [
                ("query", query),
                ("context[contextlevel]", level),
                ("context[instanceid]", str(instance)),
                ("includes", includes),
                ("limitfrom", str(page)),  # in spite of its name, the number of a page
                ("limitnum", str(SEARCH_PAGE)),
            ]
            found = shapes.shaped(SEARCH_COHORTS, shapes.found_cohorts, self._client.read(SEARCH_COHORTS, fields))
            yield from (cohort for cohort in found if cohort.id not in seen)
            seen |= {cohort.id for cohort in found}
            if len(found) < SEARCH_PAGE:
                return

    def _members(self, ids: Sequence[int]) -> dict[int, frozenset[int]]:
        answer = self._client.read(GET_MEMBERS, _indexed("cohortids", ids), rows=len(ids))
        found = dict(shapes.shaped(GET_MEMBERS, shapes.members, answer))
        if found.keys() != set(ids):
            raise TooLarge(Fault(GET_MEMBERS, "answer-incomplete", MoodleMessage.FORM_CUT))
        return found

    def _existing(self, ids: Sequence[int]) -> list[int]:
        """Those of ``ids`` that exist, as far as one may know: one that may not be seen fails the question."""
        try:
            return [*self.cohorts(ids)]
        except Forbidden:
            return list(ids)

    def _users(self, field: str, values: Sequence[str]) -> list[User]:
        fields = [("field", field), *_indexed("values", values)]
        return shapes.shaped(GET_USERS, shapes.users, self._client.read(GET_USERS, fields, rows=len(values)))

    def _chunks(self, items: Collection[T], size: int) -> Iterator[list[T]]:
        """``items``, each once, in chunks whose form stays whole; one field is left for what stands beside them."""
        ordered = list(dict.fromkeys(items))
        step = max(1, min(size, self._room - 1))
        return (ordered[at : at + step] for at in range(0, len(ordered), step))


def sift(items: Sequence[T], ask: Callable[[Sequence[T]], R]) -> tuple[list[R], dict[T, MoodleError]]:
    """Ask about ``items`` in one call; if it is refused, halve it until each culprit stands alone.

    Returns the answers, and the culprits with what Moodle said of each.
    """
    answers: list[R] = []
    rejected: dict[T, MoodleError] = {}
    steps = halve(items)
    part = next(steps, None)
    while part is not None:
        error: MoodleError | None = None
        try:
            answers.append(ask(part))
        except (Refused, Forbidden) as raised:
            error = raised
            if len(part) == 1:
                rejected[part[0]] = raised
        try:
            part = steps.send(error is not None)
        except StopIteration:
            part = None
    return answers, rejected


# What Moodle leaves unchanged in a value before it looks: anything else may fail a call, depending on the site.
_PLAIN = {
    "id": re.compile(r"[1-9][0-9]{0,17}"),
    "username": re.compile(r"[-.@_a-z0-9]+"),
    "email": re.compile(r"[-.+_A-Za-z0-9]+@[-.A-Za-z0-9]+"),
    "idnumber": re.compile(r"[^\x00]+", re.DOTALL),
}


def _by_plainness(field: str, values: Collection[str]) -> tuple[list[str], list[str]]:
    """Values that cannot fail a call, and those that might, each once and without blank ones."""
    if field == "username":
        values = [value.strip().lower() for value in values]
    plain: dict[str, None] = {}
    odd: dict[str, None] = {}
    for value in values:
        if value.strip():
            (plain if _PLAIN[field].fullmatch(value) else odd)[value] = None
    return list(plain), list(odd)


def _indexed(name: str, values: Iterable[object]) -> Fields:
    return [(f"{name}[{at}]", str(value)) for at, value in enumerate(values)]
