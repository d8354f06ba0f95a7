"""Partitions that are begun anew: because the topic was made anew, or because a person no longer trusts the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from connector.runtime.errors import Halted
from consumers.cohorts.ledger import Outgoing
from schemas.records import EntryStatus, PartitionMarker, Presence
from tests.simulation.cohorts import COHORTS, FOREIGN, PARTITIONS, SETTINGS, STUDENTS, Day
from tests.simulation.fake_kafka import MEMBERSHIPS, TransactionLog
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import stop, turn_for, turn_until
from tests.simulation.words import answers, markers, say

ABSENT, PRESENT = Presence.ABSENT, Presence.PRESENT
HOLDING = SETTINGS.model_copy(
    update={
        "allowances": (),
        "breaker": SETTINGS.breaker.model_copy(update={"partition_share": 0.0, "partition_least": 0}),
    }
)
"""Every removal is held."""


def day_with(seed: int = 5, students: int = 10, **more: object) -> Day:
    """A day on which everybody is in every cohort."""
    day = Day(seed, Chances(), crashes=0.0, **more)  # type: ignore[arg-type]
    existing = day.moodle.make(COHORTS[0])
    day.moodle.members[existing.id] |= {FOREIGN, FOREIGN + 1}
    for cohort in COHORTS:
        day._announce(cohort)
        for student in STUDENTS[:students]:
            day._say(cohort, student, PRESENT)
    turn_until(day, lambda: all(len(day.moodle.of(cohort)) >= students for cohort in COHORTS))
    turn_for(day, 5)
    return day


def rebuild(day: Day) -> None:
    say(day, "rebuild", dict.fromkeys(range(PARTITIONS), day.topic))


def read_again(day: Day) -> bool:
    """Whether every partition was begun anew and has been taken in again."""
    return all(
        marker.read_until and marker.rewriting is None and marker.next_offset >= marker.read_until
        for marker in markers(day).values()
    )


def test_a_ledger_made_anew_writes_nothing_where_moodle_is_right() -> None:
    """Members are found by reading, and the ledger names their accounts again."""
    day = day_with()
    writes = day.moodle.writes
    rebuild(day)
    turn_until(day, lambda: read_again(day))
    turn_for(day, 60)

    day._check_end()
    assert writes == day.moodle.writes
    assert {("approval", None)} == set(answers(day))
    assert {(EntryStatus.SETTLED, PRESENT, True)} == {
        (entry.status, entry.applied, entry.owned) for entry in day.ledger().values()
    }
    assert all(entry.user_id is not None for entry in day.ledger().values())


def test_a_ledger_made_anew_repairs_what_the_old_one_did_not_know() -> None:
    """Whom Moodle lost is added, whom it has too much goes."""
    day = day_with()
    day._say(COHORTS[1], STUDENTS[1], ABSENT)
    turn_until(day, lambda: 101 not in day.moodle.of(COHORTS[1]))
    day.moodle.members_in(COHORTS[1]).add(101)
    day.moodle.members_in(COHORTS[2]).discard(102)
    rebuild(day)
    turn_until(day, lambda: 101 not in day.moodle.of(COHORTS[1]) and 102 in day.moodle.of(COHORTS[2]))
    turn_for(day, 30)

    assert not day.moodle.phantoms
    assert {FOREIGN, FOREIGN + 1} <= day.moodle.of(COHORTS[0])


def test_a_ledger_made_anew_in_shadow_is_read_when_the_shadow_ends() -> None:
    """Until then the memberships wait, and nothing is left to be done: a run until all is done ends."""
    day = day_with()
    day.running.pop().inbox.close()
    applying, day.settings = day.settings, day.settings.model_copy(update={"mode": "shadow"})
    rebuild(day)
    turn_until(day, lambda: day.running and read_again(day) and day.running[0].parts.consumer.idle)
    writes = day.moodle.writes
    day.running.pop().inbox.close()
    day.settings = applying
    turn_for(day, 60)

    day._check_end()
    assert writes == day.moodle.writes
    assert {EntryStatus.SETTLED} == {entry.status for entry in day.ledger().values()}


def test_held_removals_stay_held() -> None:
    """Beginning anew is no way past the breaker, nor is it a way to forget what waits for a person."""
    day = day_with(settings=HOLDING)
    for student in STUDENTS[:3]:
        day._say(COHORTS[0], student, ABSENT)

    def held() -> dict[str, int]:
        found = day.ledger().values()
        return {entry.student: entry.desired_revision for entry in found if entry.status is EntryStatus.HELD}

    turn_until(day, lambda: len(held()) == 3)
    before = held()
    rebuild(day)
    turn_until(day, lambda: read_again(day))
    turn_for(day, 60)

    assert before == held()
    assert not day.moodle.removed


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_at_any_commit_of_the_rewriting_changes_nothing(seed: int) -> None:
    """Whoever takes over goes on where the other one ended; the source goes on meanwhile."""
    day = day_with(seed, processes=1 + seed % 2)
    added = len(day.moodle.added)
    rebuild(day)
    day._danger = 0.15
    for turn in range(400):
        if turn % 40 == 0:
            student = STUDENTS[10 + turn // 40]
            day._say(COHORTS[turn % 9], student, PRESENT)
            added += student in day.moodle.accounts
        day._turn()
    day._danger = 0.0
    day.moodle.accounts |= day._late_accounts
    day._settle()

    day._check_end()
    assert read_again(day)
    assert len(set(day.moodle.added)) == len(day.moodle.added) == added, "somebody was added twice"


def test_a_large_ledger_made_anew_does_not_hold_up_what_comes_in() -> None:
    """However many accounts are not known yet, those of live additions are soon asked for."""
    day = Day(5, Chances(), crashes=0.0)
    many = {f"x{number}": 2000 + number for number in range(4500)}
    day.moodle.accounts |= many
    for cohort in COHORTS:
        day._announce(cohort)
    for number, student in enumerate(many):
        day._say(COHORTS[number % 8], student, PRESENT)
    turn_until(day, lambda: sum(len(day.moodle.of(cohort)) for cohort in COHORTS) == len(many))
    consumer, desk = day.running[0].parts.consumer, day.running[0].parts.desk
    desk.roll.clear()
    rebuild(day)
    most = 0

    def read() -> bool:
        nonlocal most
        most = max(most, len(desk.unasked))
        return consumer.idle and most > 0

    turn_until(day, read)

    assert read_again(day)
    assert most <= 3000


@pytest.mark.parametrize("kept", range(4))
def test_a_commit_of_the_rewriting_that_is_rolled_back_is_made_again(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a rebalance: the partition is read from its beginning all the same, also when the last page was rolled back."""
    day, commit = day_with(), TransactionLog.commit
    pages: Counter[int] = Counter()

    def rolled_back(log: TransactionLog, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        for record in (outgoing.record for outgoing in records):
            if isinstance(record, PartitionMarker) and record.read_until and not record.next_offset:
                pages[record.partition] += 1
                if pages[record.partition] == kept + 1:
                    return False
        return commit(log, records, positions)

    monkeypatch.setattr(TransactionLog, "commit", rolled_back)
    rebuild(day)
    turn_until(day, lambda: read_again(day))
    turn_for(day, 60)

    day._check_end()
    assert {(EntryStatus.SETTLED, PRESENT)} == {(entry.status, entry.applied) for entry in day.ledger().values()}


def test_a_topic_made_anew_is_taken_in_by_command_only() -> None:
    """Until then the partition is refused. What the new topic does not name stays as it is in Moodle."""
    day = day_with()
    stop(day)
    for partition in range(PARTITIONS):
        day.broker.topics.pop((MEMBERSHIPS, partition), None)
    day.topic, day.broker.offsets = "topic-2", {}
    unnamed = STUDENTS[0]
    day.revision = 0
    for cohort in COHORTS:
        day._announce(cohort)
        for student in STUDENTS[1:10]:
            day._say(cohort, student, PRESENT)
    with pytest.raises(Halted, match="CS5006"):
        turn_for(day, 5)
    day.running.clear()
    day.broker.expel("process 2")
    say(day, "rebuild", dict.fromkeys(range(PARTITIONS), "topic-1"))
    with pytest.raises(Halted, match="CS5006"):
        turn_for(day, 5)
    day.running.clear()
    day.broker.expel("process 3")
    writes = day.moodle.writes
    say(day, "rebuild", dict.fromkeys(range(PARTITIONS), "topic-2"), 2)
    turn_until(day, lambda: read_again(day))
    day._say(COHORTS[3], STUDENTS[12], PRESENT)
    turn_for(day, 60)

    assert writes + 1 == day.moodle.writes
    assert all(100 in day.moodle.of(cohort) for cohort in COHORTS)
    assert all(marker.topic_id == "topic-2" for marker in markers(day).values())
    assert {entry.desired for entry in day.ledger().values() if entry.student == unnamed} == {Presence.UNKNOWN}
    assert answers(day).count(("approval", None)) == PARTITIONS


def test_a_command_for_another_topic_is_refused() -> None:
    """A person has seen something else."""
    day = day_with()
    say(day, "rebuild", dict.fromkeys(range(PARTITIONS), "topic-0"))
    turn_for(day, 20)

    assert [("command_refused", "other_topic")] * PARTITIONS == answers(day)
    assert all(not marker.read_until for marker in markers(day).values())


def poison(day: Day) -> None:
    """A record that nobody can use, in every partition."""
    for partition in range(PARTITIONS):
        day.broker.append(MEMBERSHIPS, partition, b"\xff", b"poison")


def dead_letters(day: Day) -> Counter[int]:
    return Counter(letter.partition for letter in day.dead_letters())


def test_what_was_set_aside_is_not_set_aside_again() -> None:
    """However often the ledger is made anew, whoever goes on with it; what is new on the topic is."""
    day = day_with()
    poison(day)
    turn_until(day, lambda: len(dead_letters(day)) == PARTITIONS)
    for times in (1, 2):
        rebuild(day)
        poison(day)
        stop(day)
        turn_until(day, lambda: read_again(day))
        turn_for(day, 30)

        assert dict.fromkeys(range(PARTITIONS), times + 1) == dead_letters(day)


def test_what_a_topic_that_was_made_anew_holds_is_set_aside_whatever_its_offsets() -> None:
    """The offsets of the one before say nothing of it."""
    day = day_with()
    turn_until(day, lambda: day.running[0].parts.consumer.idle)
    stop(day)
    for partition in range(PARTITIONS):
        day.broker.topics[MEMBERSHIPS, partition] = []
    day.broker.offsets = {}
    day.topic = "topic-2"
    poison(day)
    rebuild(day)
    turn_until(day, lambda: len(dead_letters(day)) == PARTITIONS)

    assert dict.fromkeys(range(PARTITIONS), 1) == dead_letters(day)
