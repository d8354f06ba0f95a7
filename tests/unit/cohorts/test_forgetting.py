"""What a tombstone is about."""

from __future__ import annotations

import pytest

from consumers.cohorts.forgetting import Tombstone, judge
from consumers.cohorts.resets import reset_cohort
from consumers.cohorts.transitions import release_cohort, take_in_cohort
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry
from tests.unit.cohorts.values import NOW, announces, cohort, member

VANISHED, GONE = CohortState.VANISHED, cohort(state=CohortState.VANISHED)


@pytest.mark.parametrize(
    ("place", "entry", "verdict"),
    [
        (GONE, None, Tombstone.RELEASE),
        (GONE, member(), Tombstone.RELEASE),
        (release_cohort(GONE, 9, NOW), None, Tombstone.RELEASE),
        (None, None, Tombstone.NOTHING),
        (cohort(state=CohortState.UNKNOWN, revision=0), None, Tombstone.NOTHING),
        (cohort(state=CohortState.UNKNOWN, revision=0), member(desired_revision=0), Tombstone.NOTHING),
        (None, member(), Tombstone.UNUSABLE),
        (cohort(state=CohortState.UNKNOWN, revision=0), member(), Tombstone.UNUSABLE),
        (cohort(), None, Tombstone.UNUSABLE),
        (cohort(), member(), Tombstone.UNUSABLE),
        (cohort(state=CohortState.UNKNOWN), None, Tombstone.UNUSABLE),
    ],
)
def test_only_what_has_vanished_is_released(
    place: CohortEntry | None, entry: LedgerEntry | None, verdict: Tombstone
) -> None:
    """What nobody has heard of is nothing to forget; all else is still there."""
    assert judge(place, entry) is verdict


def test_a_partition_that_is_begun_anew_knows_no_bound() -> None:
    """The topic may be another one, in which revisions begin anew; below an old bound its records would be no news."""
    assert reset_cohort(release_cohort(GONE, 9, NOW), NOW, other_site=False).forgotten == 0


def test_a_released_cohort_that_comes_back_is_looked_for() -> None:
    """And keeps the bound below which nothing is news."""
    released = release_cohort(GONE, 9, NOW)
    back = take_in_cohort(released, announces(revision=12), NOW)

    assert (released.status, released.moodle_id, released.forgotten) == (EntryStatus.SETTLED, None, 9)
    assert (back.status, back.moodle_id, back.forgotten) == (EntryStatus.PENDING, None, 9)
