"""Students, keys and accounts that do not go together one by one: nobody is added or removed in the place of another."""

from __future__ import annotations

import pytest

from consumers.cohorts.approvals import Approval, Approvals
from consumers.cohorts.plan import Removal
from consumers.cohorts.reasons import Reason
from consumers.cohorts.transitions import take_in
from schemas.records import EntryStatus, LedgerEntry, MembershipChanged, Presence
from tests.simulation.cohorts import COHORTS, FOREIGN, SETTINGS, STUDENTS, TWIN, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until

ABSENT, PRESENT = Presence.ABSENT, Presence.PRESENT
A, B = COHORTS[:2]
ONE, OTHER = STUDENTS[1], STUDENTS[5]
"""Whose accounts are 101 and 105."""


def day_with(*students: str) -> Day:
    """Cohorts A and B in Moodle; these students are in A."""
    day = Day(4, Chances(), crashes=0.0)
    day.moodle.on_removal = lambda _cohort, _user: (
        None
    )  # accounts move: the day's own check goes by who has the key now
    for cohort in (A, B):
        day._announce(cohort)
    for student in students:
        day._say(A, student, PRESENT)
    accounts = {day.moodle.accounts[student.strip().lower()] for student in students}
    turn_until(day, lambda: day.moodle.of(A) == accounts and day.moodle.number(B) is not None)
    return day


def entry(day: Day, student: str, cohort: str = A) -> LedgerEntry:
    return day.ledger()[cohort, student]


def recheck(day: Day, student: str) -> None:
    """As the reconciler asks, or a replay: the last word once more."""
    day._write(day.wanted[A, student])


def test_two_keys_of_one_account_are_one_member() -> None:
    """The account stays while one of them is wanted, and is removed once."""
    day = day_with(STUDENTS[0], TWIN)
    day._say(A, STUDENTS[0], ABSENT)
    turn_for(day, 30)
    stayed = day.moodle.of(A)
    day._say(A, TWIN, ABSENT)
    turn_for(day, 30)

    assert (stayed, day.moodle.of(A)) == ({100}, set())
    assert [(A, 100)] == day.moodle.added
    assert [(A, 100)] == day.moodle.removed
    assert not day.moodle.phantoms


def test_a_key_of_two_accounts_is_nobodys_until_one_is_left() -> None:
    """It is parked by name; who was added for it before is removed by the recorded number, whoever carries it by then."""
    day = day_with(ONE)
    day.moodle.doubled[ONE] = (101, 105)
    turn_for(day, 130)  # what was known of accounts is asked again
    day._say(B, ONE, PRESENT)
    turn_until(day, lambda: (B, ONE) in day.ledger() and entry(day, ONE, B).reason == Reason.AMBIGUOUS)
    day._say(A, ONE, ABSENT)
    turn_until(day, lambda: not day.moodle.of(A))
    nobody = day.moodle.of(B)
    del day.moodle.doubled[ONE]
    day.moodle.accounts[ONE] = 105
    turn_until(day, lambda: day.moodle.of(B) == {105})

    assert nobody == set()
    assert [(A, 101)] == day.moodle.removed


def test_a_key_that_moved_to_another_account_is_removed_where_it_was_added() -> None:
    """The new account, which somebody else may have put there, is left alone; the next addition is the new one's."""
    day = day_with(ONE)
    day.moodle.accounts[ONE] = 105
    day.moodle.members_in(A).update({105, FOREIGN})
    turn_for(day, 130)
    day._say(A, ONE, ABSENT)
    turn_until(day, lambda: 101 not in day.moodle.of(A))
    turn_for(day, 10)
    left = day.moodle.of(A)
    day.moodle.members_in(A).discard(105)
    day._say(A, ONE, PRESENT)
    turn_until(day, lambda: 105 in day.moodle.of(A))
    turn_for(day, 5)

    assert left == {105, FOREIGN}
    assert entry(day, ONE).user_id == 105
    assert not day.moodle.phantoms


def test_an_account_that_was_merged_into_another_is_followed() -> None:
    """The old one is deleted and its memberships go; the key is the new one's, who comes in by a look, and out again."""
    day = day_with(ONE)
    day.moodle.deleted.add(101)
    day.moodle.members_in(A).discard(101)
    day.moodle.accounts[ONE] = 106
    turn_for(day, 130)
    recheck(day, ONE)
    turn_until(day, lambda: day.moodle.of(A) == {106})
    day._say(A, ONE, ABSENT)
    turn_until(day, lambda: not day.moodle.of(A))

    assert [(A, 106)] == day.moodle.removed
    assert not day.moodle.phantoms


def test_a_deleted_account_blocks_nobody() -> None:
    """Its membership has gone with it: who leaves with it leaves, who is added with it is parked, the others go on."""
    day = day_with(*STUDENTS[1:9])
    day.moodle.deleted.add(101)  # its row has stayed, as it may after a merge or an import
    for student in STUDENTS[1:9]:
        day._say(A, student, ABSENT)
        day._say(B, student, PRESENT)
    turn_until(day, lambda: day.moodle.of(A) <= {101} and len(day.moodle.of(B)) == 7)
    turn_for(day, 20)

    assert (EntryStatus.PARKED, Reason.NO_ACCOUNT) == (entry(day, ONE, B).status, entry(day, ONE, B).reason)
    assert entry(day, ONE).applied is ABSENT
    assert not day.moodle.phantoms


def test_a_renamed_account_stays_where_it_is() -> None:
    """Its number is the same: nothing is sent."""
    day = day_with(ONE)
    writes = day.moodle.writes
    day.moodle.usernames[101] = "married"
    turn_for(day, 130)
    recheck(day, ONE)
    turn_for(day, 30)

    assert (writes, {101}) == (day.moodle.writes, day.moodle.of(A))


def test_a_cohort_that_may_not_be_looked_into_is_asked_for_ever_less_often() -> None:
    """Nobody is removed from it unseen, and Moodle is not kept busy with it; it goes on when the right is back."""
    day = day_with(ONE)
    number = day.moodle.number(A)
    assert number is not None
    day.moodle.closed.add(number)
    day._say(A, ONE, ABSENT)
    turn_for(day, 300)
    reads, stayed = day.moodle.member_reads, day.moodle.of(A)
    day.moodle.closed.clear()
    turn_until(day, lambda: not day.moodle.of(A))

    assert stayed == {101}
    assert reads <= 12


def test_a_cohort_that_a_person_renamed_is_still_the_same() -> None:
    """It is addressed by its number, so members come and go; no second one is made."""
    day = day_with(ONE)
    number = day.moodle.number(A)
    assert number is not None
    day.moodle.cohorts[number] = "renamed by hand"
    day._say(A, OTHER, PRESENT)
    day._say(A, ONE, ABSENT)
    turn_until(day, lambda: day.moodle.members[number] == {105})

    assert day.moodle.number(A) is None


def swap(day: Day) -> None:
    """The profile fields of two accounts are exchanged in Moodle."""
    accounts = day.moodle.accounts
    accounts[ONE], accounts[OTHER] = accounts[OTHER], accounts[ONE]


def test_who_carries_the_key_of_a_wanted_student_by_now_stays() -> None:
    """Two students' accounts have changed places: the one who leaves takes nobody out. The other's leaving does."""
    day = day_with(ONE, OTHER)
    swap(day)
    day._say(A, ONE, ABSENT)
    turn_for(day, 30)
    stayed, kept = day.moodle.of(A), entry(day, ONE)
    day._say(A, OTHER, ABSENT)
    turn_until(day, lambda: not day.moodle.of(A))

    assert stayed == {101, 105}
    assert (EntryStatus.SETTLED, Reason.OTHER_KEY) == (kept.status, kept.reason)
    assert sorted(day.moodle.removed) == [(A, 101), (A, 105)]
    assert not day.moodle.phantoms


def test_keys_that_went_round_three_accounts_take_out_nobody_who_is_wanted() -> None:
    """Each account is judged by the key that it carries now, though all three were recorded under another."""
    day = day_with(ONE, OTHER, STUDENTS[6])
    accounts = day.moodle.accounts
    accounts[ONE], accounts[OTHER], accounts[STUDENTS[6]] = 105, 106, 101
    day._say(A, ONE, ABSENT)
    turn_for(day, 30)
    stayed = day.moodle.of(A)
    day._say(A, STUDENTS[6], ABSENT)
    turn_until(day, lambda: 101 not in day.moodle.of(A))
    turn_for(day, 10)

    assert stayed == {101, 105, 106}
    # 106 carries the key of a student who is wanted, and 105 was added for that student.
    assert day.moodle.of(A) == {105, 106}


def test_keys_are_compared_as_the_directory_compares_them() -> None:
    """The account carries "s05" by now; the source writes that student with blanks and in capitals."""
    written = f"  {OTHER.upper()} "
    day = day_with(ONE, written)
    swap(day)
    day._say(A, ONE, ABSENT)
    turn_for(day, 30)
    stayed = day.moodle.of(A)
    day._say(A, written, ABSENT)
    turn_until(day, lambda: not day.moodle.of(A))

    assert stayed == {101, 105}


def test_a_swap_that_was_undone_before_the_removal_changes_nothing() -> None:
    """What counts is whom the key means at the time of the removal."""
    day = day_with(ONE, OTHER)
    swap(day)
    turn_for(day, 130)
    swap(day)
    day._say(A, ONE, ABSENT)
    turn_until(day, lambda: day.moodle.of(A) == {105})

    assert [(A, 101)] == day.moodle.removed


def test_a_swap_that_is_undone_later_is_found_when_the_membership_is_compared() -> None:
    """Nobody stays for a key that has moved back."""
    day = day_with(ONE, OTHER)
    swap(day)
    day._say(A, ONE, ABSENT)
    turn_until(day, lambda: entry(day, ONE).reason == Reason.OTHER_KEY)
    recheck(day, ONE)
    turn_for(day, 30)
    stayed = day.moodle.of(A)
    swap(day)
    recheck(day, ONE)
    turn_until(day, lambda: day.moodle.of(A) == {105})

    assert stayed == {101, 105}
    assert [(A, 101)] == day.moodle.removed


def test_a_student_who_is_named_after_the_look_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys were read, and then the source wants the student whose key the account carries: the call is not sent."""
    day = day_with(ONE)
    day._say(B, OTHER, PRESENT)  # the account that this student had until now is remembered
    turn_until(day, lambda: day.moodle.of(B) == {105})
    day.moodle.accounts[ONE], day.moodle.accounts[OTHER] = 107, 101
    parts = day.running[0].parts
    granted: list[Removal] = []

    def grant(approvals: Approvals, removal: Removal, approval: Approval) -> None:
        original(approvals, removal, approval)
        granted.append(removal)
        now = day.timeline.now()
        record = MembershipChanged(A, OTHER, PRESENT, (), "enrolled", 10**9, "test", now, "f")
        parts.ledger.put(take_in(None, record, now, SETTINGS.removal_settle))

    original = Approvals.grant
    monkeypatch.setattr(Approvals, "grant", grant)
    day._say(A, ONE, ABSENT)
    turn_for(day, 30)

    assert [101] == [removal.user_id for removal in granted]
    assert 101 in day.moodle.of(A)
    assert day.moodle.removed == []
    assert entry(day, ONE).reason == Reason.OTHER_KEY


def test_keys_are_asked_for_in_bulk_and_only_of_those_who_leave() -> None:
    """One question for all that leave a cohort, none for those who are not there any more."""
    day = day_with(*STUDENTS[1:9])
    day.moodle.members_in(A).difference_update({101, 102})
    asked = day.moodle.key_reads
    for student in STUDENTS[1:7]:
        day._say(A, student, ABSENT)
    turn_until(day, lambda: day.moodle.of(A) == {107, 108})

    assert day.moodle.key_reads - asked <= 2
    assert day.moodle.keys_asked_of >= {103, 104, 105, 106}
    assert day.moodle.keys_asked_of.isdisjoint({101, 102, 107, 108})


def test_nobody_is_removed_while_keys_cannot_be_read() -> None:
    """As with members that cannot be read: Moodle is left alone for a while and asked again."""
    day = day_with(ONE)
    day.moodle.keys_hidden = True
    day._say(A, ONE, ABSENT)
    turn_for(day, 60)
    stayed = day.moodle.of(A)
    day.moodle.keys_hidden = False
    turn_until(day, lambda: not day.moodle.of(A))

    assert stayed == {101}
