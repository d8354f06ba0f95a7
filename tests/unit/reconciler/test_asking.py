"""What the consumer is asked, and what is still under way."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from consumers.reconciler.asking import Watched, commands_for
from consumers.reconciler.drift import Difference, Drift
from schemas.records import EntryStatus
from tests.unit.reconciler.test_compare import COHORT, HERE, WHEN


def asked(*differences: Difference) -> list[tuple[str, str, str | None]]:
    numbers = count()
    return [(one.kind, one.cohort, one.student) for one in commands_for(differences, WHEN, lambda: str(next(numbers)))]


def test_each_membership_is_asked_for_by_itself() -> None:
    """Exactly what differs."""
    some = [Difference(Drift.MISSING, "A", f"s{n}", n) for n in (2, 1)]

    assert asked(*some) == [("recheck", "A", "s1"), ("recheck", "A", "s2")]


def test_many_of_a_cohort_are_asked_for_as_a_whole() -> None:
    """One command, one read."""
    assert asked(*(Difference(Drift.MISSING, "A", f"s{n}", n) for n in range(50))) == [("recheck", "A", None)]


def test_members_without_a_student_are_asked_for_with_their_cohort() -> None:
    """Once, whatever else is to be looked at there."""
    foreign = Difference(Drift.FOREIGN, "A", None, 9)

    assert asked(foreign, Difference(Drift.MISSING, "A", "s1", 1)) == [("recheck", "A", None)]


def test_a_deleted_cohort_is_made_anew_when_the_consumer_knows() -> None:
    """Before that the consumer has to notice, since it refuses to make what is there."""
    gone = Difference(Drift.COHORT_DELETED, "A")

    assert asked(gone) == [("recheck", "A", None)]
    assert asked(replace(gone, known=True)) == [("recreate", "A", None)]


def test_what_was_asked_for_is_under_way_while_it_is_pending() -> None:
    """Others are nobody's business; a cohort that is made anew is, with everybody in it."""
    watched = Watched.of([Difference(Drift.MISSING, "INFO", "s1", 11)])
    watched.hear(replace(HERE, status=EntryStatus.PENDING))
    watched.hear(replace(HERE, student="s2", status=EntryStatus.PENDING))
    first = set(watched.pending)
    watched.hear(replace(HERE, status=EntryStatus.PARKED))
    whole = Watched.of([Difference(Drift.COHORT_DELETED, "INFO", known=True)])
    whole.hear(replace(COHORT, status=EntryStatus.PENDING))
    whole.hear(replace(HERE, status=EntryStatus.PENDING))

    assert (first, watched.pending) == ({("INFO", "s1")}, set())
    assert whole.pending == {("INFO", None), ("INFO", "s1")}
    assert (bool(watched), bool(Watched())) == (True, False)
