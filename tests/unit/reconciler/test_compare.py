"""Drift, by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from consumers.cohorts.strangers import CAUSE
from consumers.reconciler.compare import MoodleView, compare
from consumers.reconciler.drift import Comparison, Difference, Drift, Policy, Treatment
from consumers.reconciler.settings import ReconcileSettings
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


@pytest.mark.parametrize(
    ("entries", "view"),
    [
        ([HERE], moodle()),
        ([HERE, GONE], moodle(11, 12)),
        ([HERE], moodle(11, 99)),
        ([HERE], moodle(11, name="Archive: Informatics")),
        ([HERE], moodle(11, ids=(7, 8))),
        ([HERE], MoodleView({}, {}, {})),
        ([HERE], MoodleView({7: "Informatics"}, {"INFO": (7,)}, {7: [11]}, in_system=())),
        ([HERE], MoodleView({7: "Informatics"}, {"INFO": (7,)}, {})),
    ],
)
def test_what_people_do_with_a_vanished_cohort_is_theirs(entries: list[LedgerEntry], view: MoodleView) -> None:
    """They empty it, fill it, rename, double, move, delete or lock it: it is counted, nothing is put back, nobody need act."""
    found = compare([replace(COHORT, state=CohortState.VANISHED)], entries, view)

    assert len(compare([COHORT], entries, view).differences) == 1
    assert (found.vanished, found.differences, found.parts) == (1, [], {})
    assert found.waiting["in_vanished_cohorts"] == 1


def test_a_vanished_cohort_that_is_as_it_was_agrees() -> None:
    """Its members are counted as those of any other."""
    found = compare([replace(COHORT, state=CohortState.VANISHED)], [HERE, GONE], moodle(11))

    assert (found.vanished, found.agreed, found.waiting) == (1, 2, Counter())


PARKED = replace(
    HERE, user_id=None, status=EntryStatus.PARKED, reason="student_without_account", applied=Presence.UNKNOWN
)


@pytest.mark.parametrize(
    ("entry", "members", "accounts", "deleted", "expected"),
    [
        (HERE, [], {"s1": None}, [11], (Drift.USER_DELETED, 11)),
        (HERE, [], {"s1": None}, [], (Drift.MISSING, 11)),
        (HERE, [], {"s1": 21}, [11], (Drift.USER_MERGED, 11)),
        (HERE, [21], {"s1": 21}, [], (Drift.USER_MERGED, 11)),
        (HERE, [11], {"s1": 21}, [], (Drift.ACCOUNT_CHANGED, 11)),
        (HERE, [11], {"s1": 11}, [], None),
        (HERE, [11], {"s1": None}, [], None),
        (PARKED, [], {"s1": 21}, [], (Drift.ACCOUNT_FOUND, 21)),
        (PARKED, [], {"s1": None}, [], None),
        (replace(PARKED, reason="row_refused"), [], {"s1": 21}, [], None),
    ],
)
def test_accounts_that_are_gone_or_others_are_told_apart(
    entry: LedgerEntry,
    members: list[int],
    accounts: dict[str, int | None],
    deleted: list[int],
    expected: tuple[Drift, int] | None,
) -> None:
    """By where the student's key leads now, and by whether the recorded account is there."""
    view = replace(moodle(*members), accounts=accounts, deleted=deleted)

    assert compare([COHORT], [entry], view).differences == (
        [] if expected is None else [Difference(expected[0], "INFO", "s1", expected[1])]
    )


@pytest.mark.parametrize(
    ("category", "in_system", "moved"),
    [(None, {7}, False), (None, set(), True), ("SCI", {7}, True), ("SCI", set(), False), (None, None, False)],
)
def test_a_cohort_that_is_not_in_its_place_is_told(
    category: str | None, in_system: set[int] | None, *, moved: bool
) -> None:
    """As far as Moodle tells: nothing is said where the system may not be searched."""
    found = compare([replace(COHORT, category=category)], [HERE], replace(moodle(11), in_system=in_system))

    assert found.differences == ([Difference(Drift.COHORT_MOVED, "INFO")] if moved else [])


@pytest.mark.parametrize(
    ("category", "listed", "in_system", "moved"),
    [
        ("SCI", {"SCI": {7}, "ART": {8}}, set(), False),
        ("SCI", {"SCI": {9}, "ART": {7}}, set(), True),
        ("SCI", {"SCI": {9}}, set(), True),
        ("SCI", {"SCI": {9}}, None, True),
        ("SCI", {"ART": {7}}, set(), True),
        ("SCI", {"ART": {8}}, set(), False),
        ("SCI", {"ART": {8}}, {7}, True),
        (None, {"ART": {7}}, None, True),
        (None, {"ART": {8}}, {7}, False),
    ],
)
def test_a_cohort_in_another_category_is_told(
    category: str | None, listed: dict[str, set[int]], in_system: set[int] | None, *, moved: bool
) -> None:
    """Where the cohorts of the one that it should be in, or of the one that it is in, could be listed."""
    view = replace(moodle(11), in_system=in_system, in_categories=listed)
    found = compare([replace(COHORT, category=category)], [HERE], view)

    assert found.differences == ([Difference(Drift.COHORT_MOVED, "INFO")] if moved else [])


def test_a_deleted_cohort_is_told_as_long_as_it_is_gone() -> None:
    """Also when the consumer has noticed and put it aside."""
    parked = replace(COHORT, status=EntryStatus.PARKED, reason="cohort_gone", moodle_id=None)
    waits = replace(HERE, status=EntryStatus.PARKED, reason="cohort_gone")
    found = compare([parked], [waits], MoodleView({}, {}, {}))

    assert found.differences == [Difference(Drift.COHORT_DELETED, "INFO", known=True)]
    assert found.waiting == {"parked": 1}


def test_doubled_cohorts_of_which_none_is_used_are_told() -> None:
    """The consumer cannot choose, so its memberships wait."""
    parked = replace(COHORT, status=EntryStatus.PARKED, reason="cohort_doubled", moodle_id=None)

    assert compare([parked], [], moodle(ids=(7, 8))).differences == [Difference(Drift.COHORT_DOUBLED, "INFO")]


@pytest.mark.parametrize(
    ("kind", "policy", "expected"),
    [
        (Drift.MISSING, Policy(), Treatment.REPAIRED),
        (Drift.MISSING, Policy(repair=()), Treatment.DECISION),
        (Drift.FOREIGN, Policy(), Treatment.DECISION),
        (Drift.FOREIGN, Policy(foreign_go=True), Treatment.REPAIRED),
        (Drift.FOREIGN, Policy(report=(Drift.FOREIGN,)), Treatment.REPORTED),
        (Drift.COHORT_DELETED, Policy(), Treatment.DECISION),
        (Drift.COHORT_DELETED, Policy(repair=(Drift.COHORT_DELETED,)), Treatment.REPAIRED),
        (Drift.ACCOUNT_FOUND, Policy(), Treatment.REPORTED),
        (Drift.ACCOUNT_FOUND, Policy(report=()), Treatment.DECISION),
        (Drift.COHORT_RENAMED, Policy(report=(Drift.COHORT_RENAMED,)), Treatment.REPORTED),
    ],
)
def test_what_is_done_about_a_kind_is_for_the_settings_to_say(kind: Drift, policy: Policy, expected: Treatment) -> None:
    """Repaired, only reported, or left to a person."""
    assert policy.treatment(kind) is expected


@pytest.mark.parametrize("settings", [{"repair": ["cohort_renamed"]}, {"repair": ["missing"], "report": ["missing"]}])
def test_settings_that_cannot_be_kept_are_refused(settings: dict[str, list[str]]) -> None:
    """What nobody could repair, and what is to be both."""
    with pytest.raises(ValidationError, match="cannot be"):
        ReconcileSettings.model_validate(settings)


@pytest.mark.parametrize("every", [0, "0s", "59s"])
def test_an_interval_that_never_ends_reading_is_refused(every: str | int) -> None:
    """Where other settings say never by 0, this would have read the sources whole without a pause."""
    with pytest.raises(ValidationError, match="at least a minute"):
        ReconcileSettings.model_validate({"every": every})
