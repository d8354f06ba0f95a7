"""Drift, by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consumers.cohorts.strangers import CAUSE
from consumers.reconciler.compare import MoodleView, compare
from consumers.reconciler.drift import Comparison, Difference, Drift, Policy
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence

WHEN = datetime(2026, 11, 23, tzinfo=UTC)
COHORT = CohortEntry("INFO", "Informatics", CohortState.PRESENT, 1, EntryStatus.SETTLED, WHEN, moodle_id=7)
HERE = LedgerEntry(
    "INFO",
    "s1",
    Presence.PRESENT,
    2,
    Presence.PRESENT,
    2,
    owned=True,
    status=EntryStatus.SETTLED,
    since=WHEN,
    user_id=11,
)
GONE = replace(HERE, student="s2", desired=Presence.ABSENT, applied=Presence.ABSENT, user_id=12)


def moodle(*members: int, name: str = "Informatics", ids: tuple[int, ...] = (7,)) -> MoodleView:
    return MoodleView({7: name}, {"INFO": ids}, {7: members})


def test_a_released_cohort_is_not_compared() -> None:
    """Whatever Moodle has of it; one that came back since is."""
    released = replace(COHORT, state=CohortState.VANISHED, moodle_id=None, revision=9, forgotten=9)
    found = compare([released], [], moodle(11, 99))

    assert (found.cohorts, found.vanished, found.differences) == (0, 0, [])
    assert compare([replace(COHORT, revision=10, forgotten=9)], [HERE], moodle(11)).cohorts == 1


@pytest.mark.parametrize(
    ("entries", "view", "expected"),
    [
        ([HERE, GONE], moodle(11), []),
        ([HERE], moodle(), [Difference(Drift.MISSING, "INFO", "s1", 11)]),
        ([GONE], moodle(12), [Difference(Drift.EXTRA, "INFO", "s2", 12)]),
        ([HERE], moodle(11, 99), [Difference(Drift.FOREIGN, "INFO", None, 99)]),
        ([HERE], moodle(11, name="Other"), [Difference(Drift.COHORT_RENAMED, "INFO")]),
        ([HERE], moodle(11, ids=(7, 8)), [Difference(Drift.COHORT_DOUBLED, "INFO")]),
        ([HERE], MoodleView({}, {}, {}), [Difference(Drift.COHORT_DELETED, "INFO")]),
        ([HERE], MoodleView({7: "Informatics"}, {"INFO": (7,)}, {}), [Difference(Drift.COHORT_FORBIDDEN, "INFO")]),
        # a record named it, so it is ours as soon as Moodle has it
        ([replace(GONE, owned=False)], moodle(12), [Difference(Drift.EXTRA, "INFO", "s2", 12)]),
        # two keys of one account: the account stays while one of them is wanted
        ([HERE, replace(GONE, user_id=11)], moodle(11), []),
    ],
)
def test_drift_is_named_by_kind(entries: list[LedgerEntry], view: MoodleView, expected: list[Difference]) -> None:
    """Each kind from the one fact that makes it."""
    assert expected == compare([COHORT], entries, view).differences


STRANGER = replace(GONE, student="user:99", user_id=99, owned=False, cause=CAUSE)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        # on its way out
        (replace(STRANGER, status=EntryStatus.DUE), []),
        # removed once, and put there again by somebody
        (STRANGER, [Difference(Drift.EXTRA, "INFO", "user:99", 99)]),
        # let stay by a policy of later: reported as any other
        (replace(STRANGER, desired=Presence.UNKNOWN), [Difference(Drift.FOREIGN, "INFO", None, 99)]),
    ],
)
def test_a_foreign_member_with_an_entry_is_what_the_entry_says(entry: LedgerEntry, expected: list[Difference]) -> None:
    """The consumer gives them one where the policy is that they go."""
    assert expected == compare([COHORT], [HERE, entry], moodle(11, 99)).differences


def test_foreign_members_are_repaired_where_they_are_to_go() -> None:
    """Otherwise they are for a person."""
    found = compare([COHORT], [HERE], moodle(99))
    goes = Comparison(policy=Policy(foreign_go=True))
    goes.add(found)

    assert [one.kind for one in found.repairable] == [Drift.MISSING]
    assert [one.kind for one in goes.repairable] == [Drift.MISSING, Drift.FOREIGN]


@pytest.mark.parametrize("status", [s for s in EntryStatus if s is not EntryStatus.SETTLED])
def test_what_waits_is_no_drift(status: EntryStatus) -> None:
    """It is on its way, or waits for somebody who has been told already."""
    found = compare([COHORT], [replace(HERE, status=status), replace(GONE, status=status)], moodle(12))

    assert [] == found.differences
    assert Counter({status.value: 2}) == found.waiting


def test_a_member_whose_removal_was_discarded_is_no_drift() -> None:
    """A person decided that they stay; it is counted, so that nobody wonders. Once they are gone it is settled."""
    kept = replace(GONE, reason="removal_discarded")
    found, gone = compare([COHORT], [kept], moodle(12)), compare([COHORT], [kept], moodle())

    assert (found.differences, found.waiting, found.agreed) == ([], Counter(removal_discarded=1), 0)
    assert (gone.differences, gone.waiting, gone.agreed) == ([], Counter(), 1)


def test_a_cohort_that_is_not_made_yet_is_no_drift() -> None:
    """Its members wait with it."""
    found = compare([replace(COHORT, moodle_id=None)], [replace(HERE, status=EntryStatus.PARKED)], moodle())

    assert [] == found.differences
    assert Counter(parked=1) == found.waiting


def test_a_vanished_cohort_is_compared_like_any_other() -> None:
    """Its members stay, also against somebody's hand in Moodle."""
    found = compare([replace(COHORT, state=CohortState.VANISHED)], [HERE], moodle())

    assert 1 == found.vanished
    assert [Difference(Drift.MISSING, "INFO", "s1", 11)] == found.differences
