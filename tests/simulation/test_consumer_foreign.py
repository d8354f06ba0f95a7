"""Members whom no record names, in a Moodle that is taken over."""

from __future__ import annotations

from typing import NoReturn

from connector.runtime.messages import MoodleMessage
from consumers.cohorts.reasons import Reason
from consumers.moodle.errors import Fault, Refused
from schemas.records import EntryStatus, JournalEntry, Presence
from tests.simulation.cohorts import COHORTS, FOREIGN, SETTINGS, STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.test_consumer_adoption import adopt, why
from tests.simulation.turns import stop, turn_for, turn_until

COHORT = COHORTS[0]
REMOVE = SETTINGS.model_copy(update={"foreign": "remove"})


def taken_over(seed: int, *students: str) -> Day:
    """A cohort with two foreign members and student 1, after its adoption under the policy that foreign members go."""
    day = Day(seed, Chances(), crashes=0.0, processes=2, fresh=True, settings=REMOVE)
    day._check_removal = lambda cohort, user: None  # type: ignore[method-assign]  # who goes is the point here
    day.moodle.on_removal = day._check_removal
    existing = day.moodle.make(COHORT)
    day.moodle.members[existing.id] |= {FOREIGN, FOREIGN + 1, 101}
    day._announce(COHORT)
    for student in students:
        day._say(COHORT, student, Presence.PRESENT)
    turn_until(day, lambda: why(day) == "cohorts_named")
    adopt(day, changes={"foreign": "remove"})
    return day


def test_they_go_after_those_whom_records_name_have_come() -> None:
    """Nobody is removed who is wanted, though their account was not known when the cohort was first looked at."""
    day = taken_over(1, STUDENTS[1], STUDENTS[2], STUDENTS[3])
    turn_until(day, lambda: day.moodle.of(COHORT) == {101, 102, 103})
    turn_for(day, 30)

    assert sorted(day.moodle.removed) == [(COHORT, FOREIGN), (COHORT, FOREIGN + 1)]
    assert {entry.student for entry in day.ledger().values() if entry.cause == "foreign"} == {
        f"user:{FOREIGN}",
        f"user:{FOREIGN + 1}",
    }


def test_they_stay_while_a_student_has_no_account() -> None:
    """One of them may be that student; it is told, and decided when the cohort is looked at again."""
    late = STUDENTS[-1]
    day = taken_over(2, STUDENTS[1], late)
    turn_for(day, 60)
    told = [note for note in day.journal() if isinstance(note, JournalEntry) and note.kind == "foreign"]
    assert day.moodle.of(COHORT) == {FOREIGN, FOREIGN + 1, 101}
    day.moodle.accounts[late] = FOREIGN
    turn_until(day, lambda: day.ledger()[COHORT, late].applied is Presence.PRESENT)
    for process in list(day.running):
        day._kill(process)
    day.broker.offsets = dict.fromkeys(range(4), 0)
    turn_for(day, 60)

    assert {(note.answer, note.details["members"]) for note in told} == {("kept", "2")}
    assert FOREIGN in day.moodle.of(COHORT)


def test_one_who_carries_the_key_of_a_wanted_student_by_now_stays() -> None:
    """Though that student's account was known as another when the cohort was compared."""
    day = taken_over(5, STUDENTS[1], STUDENTS[2])
    turn_until(day, lambda: day.moodle.of(COHORT) == {101, 102})
    day.moodle.members_in(COHORT).add(FOREIGN + 2)
    day._say(COHORTS[1], STUDENTS[2], Presence.PRESENT)  # whose account is asked for, and remembered
    day._announce(COHORTS[1])
    turn_until(day, lambda: day.moodle.of(COHORTS[1]) == {102})
    day.moodle.accounts[STUDENTS[2]] = FOREIGN + 2
    day._order("recheck", COHORT)
    turn_for(day, 60)

    assert FOREIGN + 2 in day.moodle.of(COHORT)
    assert day.ledger()[COHORT, f"user:{FOREIGN + 2}"].reason == Reason.OTHER_KEY


def test_a_cohort_is_not_read_again_and_again_while_its_accounts_are_asked_for() -> None:
    """Nobody can be a stranger before they are known, however long that takes; then it is decided."""
    day = taken_over(6, STUDENTS[1])
    turn_until(day, lambda: day.moodle.of(COHORT) == {101})
    stop(day)

    def silent(_keys: object) -> NoReturn:
        raise Refused(Fault("simulated", "invalidparameter", MoodleMessage.UNREACHABLE))

    day.moodle.members_in(COHORT).add(FOREIGN + 2)
    day.moodle.resolve = silent  # type: ignore[method-assign, assignment]
    reads, seconds = day.moodle.member_reads, 60
    day._order("recheck", COHORT)
    turn_for(day, seconds)
    asked = day.moodle.member_reads - reads
    del day.moodle.resolve
    turn_until(day, lambda: day.moodle.of(COHORT) == {101})

    pause = (SETTINGS.parked_retry + SETTINGS.recheck_window).total_seconds()
    assert 2 <= asked <= seconds / pause + 2


def test_the_mode_shadow_looks_for_nobody() -> None:
    """A cohort that is compared as a whole is read once, not again and again."""
    day = taken_over(4, STUDENTS[1])
    turn_until(day, lambda: day.moodle.of(COHORT) == {101})
    stop(day)
    day.settings = REMOVE.model_copy(update={"mode": "shadow"})
    day.moodle.members_in(COHORT).add(FOREIGN + 2)
    day._say(COHORT, STUDENTS[2], Presence.PRESENT)
    reads = day.moodle.member_reads
    day._order("recheck", COHORT)
    turn_for(day, 60)

    assert day.moodle.of(COHORT) == {101, FOREIGN + 2}
    assert day.moodle.member_reads - reads <= 1


def test_who_is_to_go_stays_when_the_policy_is_taken_back() -> None:
    """What was due or held for it is due no longer, and comes back under neither policy by itself."""
    day = taken_over(3, STUDENTS[1])
    turn_until(day, lambda: any(entry.cause == "foreign" for entry in day.ledger().values()))
    stop(day)
    day.settings = SETTINGS
    turn_for(day, 60)

    assert day.moodle.of(COHORT) == {FOREIGN, FOREIGN + 1, 101}
    assert {entry.status for entry in day.ledger().values() if entry.cause == "foreign"} == {EntryStatus.SETTLED}
