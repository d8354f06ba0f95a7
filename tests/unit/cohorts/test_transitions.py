"""How entries change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.cohorts import transitions
from consumers.cohorts.comparing import Rules, compare
from consumers.cohorts.plan import build_plan
from consumers.cohorts.reasons import Reason
from schemas.records import CohortState, EntryStatus, LedgerEntry
from tests.unit.cohorts.values import (
    ABSENT,
    MINUTE,
    NOW,
    PRESENT,
    UNKNOWN,
    Book,
    announces,
    cohort,
    entry,
    leaver,
    member,
    says,
)

LATER = NOW + 10 * MINUTE
RULES = Rules(LATER, MINUTE, 5 * MINUTE)


@pytest.mark.parametrize(
    ("before", "word", "status", "due_at"),
    [
        (None, PRESENT, EntryStatus.PENDING, None),
        (None, ABSENT, EntryStatus.DUE, LATER + MINUTE),
        (member(), ABSENT, EntryStatus.DUE, LATER + MINUTE),
        (member(), PRESENT, EntryStatus.SETTLED, None),
        # An addition may have been sent in between, and nobody lived to say so: Moodle is looked at.
        (entry(applied=ABSENT, user_id=1), ABSENT, EntryStatus.DUE, LATER + MINUTE),
        (leaver(applied=ABSENT, status=EntryStatus.SETTLED), ABSENT, EntryStatus.DUE, LATER + MINUTE),
        (leaver(), PRESENT, EntryStatus.SETTLED, None),  # the last word wins while a removal waits
        (leaver(due_at=NOW), ABSENT, EntryStatus.DUE, NOW),  # told again: the wait does not begin anew
        (leaver(status=EntryStatus.HELD), ABSENT, EntryStatus.HELD, NOW),
        (leaver(due_at=NOW, reason=Reason.RELEASED), ABSENT, EntryStatus.DUE, LATER + MINUTE),  # that was another one
        (entry(status=EntryStatus.PARKED, reason=Reason.NO_ACCOUNT), PRESENT, EntryStatus.PARKED, None),
        (entry(status=EntryStatus.QUARANTINED, reason=Reason.ADD_UNKNOWN), ABSENT, EntryStatus.QUARANTINED, None),
    ],
)
def test_a_word_is_taken_in(before: LedgerEntry | None, word: object, status: EntryStatus, due_at: object) -> None:
    """Where it puts the membership; a call in doubt is never reversed by it."""
    after = transitions.take_in(before, says(state=word, revision=9), LATER, MINUTE)  # type: ignore[arg-type]

    assert (word, 9, status, due_at) == (after.desired, after.desired_revision, after.status, after.due_at)


def test_an_answer_to_an_older_word_leads_to_the_newer_one() -> None:
    """The membership was unwanted while it was being added: it is there now, ours, and due to leave."""
    changed = entry(desired=ABSENT, desired_revision=2)
    after = transitions.shown(changed, PRESENT, 7, LATER, MINUTE, revision=1)

    assert (EntryStatus.DUE, 7, 1, True) == (after.status, after.user_id, after.applied_revision, after.owned)


def test_a_success_within_a_quarantine_does_not_end_it() -> None:
    """The earlier call may still arrive, so the row is not reversed before its time."""
    doubt = transitions.quarantine(entry(), Reason.ADD_UNKNOWN, 7, NOW)
    after = transitions.shown(doubt, PRESENT, 7, LATER, MINUTE, quarantine_over=False)

    assert (EntryStatus.QUARANTINED, PRESENT, NOW) == (after.status, after.applied, after.since)


def test_a_removal_that_was_rolled_back_is_due_at_once() -> None:
    """It has waited its time; one that a person released stays released."""
    sent = transitions.quarantine(leaver(), Reason.REMOVAL_UNKNOWN, 1, NOW)
    again = transitions.not_applied(sent, LATER, MINUTE)
    released = transitions.not_applied(sent, LATER, MINUTE, released=True)

    assert (EntryStatus.DUE, LATER) == (again.status, again.due_at)
    assert released.reason == Reason.RELEASED


@pytest.mark.parametrize(
    ("before", "record", "status", "reason"),
    [
        (None, {}, EntryStatus.PENDING, ""),
        (None, {"colliding_with": "a"}, EntryStatus.PARKED, Reason.COLLIDING),
        (cohort(), {"colliding_with": "a"}, EntryStatus.PARKED, Reason.COLLIDING),
        (cohort(), {}, EntryStatus.SETTLED, ""),
        (cohort(), {"state": CohortState.VANISHED}, EntryStatus.SETTLED, ""),
        (cohort(status=EntryStatus.PARKED, reason=Reason.COLLIDING), {}, EntryStatus.SETTLED, ""),
        (cohort(status=EntryStatus.PARKED, reason=Reason.COHORT_GONE), {}, EntryStatus.PARKED, Reason.COHORT_GONE),
        (cohort("A", None, status=EntryStatus.QUARANTINED), {}, EntryStatus.QUARANTINED, ""),
    ],
)
def test_a_cohort_is_taken_in(before: object, record: dict[str, object], status: EntryStatus, reason: str) -> None:
    """Its id in Moodle is kept; one that a person deleted is not made anew by a record."""
    after = transitions.take_in_cohort(before, announces(revision=9, **record), LATER)  # type: ignore[arg-type]

    assert (status, reason, 9) == (after.status, after.reason, after.revision)
    assert after.moodle_id == (before.moodle_id if before else None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("before", "members", "applied", "status"),
    [
        (member(), {1}, PRESENT, EntryStatus.SETTLED),
        (member(), set(), ABSENT, EntryStatus.PENDING),  # taken out by hand: added again
        (entry(), {1}, PRESENT, EntryStatus.SETTLED),  # found: ours from now on
        (entry(), set(), UNKNOWN, EntryStatus.PENDING),
        (leaver(applied=ABSENT, status=EntryStatus.SETTLED), {1}, PRESENT, EntryStatus.DUE),  # put in by hand
        (leaver(), set(), ABSENT, EntryStatus.SETTLED),
        (leaver(applied=UNKNOWN), set(), UNKNOWN, EntryStatus.DUE),  # an addition may still arrive
        (leaver(applied=UNKNOWN), {1}, PRESENT, EntryStatus.DUE),
        (leaver(status=EntryStatus.HELD), set(), ABSENT, EntryStatus.SETTLED),
        (leaver(status=EntryStatus.SETTLED, applied=ABSENT, reason=Reason.OTHER_KEY), {1}, ABSENT, EntryStatus.SETTLED),
        (leaver(status=EntryStatus.QUARANTINED), {1}, PRESENT, EntryStatus.DUE),  # over: as Moodle shows
        (leaver(status=EntryStatus.QUARANTINED), set(), ABSENT, EntryStatus.SETTLED),
        (leaver(status=EntryStatus.QUARANTINED, since=LATER), set(), PRESENT, EntryStatus.QUARANTINED),  # not over
    ],
)
def test_what_a_look_at_moodle_changes(
    before: LedgerEntry, members: set[int], applied: object, status: EntryStatus
) -> None:
    """Agreement changes nothing; a difference is repaired, removals after their settling time."""
    after = compare(before, members, Book(accounts={"s1": 1}), RULES)

    assert (applied, status) == (after.applied, after.status)
    assert compare(after, members, Book(accounts={"s1": 1}), RULES) == after


def test_a_removal_is_never_moved_to_another_account() -> None:
    """The key means account 2 today; what was applied to account 1 stays there."""
    gone = leaver(user_id=1, applied=ABSENT, status=EntryStatus.SETTLED)

    assert compare(gone, {2}, Book(accounts={"s1": 2}), RULES) == gone


def test_since_tells_when_a_state_began() -> None:
    """Parking what is parked for the same reason keeps the moment."""
    parked = transitions.park(entry(), Reason.NO_ACCOUNT, NOW)

    assert transitions.park(parked, Reason.NO_ACCOUNT, LATER) == parked
    assert transitions.park(parked, Reason.AMBIGUOUS, LATER).since == LATER
    assert transitions.unpark(parked, LATER, timedelta(0)) == replace(entry(), since=LATER)


def test_a_discarded_removal_leaves_the_member_until_the_source_speaks_anew() -> None:
    """Whatever is read of Moodle meanwhile; a new word makes it due again, and a person who took the member out ends it."""
    held = transitions.hold(leaver(applied=UNKNOWN), Reason.REMOVAL_LIMIT, NOW)
    kept = transitions.discard(held, NOW)
    seen = [
        compare(entry, members, Book.of(entry), Rules(NOW, MINUTE, MINUTE))
        for entry in (kept, transitions.no_longer_shown(kept, NOW, MINUTE))
        for members in ({1}, set[int]())
    ]
    anew = transitions.take_in(kept, says(state=ABSENT, revision=3), NOW, MINUTE)
    again = transitions.take_in(kept, says(state=PRESENT, revision=3), NOW, MINUTE)

    assert (kept.status, kept.reason, kept.applied) == (EntryStatus.SETTLED, Reason.DISCARDED, PRESENT)
    assert [(one.status, one.reason, one.applied) for one in (seen[0], seen[2])] == [
        (EntryStatus.SETTLED, Reason.DISCARDED, PRESENT)
    ] * 2
    assert [(one.status, one.reason, one.applied) for one in (seen[1], seen[3])] == [
        (EntryStatus.SETTLED, "", ABSENT)
    ] * 2
    assert (anew.status, anew.reason) == (EntryStatus.DUE, Reason.SETTLING)
    assert (again.status, again.reason) == (EntryStatus.SETTLED, "")


def test_a_cohort_that_is_made_anew_has_no_number_until_it_is_there() -> None:
    """The one that it had is nobody's, so nobody may be added under it."""
    gone = transitions.park_cohort(cohort("A", 10), Reason.COHORT_GONE, NOW)
    opened = transitions.reopen_cohort(gone, LATER)
    book = Book.of(entry(), accounts={"s1": 1})
    book.cohorts["A"] = opened
    plan = build_plan([entry()], book, book, {}, now=LATER, sibling_wait=MINUTE)

    assert (opened.moodle_id, opened.status, opened.reason) == (None, EntryStatus.PENDING, "")
    assert not plan.additions
    assert not plan.findings
