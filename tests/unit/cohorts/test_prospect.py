"""What a sink would do to its Moodle if it were adopted now."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.plan import Doubt
from consumers.cohorts.prospect import (
    Found,
    Place,
    Prospect,
    Word,
    look_ahead,
    mark_of,
    place_of,
    to_ask,
    to_ask_for_keys,
    word_anew,
    word_of,
)
from consumers.cohorts.reasons import Reason
from schemas.records import CohortState, EntryStatus
from tests.unit.cohorts.values import ABSENT, PRESENT, announces, cohort, entry, leaver, member, says

ACCOUNTS: dict[str, int | Doubt] = {"s1": 1, "s2": 2, "s3": 3, "twin": 1, "none": Doubt.MISSING, "two": Doubt.AMBIGUOUS}
HERE = Place("A", "A", CohortState.PRESENT)


def ahead(found: Found, *words: Word, place: Place = HERE) -> Prospect:
    return look_ahead(place, words, found, ACCOUNTS.__getitem__)


def kept(*members: int) -> Found:
    """A cohort that Moodle has."""
    return Found((10,), members={10: frozenset(members)})


def wants(student: str) -> Word:
    return Word(student, PRESENT)


def left(student: str) -> Word:
    return Word(student, ABSENT)


def test_a_cohort_that_is_missing_is_made() -> None:
    """With those who have an account; two keys of one account are one member."""
    told = ahead(Found(), wants("s1"), wants("twin"), wants("s2"), wants("none"), wants("two"), left("s3"))

    assert told == Prospect("A", "A", None, create=True, add=2, unplaced=2)


def test_a_cohort_with_members_is_taken_over() -> None:
    """Who is there already, who is foreign, and who has left, each by the account."""
    told = ahead(kept(1, 3, 9), wants("s1"), wants("s2"), left("s3"))

    assert told == Prospect("A", "A", 10, taken_over=True, add=1, there=1, foreign=(9,), remove=(3,))


def test_a_member_whom_any_key_wants_is_not_removed() -> None:
    """As the plan of a call has it."""
    assert not ahead(kept(1), wants("s1"), left("twin")).remove


def test_what_is_settled_is_no_work() -> None:
    """A removal that a person has discarded is not planned again, and its member is no foreigner."""
    settled = Word("s3", ABSENT, user_id=3, open=False)
    there = Word("s1", PRESENT, user_id=1, there=True, open=False)
    told = ahead(kept(1, 3), settled, there, place=replace(HERE, moodle_id=10))

    assert told == Prospect("A", "A", 10, there=1)


def test_a_removal_goes_by_the_account_that_was_recorded() -> None:
    """Whoever the key leads to by now."""
    assert ahead(kept(1, 7), Word("s1", ABSENT, user_id=7)).remove == (7,)


def test_who_carries_the_key_of_a_wanted_student_by_now_is_neither_removed_nor_foreign() -> None:
    """As the consumer decides; it is asked for where an account was recorded earlier, or a student has none."""
    there = Word("s2", PRESENT, user_id=2, there=True, open=False)
    words = [there, Word("s1", ABSENT, user_id=7)]
    first = ahead(kept(2, 7, 9), *words)
    told = look_ahead(HERE, words, kept(2, 7, 9), ACCOUNTS.__getitem__, {7})

    assert (first.remove, first.foreign) == ((7,), (9,))
    assert to_ask_for_keys(first, words) == {7, 9}
    assert (told.remove, told.foreign, told.there) == ((), (9,), 1)
    assert look_ahead(HERE, words, kept(2, 7, 9), ACCOUNTS.__getitem__, {9}).foreign == ()
    assert to_ask_for_keys(ahead(kept(7, 9), left("s3")), [left("s3")]) == frozenset()
    assert to_ask_for_keys(ahead(kept(9), wants("none")), [wants("none")]) == {9}


@pytest.mark.parametrize(
    ("place", "found", "waits"),
    [
        (Place("A"), Found(), "cohort_unannounced"),
        (replace(HERE, colliding=True), kept(9), "cohort_colliding"),
        (HERE, Found(alike=True), "cohort_colliding"),
        (HERE, Found((10, 11), members={10: frozenset({9}), 11: frozenset()}), "cohort_doubled"),
        (replace(HERE, state=CohortState.VANISHED), Found(), "cohort_vanished"),
        (replace(HERE, moodle_id=12), Found((10,), members={10: frozenset()}), "cohort_gone"),
        (HERE, Found((10,), members={}), "cohort_forbidden"),
    ],
)
def test_what_cannot_be_used_waits(place: Place, found: Found, waits: str) -> None:
    """For the reason that the ledger would give; nothing is added, removed or taken over there."""
    told = ahead(found, wants("s1"), wants("none"), left("s3"), place=place)

    assert (told.waits, told.unplaced, list(told.dangers())) == (waits, 1, [])


def test_the_later_word_of_ledger_and_topic_counts() -> None:
    """The ledger may be behind the topic, and the topic may be read before the ledger has anything."""
    assert word_of(None, says(state=ABSENT)) == Word("s1", ABSENT)
    assert word_of(entry(), None) == Word("s1", PRESENT)
    assert word_of(member(), says(state=ABSENT, revision=2)) == Word("s1", ABSENT, 1, there=True)
    assert word_of(member(), says(state=PRESENT, revision=2)) == Word("s1", PRESENT, 1, there=True, open=False)
    assert word_of(leaver(), says(state=PRESENT, revision=1)) == Word("s1", ABSENT, 1, there=True)
    assert word_of(replace(leaver(), status=EntryStatus.SETTLED), None) == Word("s1", ABSENT, 1, there=True, open=False)
    assert word_of(None, None) is None
    assert place_of("A", None, announces("A", colliding_with="a")) == Place(
        "A", "A", CohortState.PRESENT, colliding=True
    )
    assert place_of("A", cohort("A", 10), announces("A", revision=2, state=CohortState.VANISHED)) == Place(
        "A", "A", CohortState.VANISHED, moodle_id=10
    )
    assert place_of("A", cohort("A", 10), announces("A", revision=1)) == Place(
        "A", "A", CohortState.PRESENT, moodle_id=10
    )


def test_a_ledger_made_anew_keeps_what_a_person_has_in_hand() -> None:
    """Nothing else of it counts: not who is said to be there, nor what is due."""
    gone = says(state=ABSENT, revision=2)
    stays = Word("s1", ABSENT, 1, open=False)
    held = replace(leaver(), status=EntryStatus.HELD, reason=Reason.REMOVAL_LIMIT)
    discarded = replace(leaver(), status=EntryStatus.SETTLED, reason=Reason.DISCARDED)
    assert [word_anew(held, gone), word_anew(discarded, gone)] == [stays, stays]

    anew = Word("s1", ABSENT)
    assert [word_anew(None, gone), word_anew(leaver(), gone)] == [anew, anew]
    assert word_anew(discarded, replace(gone, revision=3)) == anew  # the source has said something new
    assert word_anew(held, says(revision=3)) == Word("s1", PRESENT)
    assert word_anew(member(), None) is None


def test_only_accounts_that_decide_something_are_asked_for() -> None:
    """Those who left years ago are no question where nobody is."""
    words = [wants("s1"), left("s2"), Word("s3", PRESENT, 3, there=True), Word("s4", ABSENT, 4)]

    assert list(to_ask(words, kept(9))) == ["s1", "s2"]
    assert list(to_ask(words, Found())) == ["s1"]
    assert list(to_ask(words, kept())) == ["s1"]


words = st.lists(
    st.builds(Word, st.sampled_from(sorted(ACCOUNTS)), st.sampled_from([PRESENT, ABSENT])),
    max_size=8,
    unique_by=lambda w: w.student,
)


@given(words=words, members=st.frozensets(st.integers(1, 9)))
def test_every_member_is_accounted_for_once(words: list[Word], members: frozenset[int]) -> None:
    """There, foreign or to be removed; and nobody is removed whom a record wants there."""
    told = ahead(kept(*members), *words)
    wanted = {ACCOUNTS[word.student] for word in words if word.desired is PRESENT}

    assert len(members) == told.there + len(told.foreign) + len(told.remove)
    assert wanted.isdisjoint(told.remove)
    assert wanted.isdisjoint(told.foreign)


@given(words=words, members=st.frozensets(st.integers(1, 9), min_size=1))
def test_the_hash_stands_while_additions_come_and_changes_with_every_danger(
    words: list[Word], members: frozenset[int]
) -> None:
    """One that did would never be confirmed in time; one that did not would confirm what nobody saw."""
    told = ahead(kept(*members), *words)
    more = ahead(kept(*members), *words, Word("new", PRESENT, 100, there=True))

    assert mark_of([told]) == mark_of([more]) == mark_of([replace(told, add=told.add + 1)])
    assert mark_of([told]) != mark_of([replace(told, foreign=(*told.foreign, 77))])
    assert mark_of([told]) != mark_of([replace(told, remove=(*told.remove, 77))])
    assert mark_of([told]) != mark_of([replace(told, moodle_id=11)])
    assert mark_of([told]) != mark_of([told, Prospect("B", "B", None, create=True)])


def test_the_order_of_cohorts_does_not_matter_to_the_hash() -> None:
    """Partitions are read in any order."""
    one, other = Prospect("A", "A", None, create=True), Prospect("B", "B", 3, foreign=(1, 2))

    assert mark_of([one, other]) == mark_of([other, one])
