"""The plan, per cohort and Moodle user."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.breaker import mark_of
from consumers.cohorts.guard import guard
from consumers.cohorts.plan import Doubt, Plan, build_plan
from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, LedgerEntry
from tests.unit.cohorts.budgets import budget_for
from tests.unit.cohorts.values import ABSENT, MINUTE, NOW, PRESENT, Book, cohort, entry, leaver, member

HOUR = timedelta(hours=1)


def plan_of(
    book: Book, members: dict[str, set[int]] | None = None, candidates: list[LedgerEntry] | None = None
) -> Plan:
    chosen = list(book.entries.values()) if candidates is None else candidates
    return build_plan(chosen, book, book, members or {}, now=NOW, sibling_wait=HOUR)


def only_finding(plan: Plan) -> tuple[EntryStatus, str]:
    (finding,) = plan.findings
    return finding.status, finding.reason


def test_two_keys_of_one_account_are_one_addition() -> None:
    """The plan is about users; both keys are told when the user is there."""
    plan = plan_of(Book.of(entry(student="s1"), entry(student="s2", desired_revision=4), accounts={"s1": 1, "s2": 1}))

    (addition,) = plan.additions
    assert (1, (("s1", 1), ("s2", 4))) == (addition.user_id, addition.students)


@pytest.mark.parametrize(
    ("account", "reason"), [(Doubt.MISSING, Reason.NO_ACCOUNT), (Doubt.AMBIGUOUS, Reason.AMBIGUOUS)]
)
def test_who_has_no_single_account_is_parked(account: Doubt, reason: Reason) -> None:
    """Nothing is guessed."""
    plan = plan_of(Book.of(entry(), accounts={"s1": account}))

    assert only_finding(plan) == (EntryStatus.PARKED, reason)


def test_an_account_that_was_not_asked_for_yet_is_asked_for() -> None:
    """Until the directory has answered, nothing is decided."""
    plan = plan_of(Book.of(entry()))

    assert plan == Plan(unasked=frozenset({"s1"}))


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (None, Reason.COHORT_UNANNOUNCED),
        (cohort("A", None, status=EntryStatus.PARKED, reason=Reason.CATEGORY_MISSING), Reason.CATEGORY_MISSING),
    ],
)
def test_memberships_wait_with_their_cohort(known: object, reason: Reason) -> None:
    """A cohort that cannot be used parks its memberships under its own reason."""
    book = Book.of(entry(), accounts={"s1": 1})
    book.cohorts = {} if known is None else {"A": known}  # type: ignore[dict-item]

    assert only_finding(plan_of(book)) == (EntryStatus.PARKED, reason)


def test_a_cohort_being_made_is_waited_for() -> None:
    """No row is planned for a cohort without an id, and none is parked for it."""
    book = Book.of(entry(), accounts={"s1": 1})
    book.cohorts["A"] = cohort("A", None, status=EntryStatus.PENDING)

    assert plan_of(book) == Plan()


def test_a_removal_is_planned_only_after_a_look() -> None:
    """Until the cohort has been read, the plan asks for the read; then it removes who is there."""
    book = Book.of(leaver())

    assert plan_of(book).unread == {"A"}
    assert [1] == [removal.user_id for removal in plan_of(book, {"A": {1, 2}}).removals]


def test_who_is_not_there_is_not_removed() -> None:
    """Moodle logs removals of strangers too, so the ledger is put right without a call."""
    assert only_finding(plan_of(Book.of(leaver()), {"A": {2}})) == (EntryStatus.SETTLED, "")


def test_a_user_stays_while_another_key_wants_them() -> None:
    """Whether that key was applied already or only resolves to the same account."""
    applied = Book.of(leaver(), member(student="s2"))
    coming = Book.of(leaver(), entry(student="s2"), accounts={"s2": 1})

    for book in (applied, coming):
        plan = plan_of(book, {"A": {1}}, [book.entries["A", "s1"]])
        assert only_finding(plan) == (EntryStatus.SETTLED, Reason.OTHER_KEY)


def test_a_removal_waits_for_keys_that_are_not_resolved() -> None:
    """A key that might be of the same account is asked for first."""
    book = Book.of(leaver(), entry(student="s2"))
    plan = plan_of(book, {"A": {1}}, [book.entries["A", "s1"]])

    assert plan == Plan(unasked=frozenset({"s2"}))


def test_a_removal_goes_by_the_recorded_account() -> None:
    """A key that means another account today does not move the removal there."""
    plan = plan_of(Book.of(leaver(user_id=1), accounts={"s1": 2}), {"A": {1, 2}})

    assert [1] == [removal.user_id for removal in plan.removals]


def test_a_user_whom_a_wanted_key_means_by_now_stays() -> None:
    """Whatever was recorded, also if a person let the removal pass; in that cohort only."""
    book = Book.of(leaver(reason=Reason.RELEASED), member(student="s2", user_id=2), leaver("B"))
    plan = build_plan(
        [book.entries["A", "s1"], book.entries["B", "s1"]],
        book,
        book,
        {"A": {1, 2}, "B": {1}},
        now=NOW,
        sibling_wait=HOUR,
        meant={("A", 1)},
    )

    assert only_finding(plan) == (EntryStatus.SETTLED, Reason.OTHER_KEY)
    assert [("B", 1)] == [(removal.cohort, removal.user_id) for removal in plan.removals]


@pytest.mark.parametrize(
    ("sibling", "waits"),
    [
        (entry("B"), True),
        (member("B"), False),
        (member("B", status=EntryStatus.QUARANTINED, reason=Reason.REMOVAL_UNKNOWN), True),
        (leaver("B"), False),  # left again: nothing to wait for
        (leaver("B", siblings=("C",)), True),  # left again for a third, which is not entered yet
    ],
)
def test_a_move_enters_before_it_leaves(sibling: LedgerEntry, waits: bool) -> None:  # noqa: FBT001
    """A removal waits until the ledger is sure of its siblings."""
    book = Book.of(leaver(siblings=("B",)), sibling, accounts={"s1": 1})
    plan = plan_of(book, {"A": {1}}, [book.entries["A", "s1"]])

    assert (plan.waiting, len(plan.removals)) == (({("A", "s1")}, 0) if waits else (frozenset(), 1))


@pytest.mark.parametrize(("members", "waits"), [({"A": {1}}, True), ({"A": {1}, "B": {1}}, False)])
def test_a_sibling_of_another_consumer_is_seen_in_moodle(members: dict[str, set[int]], waits: bool) -> None:  # noqa: FBT001
    """What is not in our ledger is read."""
    book = Book.of(leaver(siblings=("B",)), others=frozenset({"B"}))

    assert bool(plan_of(book, members).waiting) is waits


def test_a_sibling_that_never_comes_holds_the_removal() -> None:
    """After the waiting time it is for a person."""
    book = Book.of(leaver(siblings=("B",), due_at=NOW - HOUR), entry("B"))
    plan = plan_of(book, {"A": {1}}, [book.entries["A", "s1"]])

    assert only_finding(plan) == (EntryStatus.HELD, Reason.SIBLINGS)


def test_a_released_removal_waits_for_nothing() -> None:
    """A person has looked."""
    book = Book.of(leaver(siblings=("B",), reason=Reason.RELEASED), entry("B"))
    (removal,) = plan_of(book, {"A": {1}}, [book.entries["A", "s1"]]).removals

    assert removal.released


def test_an_addition_in_doubt_is_repeated_for_the_same_account() -> None:
    """While a call may still arrive, only the same row may be sent again."""
    doubt = entry(status=EntryStatus.QUARANTINED, reason=Reason.ADD_UNKNOWN, user_id=1)

    assert [1] == [add.user_id for add in plan_of(Book.of(doubt, accounts={"s1": 2})).additions]


def test_a_plan_is_a_value() -> None:
    """The same facts in any order print and hash alike; a change changes the hash."""
    entries = [entry(student=f"s{n}") for n in range(5)]
    accounts: dict[str, int | Doubt] = {f"s{n}": 9 - n for n in range(5)}
    one = plan_of(Book.of(*entries, accounts=accounts))
    other = plan_of(Book.of(*reversed(entries), accounts=accounts))

    assert (str(one), one.digest(), one) == (str(other), other.digest(), other)
    assert one.digest() != plan_of(Book.of(*entries[1:], accounts=accounts)).digest()
    assert one.counts()["additions"] == 5
    assert [add.user_id for add in one.additions] == sorted(add.user_id for add in one.additions)


def test_the_guard_holds_removals_past_the_budget_and_never_additions() -> None:
    """In the plan's order; what was let pass before passes again; what a person released costs nothing."""
    leavers = [leaver(student=f"s{n}", user_id=n) for n in range(1, 5)]
    book = Book.of(*leavers, entry("B", "s9"), accounts={"s9": 9})
    plan = plan_of(book, {"A": {1, 2, 3, 4}})
    first = guard(plan, budget_for({"A": 4}))
    again = guard(plan, budget_for({"A": 4}, approved=dict.fromkeys(map(mark_of, first.approved.removals))))

    assert ([1, 2], [3, 4]) == ([r.user_id for r in first.approved.removals], [r.user_id for r in first.held])
    assert (first.approved.additions, again.approved, again.held) == (plan.additions, first.approved, first.held)
    assert not guard(plan_of(Book.of(leaver(reason=Reason.RELEASED)), {"A": {1}}), budget_for({"A": 0})).held


WORDS = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["s1", "s2", "s3"])),
    st.sampled_from([PRESENT, ABSENT]),
    max_size=6,
)


@given(WORDS, st.sets(st.tuples(st.sampled_from("AB"), st.sampled_from([1, 2])), max_size=4))
def test_applying_a_plan_reaches_what_is_desired_and_twice_changes_nothing(
    words: dict[tuple[str, str], object], before: set[tuple[str, int]]
) -> None:
    """With two keys on one account: a user is where any of their keys wants them, and the second plan is empty."""
    accounts: dict[str, int | Doubt] = {"s1": 1, "s2": 1, "s3": 2}
    entries = [
        entry(c, s, status=EntryStatus.PENDING) if state is PRESENT else leaver(c, s, accounts[s], due_at=NOW - MINUTE)  # type: ignore[arg-type]
        for (c, s), state in words.items()
    ]
    book = Book.of(*entries, accounts=accounts)
    actual = {name: {user for c, user in before if c == name} for name in "AB"}
    for _ in range(2):
        plan = plan_of(book, actual)
        for add in plan.additions:
            actual[add.cohort].add(add.user_id)
        for removal in plan.removals:
            actual[removal.cohort].remove(removal.user_id)
    wanted = {(c, accounts[s]) for (c, s), state in words.items() if state is PRESENT}
    named = {(c, accounts[s]) for c, s in words}

    assert wanted | (before - named) == {(c, user) for c, users in actual.items() for user in users}
    assert not plan_of(book, actual).removals
