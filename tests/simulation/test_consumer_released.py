"""Cohorts that vanished long ago are released: the ledger forgets them, and Moodle keeps them as they are."""

from __future__ import annotations

import pytest

from schemas.keys import Key, decode_key, encode_key, partition_of
from schemas.records import CohortEntry, CohortState, EntryStatus, LedgerEntry, Presence
from tests.simulation.cohorts import COHORTS, PARTITIONS, STUDENTS, Day
from tests.simulation.fake_kafka import CODEC, MEMBERSHIPS
from tests.simulation.test_consumer_rebuild import HOLDING, day_with, read_again, rebuild
from tests.simulation.turns import stop, turn_for, turn_until

ABSENT, PRESENT = Presence.ABSENT, Presence.PRESENT
COHORT, LEFT = COHORTS[1], STUDENTS[9]
"""``LEFT`` was a member, and is none any more when the cohort vanishes."""
MEMBERS = STUDENTS[:9]


def tombstone(day: Day, cohort: str, *students: str | None) -> None:
    for student in students:
        key = encode_key(cohort, student)
        day.broker.append(MEMBERSHIPS, partition_of(cohort, PARTITIONS), key, None)


def release(day: Day, cohort: str = COHORT, members: list[str] = MEMBERS) -> None:
    """What the connector writes: the cohort's tombstone, and those of the members it knows."""
    tombstone(day, cohort, None, *members)
    for student in STUDENTS:
        day.wanted.pop((cohort, student), None)


def vanished_day(seed: int = 5, **more: object) -> Day:
    """Everybody is in every cohort, one leaves one of them, and this one vanishes."""
    day = day_with(seed, **more)  # type: ignore[arg-type]  # as it is passed on
    day._say(COHORT, LEFT, ABSENT)
    turn_until(day, lambda: 109 not in day.moodle.of(COHORT))
    day._announce(COHORT, CohortState.VANISHED)
    turn_until(day, lambda: place(day).state is CohortState.VANISHED)
    return day


def released_day(*, returned: bool = False) -> Day:
    """``returned``: the cohort has come back with one member."""
    day = vanished_day()
    release(day)
    turn_until(day, lambda: place(day).forgotten)
    if returned:
        day._announce(COHORT)
        day._say(COHORT, MEMBERS[0], PRESENT)
        turn_until(day, lambda: place(day).moodle_id)
    return day


def ledger(day: Day, cohort: str = COHORT) -> dict[Key, LedgerEntry | CohortEntry]:
    """What the ledger's topic says of a cohort, tombstones heeded."""
    found: dict[Key, LedgerEntry | CohortEntry] = {}
    for message in day.broker.log("moodle.ledger", partition_of(cohort, PARTITIONS)):
        key = decode_key(message.key)
        if key[0] != cohort:
            continue
        if message.value is None:
            found.pop(key, None)
        else:
            record = CODEC.decode(message.value)
            assert isinstance(record, LedgerEntry | CohortEntry)
            found[key] = record
    return found


def place(day: Day, cohort: str = COHORT) -> CohortEntry:
    entry = ledger(day, cohort)[cohort, None]
    assert isinstance(entry, CohortEntry)
    return entry


def test_a_released_cohort_is_forgotten_and_moodle_keeps_it() -> None:
    """One small entry is left; no call is sent that writes; the journal says how many members it had."""
    day = vanished_day()
    shown, writes = day.moodle.of(COHORT), day.moodle.writes
    release(day)
    turn_for(day, 60)

    assert set(ledger(day)) == {(COHORT, None)}
    assert (place(day).moodle_id, place(day).status) == (None, EntryStatus.SETTLED)
    assert place(day).forgotten == place(day).revision > 0
    assert (day.moodle.of(COHORT), day.moodle.writes) == (shown, writes)
    assert not day.dead_letters()
    (noted,) = [entry for entry in day.journal() if entry.kind == "forgotten"]
    assert (noted.cohort, noted.details) == (COHORT, {"members": "9", "entries": "10"})
    assert noted.cohort_id == day.moodle.number(COHORT)
    day._check_end()


def test_tombstones_of_what_is_there_are_set_aside() -> None:
    """Of the cohort and of a member; nothing is forgotten, and the consumer goes on."""
    day = day_with()
    before = ledger(day)
    tombstone(day, COHORT, None, STUDENTS[0], STUDENTS[20])
    turn_for(day, 20)

    assert ledger(day) == before
    assert [letter.stage for letter in day.dead_letters()] == ["decode"] * 3
    day._check_end()


def test_a_tombstone_with_a_key_that_is_none_is_set_aside() -> None:
    """So is one in a partition that is not the cohort's."""
    day = vanished_day()
    other = (partition_of(COHORT, PARTITIONS) + 1) % PARTITIONS
    day.broker.append(MEMBERSHIPS, other, encode_key(COHORT, None), None)
    day.broker.append(MEMBERSHIPS, other, b"\xff", None)
    turn_for(day, 20)

    assert [letter.stage for letter in day.dead_letters()] == ["key", "key"]
    assert not place(day).forgotten


def test_tombstones_of_what_nobody_knows_are_passed_over() -> None:
    """A sink that begins after a release meets them, and has nothing to forget."""
    day = day_with()
    tombstone(day, "never heard of", None, *STUDENTS)
    turn_for(day, 20)

    assert not day.dead_letters()
    assert not ledger(day, "never heard of")


def test_a_member_is_forgotten_where_only_its_tombstone_is_left() -> None:
    """The cohort's own is compacted away when it comes back."""
    day = vanished_day()
    writes = day.moodle.writes
    tombstone(day, COHORT, MEMBERS[0])
    turn_until(day, lambda: (COHORT, MEMBERS[0]) not in ledger(day))

    assert (COHORT, MEMBERS[1]) in ledger(day)
    assert writes == day.moodle.writes


@pytest.mark.parametrize("pause", [0.0, 30.0])
def test_a_cohort_that_comes_back_is_a_new_one(pause: float) -> None:
    """At once after its release, in the same poll, or later: it is found in Moodle, and nobody is added who is there.
    Who left meanwhile stays there, and is none of ours.
    """
    day = vanished_day()
    added, number = list(day.moodle.added), day.moodle.number(COHORT)
    release(day)
    turn_for(day, pause)
    day._announce(COHORT)
    for student in (*MEMBERS[:3], STUDENTS[12]):
        day._say(COHORT, student, PRESENT)
    turn_until(day, lambda: 112 in day.moodle.of(COHORT))
    turn_for(day, 30)

    assert set(ledger(day)) == {(COHORT, None), *((COHORT, student) for student in (*MEMBERS[:3], STUDENTS[12]))}
    assert day.moodle.of(COHORT) == {*range(100, 109), 112}
    assert [*added, (COHORT, 112)] == day.moodle.added
    assert place(day).moodle_id == day.moodle.number(COHORT) == number
    day._say(COHORT, MEMBERS[0], ABSENT)
    turn_until(day, lambda: 100 not in day.moodle.of(COHORT))
    day._check_end()


def test_a_cohort_can_be_released_twice() -> None:
    """It came back, and vanished again."""
    day = released_day(returned=True)
    day._announce(COHORT, CohortState.VANISHED)
    first = place(day).forgotten
    turn_until(day, lambda: place(day).state is CohortState.VANISHED)
    release(day, COHORT, MEMBERS[:1])
    turn_until(day, lambda: place(day).forgotten > first)

    assert set(ledger(day)) == {(COHORT, None)}
    assert not day.dead_letters()


@pytest.mark.parametrize("returned", [False, True])
def test_replaying_from_the_beginning_brings_nothing_back(returned: bool) -> None:  # noqa: FBT001 - a column
    """Neither who was forgotten nor who had left before, although the topic still says that they were members once."""
    day = released_day(returned=returned)
    turn_for(day, 20)
    before, writes = ledger(day), day.moodle.writes
    stop(day)
    day.broker.offsets = dict.fromkeys(range(PARTITIONS), 0)
    turn_for(day, 60)

    assert ledger(day) == before
    assert writes == day.moodle.writes
    assert not day.dead_letters()
    day._check_end()


@pytest.mark.parametrize("returned", [False, True])
def test_a_rebuild_after_a_release_writes_nothing(returned: bool) -> None:  # noqa: FBT001 - a column
    """The topic is read from its first record on: it vanishes and is released once more."""
    day = released_day(returned=returned)
    shown, writes = day.moodle.of(COHORT), day.moodle.writes
    rebuild(day)
    turn_until(day, lambda: read_again(day))
    turn_for(day, 60)

    assert set(ledger(day)) == {(COHORT, None)} | ({(COHORT, MEMBERS[0])} if returned else set())
    assert (day.moodle.of(COHORT), day.moodle.writes) == (shown, writes)
    assert not day.dead_letters()
    day._check_end()


def test_what_waits_in_a_released_cohort_waits_no_longer() -> None:
    """Held removals are forgotten, and their members stay; nobody is added any more who had no account."""
    day = day_with(settings=HOLDING)
    day._say(COHORT, STUDENTS[1], ABSENT)
    day._say(COHORT, STUDENTS[-1], PRESENT)  # has no account yet
    turn_until(day, lambda: {EntryStatus.HELD, EntryStatus.PARKED} <= {e.status for e in ledger(day).values()})
    day._announce(COHORT, CohortState.VANISHED)
    turn_until(day, lambda: place(day).state is CohortState.VANISHED)
    release(day, COHORT, [*STUDENTS[:10], STUDENTS[-1]])
    turn_until(day, lambda: place(day).forgotten)
    day.moodle.accounts |= day._late_accounts
    turn_for(day, 120)

    assert day.moodle.of(COHORT) == set(range(100, 110))
    assert not len(day.running[0].parts.desk.backlog)
    assert day.running[0].parts.consumer.idle


def test_who_was_about_to_be_added_to_a_released_cohort_is_not() -> None:
    """They no longer stand in the way of others either."""
    day = day_with()
    process = day.running[0]
    process.parts.consumer._students.offer = lambda now: False  # type: ignore[method-assign]  # nobody is found any more
    day._say(COHORT, STUDENTS[15], PRESENT)
    turn_until(day, lambda: len(process.parts.desk.backlog))
    day._announce(COHORT, CohortState.VANISHED)
    release(day, COHORT, [*STUDENTS[:10], STUDENTS[15]])
    turn_until(day, lambda: place(day).forgotten)

    assert not len(process.parts.desk.backlog)


@pytest.mark.parametrize("seed", range(8))
def test_a_crash_at_any_commit_forgets_all_or_nothing(seed: int) -> None:
    """Whoever takes over goes on where the other one ended, while other cohorts change; Moodle keeps the members."""
    day = vanished_day(seed, processes=1 + seed % 2)
    shown = day.moodle.of(COHORT)
    day._danger = 0.3
    for turn in range(300):
        if turn == 40:
            release(day)
        if turn % 30 == 0:
            day._say(COHORTS[2 + turn // 30 % 6], STUDENTS[10 + turn // 30], PRESENT)
        day._turn()
        kept = {key for key in ledger(day) if key[1] is not None}
        assert len(kept) in (0, len(MEMBERS) + 1)
    day._danger = 0.0
    day.moodle.accounts |= day._late_accounts
    day._settle()

    assert set(ledger(day)) == {(COHORT, None)}
    assert place(day).forgotten
    owner = next(p.parts.ledger for p in day.running if p.parts.ledger.owns(COHORT))
    assert not list(owner.entries_of(COHORT)), "who took over has what was forgotten"
    assert day.moodle.of(COHORT) == shown
    assert not day.dead_letters()
    day._check_end()
