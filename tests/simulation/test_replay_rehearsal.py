"""What a replay shows beforehand is exactly what it then does."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from consumers.cohorts.comparing import Rules
from consumers.cohorts.meaning import find_meant
from consumers.cohorts.plan import Doubt
from consumers.cohorts.reasons import Reason
from consumers.cohorts.rehearsal import Change, Copy, Op, leaving, looked_at, rehearse, siblings_of, students_of
from consumers.cohorts.store import Store
from schemas.records import CohortEntry, EntryStatus, LedgerEntry, Presence
from tests.simulation.cohorts import COHORTS, FOREIGN, SETTINGS, STUDENTS, Day
from tests.simulation.fake_moodle import Chances
from tests.simulation.test_consumer_identity import ONE, OTHER, A, day_with, recheck, swap
from tests.simulation.turns import turn_for, turn_until
from tests.unit.cohorts.values import entry


@dataclass
class Accounts:
    """What the directory has answered."""

    known: dict[str, int | Doubt]

    def account_of(self, student: str) -> int | Doubt | None:
        return self.known.get(student)


def tampered_day(seed: int) -> Day:
    """Everything was applied; then people took members out and put others in, by hand."""
    day = Day(seed, Chances(), crashes=0.0)
    rng = random.Random(seed)
    day._start_of_day()
    turn_for(day, 10)
    for cohort in COHORTS:
        for student in rng.sample(STUDENTS, 4):
            if day._present(cohort, student):
                day._say(cohort, student, Presence.ABSENT)
    turn_for(day, 20)
    turn_until(day, lambda: day.running[0].parts.consumer.idle)
    for cohort in COHORTS:
        members = day.moodle.members_in(cohort)
        members -= set(rng.sample(sorted(members - {FOREIGN, FOREIGN + 1}), min(2, len(members) - 2)))
        members |= {day.moodle.accounts[student] for student in rng.sample(sorted(day.moodle.accounts), 3)}
    return day


def rehearsed(day: Day) -> list[Change]:
    """As the command does it, over all partitions."""
    store = Store(None, "rehearsal")
    for record in day.broker.records("moodle.ledger"):
        if isinstance(record, LedgerEntry):
            store.put(record)
        elif isinstance(record, CohortEntry):
            store.put_cohort(record)
    copy = Copy(store)
    members = {cohort: frozenset(day.moodle.of(cohort)) for cohort in COHORTS}
    rules = Rules(day.timeline.now(), SETTINGS.removal_settle, SETTINGS.moodle_settle)
    entries = [entry for cohort in COHORTS for entry in store.entries_of(cohort)]
    changed = looked_at(copy, entries, members, rules)
    assert siblings_of(copy, changed) <= members.keys()
    accounts = {s: day.moodle.accounts.get(s, Doubt.MISSING) for s in students_of(copy, changed)}
    places = leaving(changed, members, Accounts(accounts))
    carried = {(cohort, user): day.moodle._keys(user) for cohort, user in places}
    meant = find_meant(carried, copy.wanted, day.moodle.normalise)
    found = rehearse(copy, changed, members, Accounts(accounts), rules, SETTINGS.sibling_wait, meant)
    store.close()
    return found


def places(changes: list[Change], op: Op) -> set[tuple[str, int | None]]:
    return {(one.cohort, one.user_id) for one in changes if one.op is op}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_shown_is_what_is_done(seed: int) -> None:
    """Additions and removals, user by user; and asking for exactly what was shown does all that a full replay would."""
    day = tampered_day(seed)
    shown = rehearsed(day)
    added, removed = len(day.moodle.added), len(day.moodle.removed)
    for number, one in enumerate(shown):
        day._order("recheck", one.cohort, f"{number}", student=one.student)
    turn_for(day, 60)

    assert shown
    assert places(shown, Op.ADD) == set(day.moodle.added[added:])
    assert places(shown, Op.REMOVE) == set(day.moodle.removed[removed:])
    assert rehearsed(day) == []


def test_who_carries_a_wanted_key_by_now_is_not_shown_as_leaving() -> None:
    """Two accounts changed places and the one that had left was put back by hand; the replay lets it stay as well."""
    day = day_with(ONE, OTHER)
    day._say(A, ONE, Presence.ABSENT)
    turn_until(day, lambda: day.moodle.of(A) == {105})
    day.moodle.members_in(A).add(101)
    plain = rehearsed(day)
    swap(day)
    turn_for(day, 130)  # what was known of accounts is asked again
    shown = rehearsed(day)
    recheck(day, ONE)
    turn_for(day, 30)

    assert [(Op.REMOVE, 101, "")] == [(one.op, one.user_id, one.reason) for one in plain]
    assert [(Op.NOTE, Reason.OTHER_KEY)] == [(one.op, one.reason) for one in shown]
    assert day.moodle.of(A) == {101, 105}


def test_only_looking_changes_nothing() -> None:
    """Neither Moodle nor the ledger."""
    day = tampered_day(7)
    before = (len(day.moodle.added), len(day.moodle.removed), len(day.broker.records("moodle.ledger")))

    assert rehearsed(day) == rehearsed(day)
    assert before == (len(day.moodle.added), len(day.moodle.removed), len(day.broker.records("moodle.ledger")))


def test_a_row_that_moodle_refused_is_tried_again() -> None:
    """That is what a replay of its cohort is for."""
    day = tampered_day(8)
    key, applied = next((k, e) for k, e in day.ledger().items() if e.desired is e.applied is Presence.PRESENT)
    store = Store(None, "x")
    parked = entry(*key, status=EntryStatus.PARKED, reason=Reason.ROW_REFUSED, since=applied.since)
    store.put(parked)
    rules = Rules(day.timeline.now(), SETTINGS.removal_settle, SETTINGS.moodle_settle)

    (told,) = looked_at(Copy(store), [parked], {key[0]: frozenset()}, rules)
    store.close()
    assert told.status is EntryStatus.PENDING
