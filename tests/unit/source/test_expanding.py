"""Whom a rush brings up, and how many of them at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.source.examining import MOST_VALUES
from connector.source.expanding import Expansion
from connector.source.hints import HintRow
from connector.source.hints.following import Answer
from tests.unit.source.world import Site, settings

STAMP = datetime.fromisoformat("2026-09-01T08:00:00")
MOST = 10 * MOST_VALUES


def expansion(*rows: HintRow, keys: frozenset[str] = frozenset()) -> Expansion:
    site = Site(apogee=settings(hints=[{"cursor": "STAMP"}]))
    site.poller.run_once()
    return Expansion(site.poller.workers["apogee"].feed, Answer(rows, len(rows), keys=keys), by_cohort=False)


def test_the_students_of_a_rush_are_brought_up_some_at_a_time() -> None:
    """However many there are; each is brought up once, with those whom keys alone name."""
    rows = [HintRow(f"s{number:05}", STAMP) for number in range(2 * MOST + 10)]
    rush = expansion(*rows, keys=frozenset({"gone"}))
    taken = []
    while not rush.exhausted:
        taken.append(rush.take())

    assert [MOST, MOST, 11] == [len(subjects) for subjects in taken]
    assert {"gone", *(row.subject for row in rows)} == {student for subjects in taken for student in subjects}


def test_all_rows_of_a_student_meet_however_far_apart_they_came() -> None:
    """So that nobody is looked at twice: with every value that brought them up, and the newest stamp."""
    later = STAMP + timedelta(minutes=1)
    others = [HintRow(f"s{number:05}", STAMP) for number in range(MOST)]
    rush = expansion(HintRow("a", STAMP), *others, HintRow("a ", later, deleted=True))
    (first, second) = rush.take(), rush.take()

    assert (frozenset({"a", "a "}), True, later.isoformat()) == (
        first["a"].values,
        first["a"].deleted,
        first["a"].stamp.position,
    )
    assert rush.exhausted
    assert [MOST, 1] == [len(first), len(second)]
    assert "a" not in second


def test_values_that_make_no_key_do_not_hold_up_the_end() -> None:
    """The checkpoint goes with the last portion, so it must be known which one that is."""
    rush = expansion(HintRow("   ", STAMP), HintRow("a", STAMP), HintRow("", STAMP))

    assert ["a"] == list(rush.take())
    assert rush.exhausted
