"""Frozen lists of held removals: what was seen is what is decided about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.commands.holding import Item, compare, frozen_list, items_of, mark_of
from schemas.records import Command, EntryStatus, LedgerEntry
from tests.unit.cohorts.values import NOW, PRESENT, leaver

HOUR = timedelta(hours=1)


def held(cohort: str = "A", student: str = "s1", **more: Any) -> LedgerEntry:
    known: dict[str, Any] = {"status": EntryStatus.HELD, "reason": "removal_limit"}
    return replace(leaver(cohort, student), **(known | more))


def freezes(*items: Item, mark: str = "", hours: int = 24) -> list[Command]:
    return [
        Command("id", "freeze", item.cohort, "ana", NOW, NOW + hours * HOUR, item.student, item.revision, mark)
        for item in items
    ]


ITEMS = items_of([held("B", "s1"), held("A", "s2"), held("A", "s1")])


def test_a_hash_stands_for_exactly_one_list() -> None:
    """Not for the order in which it was found; but for who, where and the revision that says so."""
    marks = [mark_of(items_of([entry])) for entry in (held(), held("B"), held(student="s2"), held(desired_revision=3))]

    assert mark_of(ITEMS) == mark_of(reversed(ITEMS))
    assert len({*marks, mark_of(ITEMS), mark_of(ITEMS[:2])}) == 6


def test_a_list_is_read_back_as_it_was_frozen() -> None:
    """Also when it was frozen twice; it expires with the last time."""
    mark = mark_of(ITEMS)
    found = frozen_list([*freezes(*ITEMS, hours=30), *freezes(*ITEMS, hours=24)], mark)

    assert found is not None
    assert (sorted(found.items, key=str), found.until) == (sorted(ITEMS, key=str), NOW + 30 * HOUR)


def test_a_list_of_which_a_part_is_missing_is_none() -> None:
    """Whoever froze it was interrupted; the hash would stand for more than is there."""
    assert frozen_list(freezes(*ITEMS[:2]), mark_of(ITEMS)) is None
    assert frozen_list([], mark_of([])) is None
    assert frozen_list(freezes(*ITEMS, Item("C", "s", 1)), mark_of(ITEMS)) is None


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (held(), ""),
        (held(reason="siblings_not_shown"), ""),
        (None, "the ledger does not know it any more"),
        (held(desired=PRESENT, desired_revision=3), "the source has the student in the cohort again"),
        (held(desired_revision=3), "the source has said something newer of it"),
        (
            held(status=EntryStatus.DUE, reason="removal_released"),
            "it is not held any more, but due (removal_released)",
        ),
        (held(status=EntryStatus.SETTLED, reason=""), "it is not held any more, but settled"),
    ],
)
def test_what_has_changed_since_is_named_and_left(now: LedgerEntry | None, why: str) -> None:
    """Each with what changed; the rest of the list goes on."""
    other = held("B")
    items = items_of([held(), other])
    decision = compare(items, {(e.cohort, e.student): e for e in (now, other) if e is not None})

    assert decision.left == (((items[0], why),) if why else ())
    assert decision.going == (tuple(items) if not why else (items[1],))
