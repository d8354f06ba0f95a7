"""The judge of the trials: every wrong that it is there for is noticed, and what is right is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consumers.cohorts.reasons import Reason
from schemas.records import EntryStatus, JournalEntry, LedgerEntry, MembershipChanged, Presence
from tests.kills.budgets import exceeded
from tests.kills.judge import Event, Kind, Published, Seen, judge

PRESENT, ABSENT = Presence.PRESENT, Presence.ABSENT
NOW = datetime(2026, 9, 1, tzinfo=UTC)


def word(revision: int, cohort: str, state: Presence, *siblings: str) -> Published:
    told = MembershipChanged(cohort, "s1", state, (), "enrolled", revision, "test", NOW, "f", siblings=siblings)
    return Published(told, float(revision))


def intent(revision: int, cohort: str, at: float, **more: object) -> JournalEntry:
    when = datetime.fromtimestamp(at, UTC)
    plain = JournalEntry(when, "intent", "run", cohort, "s1", "remove", user_id=1, revision=revision)
    return replace(plain, **more)  # type: ignore[arg-type]


def entry(cohort: str, desired: Presence, status: EntryStatus = EntryStatus.SETTLED, **more: object) -> LedgerEntry:
    applied = desired if status is EntryStatus.SETTLED else PRESENT
    plain = LedgerEntry(cohort, "s1", desired, 1, applied, 1, owned=True, status=status, since=NOW, user_id=1)
    return replace(plain, **more)  # type: ignore[arg-type]


def move(**more: object) -> Seen:
    """A student who went from A to B, as it should be."""
    plain = Seen(
        words=[word(1, "A", PRESENT), word(2, "B", PRESENT), word(3, "A", ABSENT, "B")],
        users={"s1": 1},
        events=[Event(10, True, "A", 1), Event(20, True, "B", 1), Event(30, False, "A", 1)],
        cohorts=["A", "B"],
        members={"A": set(), "B": {1}},
        ledger={("A", "s1"): entry("A", ABSENT), ("B", "s1"): entry("B", PRESENT)},
        journal=[intent(3, "A", 25)],
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def kinds(seen: Seen) -> set[Kind]:
    return {finding.kind for finding in judge(seen)}


def test_what_is_right_is_left_in_peace() -> None:
    """A move that added first, by a word for each step."""
    assert judge(move()) == []


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        pytest.param({"words": [word(1, "A", PRESENT), word(2, "B", PRESENT)]}, Kind.WRONG_REMOVAL, id="no-word"),
        pytest.param(
            {"words": [word(1, "A", PRESENT), word(2, "B", PRESENT), word(40, "A", ABSENT, "B")]},
            Kind.WRONG_REMOVAL,
            id="word-after-it",
        ),
        pytest.param({"journal": []}, Kind.WRONG_REMOVAL, id="no-intent"),
        pytest.param({"journal": [intent(3, "A", 35)]}, Kind.WRONG_REMOVAL, id="intent-after-it"),
        pytest.param({"journal": [intent(1, "A", 25)]}, Kind.WRONG_REMOVAL, id="intent-by-another-word"),
        pytest.param(
            {
                "events": [Event(10, True, "A", 1), Event(20, False, "A", 1), Event(30, True, "B", 1)],
                "journal": [intent(3, "A", 15)],
            },
            Kind.LEFT_EARLY,
            id="removed-first",
        ),
        pytest.param(
            {"events": [*move().events, Event(31, False, "A", 1)], "journal": [intent(3, "A", 25)] * 2},
            Kind.PHANTOM,
            id="removed-twice",
        ),
        pytest.param(
            {"events": [*move().events, Event(31, True, "A", 1), Event(32, False, "A", 1)]}, Kind.FLAP, id="flap"
        ),
        pytest.param({"cohorts": ["A", "B", "B"]}, Kind.DOUBLED, id="doubled"),
        pytest.param({"members": {"A": set(), "B": set()}}, Kind.LOST, id="lost"),
        pytest.param({"ledger": {("A", "s1"): entry("A", ABSENT)}}, Kind.LOST, id="lost-by-the-ledger"),
        pytest.param(
            {"ledger": {("A", "s1"): entry("A", PRESENT), ("B", "s1"): entry("B", PRESENT)}},
            Kind.LOST,
            id="word-lost-by-the-ledger",
        ),
        pytest.param({"members": {"A": {1}, "B": {1}}}, Kind.LEFT_OVER, id="left-over"),
        pytest.param({"members": {"A": set(), "B": {1, 7}}}, Kind.UNNAMED, id="a-stranger"),
        pytest.param({"foreign": {("B", 7)}}, Kind.WRONG_REMOVAL, id="a-stranger-removed"),
        pytest.param({"poison": 1}, Kind.LETTERS, id="a-letter-lost"),
        pytest.param({"letters": 1}, Kind.LETTERS, id="a-letter-too-many"),
    ],
)
def test_what_is_wrong_is_noticed(more: dict[str, object], kind: Kind) -> None:
    """Each change of the move that makes it wrong, by the name of the wrong."""
    assert kind in kinds(move(**more))


def test_who_has_no_account_may_wait() -> None:
    """As long as the ledger says so."""
    parked = entry("B", PRESENT, EntryStatus.PARKED, applied=Presence.UNKNOWN)
    plain: dict[str, object] = {"users": {}, "events": [], "members": {}, "journal": []}
    waits = move(**plain, ledger={("A", "s1"): entry("A", ABSENT), ("B", "s1"): parked})
    silent = move(**plain, ledger={("A", "s1"): entry("A", ABSENT), ("B", "s1"): entry("B", PRESENT)})

    assert (kinds(waits), kinds(silent)) == (set(), {Kind.LOST})


def test_what_the_breaker_holds_may_stay_where_it_guards() -> None:
    """Where an allowance lets all pass, nothing may be held."""
    held = entry("A", ABSENT, EntryStatus.HELD, reason=Reason.REMOVAL_LIMIT)
    seen = move(
        events=move().events[:2],
        members={"A": {1}, "B": {1}},
        ledger={("A", "s1"): held, ("B", "s1"): entry("B", PRESENT)},
        journal=[],
        guarded={"A"},
    )

    assert (kinds(seen), kinds(replace(seen, guarded=frozenset()))) == (set(), {Kind.LEFT_OVER})


def test_who_left_a_cohort_before_it_vanished_may_stay_in_it() -> None:
    """While the ledger holds the removal for that reason; of a cohort that is there nothing is held for it."""
    held = entry("A", ABSENT, EntryStatus.HELD, reason=Reason.COHORT_VANISHED)
    seen = move(
        events=move().events[:2],
        members={"A": {1}, "B": {1}},
        ledger={("A", "s1"): held, ("B", "s1"): entry("B", PRESENT)},
        journal=[],
        vanished={"A"},
    )

    assert (kinds(seen), kinds(replace(seen, vanished=frozenset()))) == (set(), {Kind.LEFT_OVER})


def test_a_removal_may_wait_for_a_cohort_that_moodle_does_not_show() -> None:
    """And for no other."""
    due = entry("A", ABSENT, EntryStatus.DUE, siblings=("B",))
    words = [*move().words, word(4, "B", ABSENT)]
    seen = move(
        words=words,
        events=move().events[:1],
        members={"A": {1}, "B": set()},
        ledger={("A", "s1"): due, ("B", "s1"): entry("B", ABSENT)},
        journal=[],
    )

    assert (kinds(seen), kinds(replace(seen, members={"A": {1}, "B": {1}}))) == (set(), {Kind.LEFT_OVER})


@pytest.mark.parametrize(("leave", "found"), [(2, 0), (3, 1), (6, 2)])
def test_more_intents_than_the_budgets_are_noticed(leave: int, found: int) -> None:
    """Two of a small partition may leave in a day, five of a small cohort; what a person released counts not."""
    intents = [intent(number, "A", 25.0) for number in range(leave)]
    released = [intent(99, "A", 25.0, reason=Reason.RELEASED)]
    events = [Event(10, True, "A", user) for user in range(40)]

    assert found == len(list(exceeded(move(events=events, journal=intents + released), {"A"}, lambda _: 0)))
