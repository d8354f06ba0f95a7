"""What is parked, as a person gets to see it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.commands.waiting import age, as_lines, as_plain, gather
from consumers.cohorts.reasons import COHORT_REASONS, Reason
from consumers.cohorts.remedies import REMEDIES
from schemas.records import EntryStatus
from tests.unit.cohorts.values import MINUTE, NOW, cohort, entry, member

PARKED = EntryStatus.PARKED
LATE = entry("A", "s1", status=PARKED, reason=Reason.NO_ACCOUNT, since=NOW - 3 * MINUTE)
LATER = entry("B", "s1", status=PARKED, reason=Reason.NO_ACCOUNT, since=NOW)
STUCK = cohort("C", None, status=PARKED, reason=Reason.CATEGORY_MISSING, since=NOW - timedelta(days=3))
WITH_IT = entry("C", "s2", status=PARKED, reason=Reason.CATEGORY_MISSING, since=NOW)
ALL = (LATE, LATER, STUCK, WITH_IT, member("A", "s9"), cohort("A"))


def test_what_is_parked_is_gathered_by_reason() -> None:
    """The most first; what is not parked is left out."""
    found = gather(ALL)

    assert [(Reason.NO_ACCOUNT, 2, 1, 0), (Reason.CATEGORY_MISSING, 1, 1, 1)] == [
        (one.reason, len(one.members), one.students, len(one.cohorts)) for one in found
    ]
    assert [NOW - 3 * MINUTE, NOW - timedelta(days=3)] == [one.oldest for one in found]


@pytest.mark.parametrize(
    ("reasons", "cohorts", "left"),
    [
        ([Reason.NO_ACCOUNT], [], [LATE, LATER]),
        ([], ["C"], [STUCK, WITH_IT]),
        ([Reason.NO_ACCOUNT], ["B"], [LATER]),
        ([Reason.AMBIGUOUS], [], []),
    ],
)
def test_it_can_be_narrowed(reasons: list[str], cohorts: list[str], left: list[object]) -> None:
    """By reason, by cohort, by both."""
    assert left == [one for waiting in gather(ALL, reasons, cohorts) for one in (*waiting.cohorts, *waiting.members)]


def test_every_reason_to_park_has_its_remedy() -> None:
    """And no other has one."""
    assert REMEDIES.keys() == COHORT_REASONS | {Reason.NO_ACCOUNT, Reason.AMBIGUOUS, Reason.ROW_REFUSED}
    assert all(text.endswith(".") for text in REMEDIES.values())


def test_people_see_counts_ages_cohorts_and_remedies() -> None:
    """Nobody is named unless that is asked for."""
    shown = "\n".join(as_lines(gather(ALL), NOW, members=False))

    assert "student_without_account: 2 memberships of 1 students in 2 cohorts, for 3 minutes at most" in shown
    assert "  C  1 memberships, for 3 days" in shown
    assert REMEDIES[Reason.CATEGORY_MISSING] in shown
    assert shown.endswith("3 memberships and 1 cohorts are parked.")
    assert "s1" not in shown
    assert "    s1  since " in "\n".join(as_lines(gather(ALL), NOW, members=True))


def test_a_long_list_of_cohorts_is_cut_for_people_only() -> None:
    """It says how many it leaves out; machines get them all."""
    many = [entry(f"C{n:02d}", "s1", status=PARKED, reason=Reason.NO_ACCOUNT) for n in range(25)]
    (found,) = gather(many)

    assert any("and 5 more cohorts" in line for line in as_lines([found], NOW, members=False))
    assert len(as_plain(found, members=False)["cohorts"]) == 25
    assert not any("more cohorts" in line for line in as_lines([found], NOW, members=True))


def test_machines_get_members_only_if_asked() -> None:
    """They are personal data."""
    (found,) = gather([LATE])
    plain = as_plain(found, members=True)

    assert ["s1"] == [one["student"] for one in plain["members"]]
    assert plain.keys() - as_plain(found, members=False).keys() == {"members"}


def test_nothing_parked_is_said_too() -> None:
    """Rather than nothing."""
    assert ["Nothing is parked."] == list(as_lines([], NOW, members=False))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 seconds"), (90, "90 seconds"), (120, "2 minutes"), (7200, "2 hours"), (3 * 86400 + 5, "3 days")],
)
def test_ages_are_told_in_their_largest_unit(seconds: int, text: str) -> None:
    """A clock that differs from the consumer's makes no negative age."""
    assert text == age(timedelta(seconds=seconds))
