"""The last word per key, and the gate of the revision."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.fold import Received, fold, judge_command
from schemas.records import Command
from tests.unit.cohorts.values import ABSENT, NOW, PRESENT, Book, announces, entry, says

BOOK = Book.of(entry("A", "s1", desired_revision=3))


@pytest.mark.parametrize(
    ("offset", "revision", "news"),
    [
        (9, 4, True),  # newer
        (9, 3, False),  # the same word again
        (9, 2, False),  # an older word
        (4, 3, False),  # of a replay
        (4, 4, True),  # set aside when its turn was, and of use now
    ],
)
def test_only_what_is_new_by_revision_is_news(offset: int, revision: int, news: bool) -> None:  # noqa: FBT001
    """Wherever it lies. Everything else changes no desired state and asks for a recheck."""
    folded = fold([Received(says("A", "s1", ABSENT, revision), 0, offset)], BOOK)

    assert len(folded.memberships) == news
    assert folded.rechecks == ({} if news else {("A", "s1"): offset})


def test_the_last_word_wins() -> None:
    """Of several records of one membership the batch keeps the last, and counts the others."""
    words = [says("A", "s2", PRESENT, 10), says("A", "s2", ABSENT, 11), says("A", "s2", PRESENT, 12)]
    folded = fold([Received(word, 0, 5 + at) for at, word in enumerate(words)], BOOK)

    assert [12] == [word.record.revision for word in folded.memberships]
    assert (2, {0: 8}, {0: 12}) == (folded.superseded, folded.next_offsets, folded.highest_revisions)


def test_news_of_a_key_makes_its_recheck_needless() -> None:
    """What is going to be applied anyway is not compared as well."""
    batch = [Received(says("A", "s1", PRESENT, 1), 0, 5), Received(says("A", "s1", ABSENT, 9), 0, 6)]

    assert fold(batch, BOOK).rechecks == {}


def test_cohorts_are_folded_apart() -> None:
    """A cohort's record and its memberships' do not shadow each other."""
    folded = fold([Received(announces("A", 7), 0, 5), Received(says("A", "s9", PRESENT, 8), 0, 6)], BOOK)

    assert (1, 1) == (len(folded.cohorts), len(folded.memberships))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([PRESENT, ABSENT])), max_size=20), st.integers(0, 20))
def test_a_replayed_beginning_changes_nothing(words: list[tuple[str, object]], again: int) -> None:
    """Telling the first records once more after the last leaves the same last words."""
    batch = [
        Received(says("Z", student, state, at + 1), 0, 5 + at)  # type: ignore[arg-type]
        for at, (student, state) in enumerate(words)
    ]
    repeated = [Received(word.record, 0, 100 + at) for at, word in enumerate(batch[:again])]
    once, twice = fold(batch, BOOK), fold([*batch, *repeated], BOOK)

    assert [word.record for word in once.memberships] == [word.record for word in twice.memberships]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"expires_at": NOW}, "expired"),
        ({"author": " "}, "without_author"),
        ({"kind": "delete"}, "unknown_kind"),
        ({"kind": "approve"}, "incomplete"),
        ({"kind": "approve", "student": "s1", "revision": 1, "hash": "h"}, None),
    ],
)
def test_commands_are_followed_only_when_whole_and_in_time(changes: dict[str, object], reason: str | None) -> None:
    """A command names its author, its time and what exactly it is about."""
    plain: dict[str, object] = {
        "id": "1",
        "kind": "recheck",
        "cohort": "A",
        "author": "ana",
        "issued_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
    }
    refusal = judge_command(Command(**(plain | changes)), NOW)  # type: ignore[arg-type]

    assert reason == (refusal.reason if refusal else None)
