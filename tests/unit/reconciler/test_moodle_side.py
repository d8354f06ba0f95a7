"""Moodle as the reconciler reads it: in few calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from connector.runtime.messages import MoodleMessage
from consumers.moodle.errors import Fault, Forbidden, Refused, Unavailable
from consumers.moodle.reading import MoodleReader
from consumers.moodle.resolution import UNKNOWN, Ambiguous, Deleted, Found, Resolution
from consumers.moodle.values import SYSTEM, Category, Cohort, Members, Place, PlacedCohort, User
from consumers.reconciler.moodle_side import MoodleByReading
from tests.unit.reconciler.test_compare import COHORT


@dataclass
class Site:
    """A reader and a directory that count."""

    closed: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    looked_for: list[int] = field(default_factory=list)
    numbered: set[str] = field(default_factory=set)
    """Keys whose account is known."""
    away: bool = False

    def all_cohorts(self) -> list[Cohort]:
        self.asked["cohorts"] += 1
        return [Cohort(7, "INFO", "Informatics", True), Cohort(8, "INFO", "Twin", True)]

    def cohorts_in(self, place: Place, query: str = "") -> list[PlacedCohort]:
        assert query == ""
        self.asked["places"] += 1
        if place == Category(99):
            raise Refused(Fault("search", "invalidparameter", MoodleMessage.UNREACHABLE))
        if place == Category(98):
            raise Refused(Fault("search", "dmlreadexception", MoodleMessage.UNREACHABLE))
        if place == Category(12):
            return [PlacedCohort(Cohort(8, "INFO", "Twin", True), place)]
        if self.closed or place == Category(13):
            raise Forbidden(Fault("search", "nopermissions", MoodleMessage.UNREACHABLE))
        return [PlacedCohort(Cohort(7, "INFO", "Informatics", True), SYSTEM)]

    def members(self, ids: Collection[int]) -> Members:
        self.asked["members"] += 1
        return Members({i: frozenset({1}) for i in ids if i == 7}, frozenset(i for i in ids if i == 8))

    def users(self, by: str, values: Collection[str]) -> list[User]:
        assert by == "id"
        self.looked_for += map(int, values)
        return [User(1, "alive"), User(2, "gone@example.test.1795443803")]

    def keep_fresh(self) -> None:
        self.asked["fresh"] += 1
        if self.away:
            raise Unavailable(Fault("report", "away", MoodleMessage.UNREACHABLE))

    def unasked(self, keys: Collection[str]) -> int:
        return len(set(keys) - self.numbered)

    def resolve(self, keys: Collection[str]) -> Mapping[str, Resolution]:
        self.asked["resolved"] += len(keys)
        self.numbered.update(keys)
        known: dict[str, Resolution] = {"a": Found(1, "alive"), "b": Deleted(2), "c": Ambiguous((3, 4))}
        return {key: known.get(key, UNKNOWN) for key in keys}


def side(site: Site) -> MoodleByReading:
    return MoodleByReading(cast("MoodleReader", site), site)


def test_the_site_is_listed_once_a_comparison() -> None:
    """However many partitions there are; every student is looked up once."""
    site = Site()
    moodle = side(site)
    moodle.begin()
    for students in ({"a", "b"}, {"a", "b", "c", "d"}):
        view = moodle.view([COHORT], students)

    assert site.asked == {"cohorts": 1, "places": 1, "members": 2, "fresh": 1, "resolved": 4}
    assert (view.names[7], list(view.ids["INFO"]), view.in_system) == ("Informatics", [7, 8], {7})
    assert view.accounts == {"a": 1, "b": None, "d": None}


def test_the_next_comparison_looks_anew() -> None:
    """What an earlier one read is old."""
    site = Site()
    moodle = side(site)
    for _ in range(2):
        moodle.begin()
        moodle.view([COHORT], {"a"})

    assert site.asked == {"cohorts": 2, "places": 2, "members": 2, "fresh": 1, "resolved": 2}


def test_nothing_is_said_of_places_that_may_not_be_searched() -> None:
    """A service user may have its rights in one category only."""
    assert side(Site(closed=True)).view([COHORT], ()).in_system is None


@pytest.mark.parametrize("closed", [False, True])
def test_categories_whose_ids_are_known_are_listed(closed: bool) -> None:  # noqa: FBT001 - a column
    """Once a comparison. In one that is not there is nothing; of one that may not be searched nothing is said."""
    site = Site(closed=closed)
    moodle = MoodleByReading(cast("MoodleReader", site), site, categories={"SCI": 12, "OLD": 99, "ART": 13})
    moodle.begin()
    views = [moodle.view([COHORT], ()) for _ in range(2)]

    assert [{"SCI": {8}, "OLD": set()}] * 2 == [view.in_categories for view in views]
    assert site.asked["places"] == 4


def test_a_category_that_is_refused_for_another_reason_is_no_empty_one() -> None:
    """All of its cohorts would be told as moved."""
    site = Site()
    moodle = MoodleByReading(cast("MoodleReader", site), site, categories={"LAW": 98})
    moodle.begin()

    with pytest.raises(Refused):
        moodle.view([COHORT], ())


def test_a_cohort_that_went_since_the_list_was_read_is_gone() -> None:
    """Its members tell."""
    assert 8 not in side(Site()).view([replace(COHORT, moodle_id=8)], ()).names


def test_nothing_is_asked_where_there_is_nothing_to_compare() -> None:
    """A narrowed run has many empty partitions."""
    site = Site()
    side(site).view([], ())

    assert not site.asked


@pytest.mark.parametrize(("asked", "deleted"), [({1}, set()), ({1, 2}, {2}), ({3}, {3}), (set(), set())])
def test_deleted_accounts_are_told_from_living_ones(asked: set[int], deleted: set[int]) -> None:
    """Moodle gives them out as well, under another name."""
    assert set(side(Site()).deleted(asked)) == deleted


def test_no_more_than_a_few_thousand_accounts_are_looked_for() -> None:
    """Of a Moodle that lost all members nobody was deleted."""
    site = Site()
    moodle = side(site)
    for start in (10, 5000, 9000):
        moodle.deleted(range(start, start + 1500))

    assert len(site.looked_for) == 2000


def test_many_students_are_looked_up_in_parts() -> None:
    """Each told before it begins: a first look may take minutes, and somebody watches whether anything moves."""
    site, heard = Site(), list[tuple[int, int]]()
    moodle = MoodleByReading(cast("MoodleReader", site), site, lambda done, total: heard.append((done, total)))
    moodle.view([COHORT], {f"s{number}" for number in range(4500)})

    assert (heard, site.asked["resolved"]) == ([(0, 4500), (2000, 4500), (4000, 4500)], 4500)


def students(first: int, count: int) -> set[str]:
    return {f"s{number}" for number in range(first, first + count)}


def test_accounts_are_looked_up_ahead_in_parts() -> None:
    """Each student once, however often the ledger names them, and as many at once as in a comparison; between the steps
    somebody else has their turn.
    """
    site = Site()
    moodle = side(site)
    steps = moodle.look_ahead([students(0, 4500), students(0, 100), students(4000, 1000)])
    seen = [site.asked["resolved"] for _ in steps]

    assert seen == [0, 2000, 4000, 4000, 4000, 4000]
    assert site.asked == {"resolved": 5000, "fresh": 1}


def test_accounts_that_are_known_are_not_looked_up_ahead() -> None:
    """The first ones are enough to tell; the others are not even read."""
    site = Site(numbered=students(0, 4500))

    def ledger() -> Iterator[set[str]]:
        yield students(100, 4500)  # a hundred are new
        raise AssertionError("the ledger was read on")

    list(side(site).look_ahead(ledger()))

    assert site.asked["resolved"] == 0


def test_a_moodle_that_is_away_while_accounts_are_looked_up_ahead_is_not_the_end() -> None:
    """It may be back when the ends are compared, and is named then if it is not."""
    site = Site(away=True)
    moodle = side(site)

    assert list(moodle.look_ahead([students(0, 4500)])) == []
    with pytest.raises(Unavailable):
        moodle.view([COHORT], {"a"})
