"""The breaker in whole days: nothing resets it, nothing exceeds it, and a person decides about what it holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from connector.commands.holding import Item, compare, items_of, mark_of
from consumers.cohorts.reasons import Reason
from consumers.cohorts.settings import SinkSettings
from schemas.keys import partition_of
from schemas.records import Alert, AlertState, EntryStatus, JournalEntry, LedgerEntry, Presence
from tests.simulation.cohorts import COHORTS, PARTITIONS, SETTINGS, STUDENTS, TWIN, Day
from tests.simulation.fake_kafka import COMMANDS, Crash
from tests.simulation.fake_moodle import Chances
from tests.simulation.turns import turn_for, turn_until
from tests.simulation.words import alerts

SEEDS = range(int(os.environ.get("COHORT_DAYS", "24")) // 2 or 1)
A, B, OTHER = COHORTS[1], COHORTS[2], COHORTS[3]
ABSENT, PRESENT, HELD = Presence.ABSENT, Presence.PRESENT, EntryStatus.HELD
PEOPLE = STUDENTS[1:21]
"""Who has an account from the start, without the one with two keys."""


def with_breaker(*allowances: dict[str, Any], least: int = 1000) -> SinkSettings:
    """The simulated settings with the default budget of a cohort; ``least`` of a partition."""
    plain = SETTINGS.model_dump(exclude={"moodle", "students"})
    return SinkSettings.model_validate(
        plain
        | {"moodle": SETTINGS.moodle, "students": SETTINGS.students}
        | {"allowances": allowances, "breaker": {"partition_least": least}}
    )


def budget(members: int) -> int:
    """Of a cohort of so many."""
    return min(max(5, members // 10), (members + 1) // 2)


def intents(day: Day) -> list[JournalEntry]:
    """The removals that count, each once."""
    found = {
        (entry.cohort, entry.student, entry.revision): entry
        for entry in day.journal()
        if entry.kind == "intent" and entry.action == "remove" and entry.reason != Reason.RELEASED
    }
    return list(found.values())


def held(day: Day) -> list[LedgerEntry]:
    return [entry for entry in day.ledger().values() if entry.status is HELD]


def ask(day: Day, kind: str, items: Iterable[Item], mark: str) -> None:
    """Send these commands as the command line does."""
    now = day.timeline.now()
    until = now + timedelta(hours=24)
    for number, item in enumerate(items):
        name = f"{kind} {mark} {now} {number}"
        day._order(kind, item.cohort, name, student=item.student, revision=item.revision, hash=mark, expires_at=until)


def frozen(day: Day) -> tuple[list[Item], str]:
    """What ``held`` does: the list and its hash."""
    items = items_of(held(day))
    mark = mark_of(items)
    ask(day, "freeze", items, mark)
    return items, mark


def filled(settings: SinkSettings, cohorts: Mapping[str, int]) -> Day:
    """A calm day in which these cohorts have so many members."""
    day = Day(1, Chances(), crashes=0.0, settings=settings)
    for cohort, count in cohorts.items():
        day._announce(cohort)
        for student in PEOPLE[:count]:
            day._say(cohort, student, PRESENT)
    turn_until(day, lambda: all(len(day.moodle.of(cohort)) == count for cohort, count in cohorts.items()))
    return day


def leave(day: Day, cohort: str, students: Iterable[str]) -> None:
    for student in students:
        day._say(cohort, student, ABSENT)


def held_alerts(day: Day) -> list[Alert]:
    return [alert for alert in alerts(day) if alert.key == "moodle.held"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("least", [2, 8])
def test_a_day_of_faults_stays_within_its_budgets(seed: int, least: int) -> None:
    """Crashes, freezes, rebalances, lost files, lost answers: what leaves a cohort or a partition, all processes
    together, is never more than the budget; what is held is named, and everything else is as the source says.
    """
    chances = Chances(unavailable=0.05, unknown=0.05, latest=15.0)
    faults = {"crashes": (0.0, 0.02, 0.06)[seed % 3], "naps": (0.0, 0.005)[seed % 2], "processes": 1 + seed % 2}
    day = Day(seed, chances, settings=with_breaker(least=least), **faults)  # type: ignore[arg-type]
    try:
        day.run()
    except AssertionError as error:
        pytest.fail(f"{error}\nseed {seed}, least {least}")
    ever = set(day.wanted)
    counted = intents(day)

    sizes = Counter(cohort for cohort, _ in ever)
    for cohort, count in Counter(entry.cohort for entry in counted).items():
        assert count <= budget(sizes[cohort]), cohort
    totals = Counter(partition_of(cohort, PARTITIONS) for cohort, _ in ever)
    for partition, count in Counter(partition_of(entry.cohort, PARTITIONS) for entry in counted).items():
        assert count <= max(least, totals[partition] // 100), partition
    places = {(entry.cohort, entry.user_id) for entry in counted}
    assert set(day.moodle.removed) <= places
    assert held(day) or len(counted) < least * PARTITIONS


def test_a_crash_loop_counts_each_removal_once() -> None:
    """Processes that die after each thing that they have journalled, while more and more members leave, have one budget."""
    day = filled(with_breaker(), {A: 20})
    for round_ in range(10):
        leave(day, A, PEOPLE[2 * round_ : 2 * round_ + 2])
        before = len(day.journal())
        until = day.timeline.seconds + 30  # longer than a takeover waits
        while day.timeline.seconds < until and len(day.journal()) == before:
            for process in day.running:
                process.inbox.slowness = 4.0
            day._turn()
        for process in list(day.running):
            day._kill(process)
    turn_for(day, 120)

    assert len(intents(day)) == 5
    assert (len(day.moodle.removed), len(held(day))) == (5, 15)


def test_a_process_that_dies_between_intent_and_call_has_spent_nothing_twice() -> None:
    """The commit of the intents succeeds, the calls are never made; after the wait the same five leave, and no sixth."""
    day = filled(with_breaker(), {A: 20})
    leave(day, A, PEOPLE)
    (process,) = day.running
    log = process.parts.ledger._log
    commit = log.commit

    def commit_and_die(records: Any, positions: Any) -> bool:
        done = commit(records, positions)
        if intents(day):
            raise Crash
        return done

    log.commit = commit_and_die  # type: ignore[method-assign]
    turn_until(day, lambda: process not in day.running)
    first = {entry.student for entry in intents(day)}
    assert not day.moodle.removed
    turn_for(day, 90)

    assert len(first) == 5
    assert {entry.student for entry in intents(day)} == first
    assert len(day.moodle.removed) == 5


def test_the_removal_of_a_whole_cohort_is_held_with_an_alert_and_additions_go_on() -> None:
    """Half of a small cohort may leave, five of a larger one; who joins meanwhile is added at once."""
    day = filled(with_breaker(), {A: 4, B: 20})
    leave(day, A, PEOPLE[:4])
    leave(day, B, PEOPLE)
    turn_for(day, 10)
    began = day.timeline.seconds
    day._say(A, PEOPLE[10], PRESENT)
    day._say(B, STUDENTS[0], PRESENT)
    turn_until(day, lambda: 100 in day.moodle.of(B) and day.moodle.accounts[PEOPLE[10]] in day.moodle.of(A))
    took = day.timeline.seconds - began
    turn_for(day, 20)

    assert took < 2
    assert Counter(entry.cohort for entry in held(day)) == {A: 2, B: 15}
    assert {entry.reason for entry in held(day)} == {Reason.REMOVAL_LIMIT}
    last = held_alerts(day)[-1]
    assert (last.state, last.code) == (AlertState.RAISED, "CS5031")
    assert last.parameters.keys() == {"count", "cohorts", "past"}


def test_a_source_gone_mad_takes_few_from_the_site() -> None:
    """Everybody absent everywhere: each partition loses its two, however many cohorts it has."""
    day = filled(with_breaker(least=2), dict.fromkeys(COHORTS, 20))
    for cohort in COHORTS:
        leave(day, cohort, PEOPLE)
    turn_for(day, 60)

    partitions = Counter(partition_of(cohort, PARTITIONS) for cohort, _ in day.moodle.removed)
    assert set(partitions.values()) == {2}
    assert len(held(day)) == 20 * len(COHORTS) - len(day.moodle.removed)


def test_approval_releases_the_frozen_list_as_far_as_it_is_unchanged() -> None:
    """Who was wanted again, who was spoken of anew and who was held later is not released; each decision is journalled."""
    day = filled(with_breaker(), {A: 20, B: 20})
    leave(day, A, PEOPLE)
    turn_until(day, lambda: len(held(day)) == 15)
    items, mark = frozen(day)
    back, anew = items[0], items[1]
    day._say(A, back.student, PRESENT)
    day._say(A, anew.student, PRESENT)
    turn_for(day, 5)
    day._say(A, anew.student, ABSENT)
    leave(day, B, PEOPLE)
    turn_until(day, lambda: len(held(day)) == 13 + 1 + 15)
    decision = compare(items, day.ledger())
    ask(day, "approve", items, mark)  # also those of which the command line knows better
    turn_until(day, lambda: len(day.moodle.removed) == 5 + 5 + 13)
    turn_for(day, 30)

    assert {item for item, _ in decision.left} == {back, anew}
    assert len(day.moodle.removed) == 5 + 5 + 13
    assert day.moodle.of(A) == {day.moodle.accounts[item.student] for item in (back, anew)}
    assert Counter(entry.cohort for entry in held(day)) == {A: 1, B: 15}
    words = Counter((entry.kind, entry.author, entry.plan) for entry in day.journal() if entry.author == "ana")
    assert words == {("frozen", "ana", mark): 15, ("approval", "ana", mark): 13, ("command_refused", "ana", mark): 2}
    assert len(intents(day)) == 10, "a released removal counts nowhere"


def test_what_was_released_is_held_again_when_the_source_speaks_anew() -> None:
    """The person let the earlier word pass; Moodle was away, and nothing passes that has changed since."""
    day = filled(with_breaker(), {A: 20})
    leave(day, A, PEOPLE)
    turn_until(day, lambda: len(day.moodle.removed) == 5 and len(held(day)) == 15)
    items, mark = frozen(day)
    student = items[0].student
    day.moodle.chances = Chances(unavailable=1.0)
    ask(day, "approve", items[:1], mark)
    turn_until(day, lambda: day.ledger()[A, student].reason == Reason.RELEASED)
    day._say(A, student, ABSENT)
    turn_until(day, lambda: day.ledger()[A, student].desired_revision > items[0].revision)
    day.moodle.chances = Chances()
    turn_until(day, lambda: len(day.moodle.removed) > 5 or len(held(day)) == 15)

    assert len(day.moodle.removed) == 5


def test_what_is_released_leaves_the_budget_as_it_is() -> None:
    """Of twenty, five left and five were released; the day has nothing left, and the next day has its own."""
    day = filled(with_breaker(), {A: 20})
    leave(day, A, PEOPLE[:10])
    turn_until(day, lambda: len(held(day)) == 5)
    items, mark = frozen(day)
    ask(day, "approve", items, mark)
    turn_until(day, lambda: len(day.moodle.removed) == 10)
    leave(day, A, PEOPLE[10:11])
    turn_until(day, lambda: len(held(day)) == 1)
    day.timeline.advance(timedelta(hours=24).total_seconds())
    leave(day, A, PEOPLE[11:])
    turn_until(day, lambda: len(day.moodle.removed) == 15)
    turn_for(day, 10)

    assert (len(day.moodle.removed), len(held(day))) == (15, 5)


def test_discarded_removals_stay_undone_whatever_is_told_again() -> None:
    """A replay of everything and rechecks write nothing; a new word of the source makes them due again."""
    day = filled(with_breaker(), {A: 8})
    leave(day, A, PEOPLE[:8])
    turn_until(day, lambda: len(held(day)) == 4)
    items, mark = frozen(day)
    turn_until(day, lambda: bool(held_alerts(day)))
    ask(day, "discard", items, mark)
    turn_until(day, lambda: not held(day) and held_alerts(day)[-1].state is AlertState.CLEARED)
    members, writes = day.moodle.of(A), day.moodle.writes
    for process in list(day.running):
        day._kill(process)
    day.broker.offsets = dict.fromkeys(range(PARTITIONS), 0)
    turn_for(day, 60)

    assert len(members) == 4
    assert (day.moodle.of(A), day.moodle.writes) == (members, writes)
    assert {day.ledger()[item.cohort, item.student].reason for item in items} == {Reason.DISCARDED}
    assert [entry.author for entry in day.journal() if entry.kind == "discarded"] == ["ana"] * 4
    day._say(A, items[0].student, ABSENT)
    turn_until(day, lambda: len(held(day)) == 1)


def test_an_expired_decision_is_refused() -> None:
    """A command that nobody read within a day decides nothing."""
    day = filled(with_breaker(), {A: 8})
    leave(day, A, PEOPLE[:8])
    turn_until(day, lambda: len(held(day)) == 4)
    items, mark = frozen(day)
    for process in list(day.running):
        day._kill(process)
    ask(day, "approve", items, mark)
    day.timeline.advance(timedelta(hours=25).total_seconds())
    turn_for(day, 60)

    assert len(held(day)) == 4
    assert (
        Counter((entry.kind, entry.reason) for entry in day.journal() if entry.plan == mark)[
            "command_refused", "expired"
        ]
        >= 4
    )


def test_a_command_that_is_read_again_is_not_followed_again() -> None:
    """The commands' offset went back; the removal is held again by then, and a person has not decided about it anew."""
    day = filled(with_breaker(), {A: 8})
    leave(day, A, PEOPLE[:8])
    turn_until(day, lambda: len(held(day)) == 4)
    items, mark = frozen(day)
    ask(day, "discard", items[:1], mark)
    turn_until(day, lambda: len(held(day)) == 3)
    (process,) = day.running
    log = day.broker.log(COMMANDS, partition_of(A, PARTITIONS))
    notes = len(day.journal())
    process.parts.consumer._following.follow(log, day.timeline.now())
    turn_for(day, 10)

    assert len(day.journal()) == notes


def test_an_allowance_lets_its_share_pass_while_it_stands() -> None:
    """Under its name; when it has ended, the budget of every day is what is left."""
    begins = "2000-01-01T00:00:00Z"
    day = Day(1, Chances(), crashes=0.0)
    end = day.timeline.now() + timedelta(seconds=60)
    allowance = {"name": "autumn", "cohorts": f"{A}*", "begins": begins, "ends": end.isoformat(), "share": 0.75}
    day = filled(with_breaker(allowance), {A: 20, B: 20, OTHER: 20})
    leave(day, A, PEOPLE[:15])
    leave(day, B, PEOPLE[:15])
    turn_for(day, 30)
    assert Counter(cohort for cohort, _ in day.moodle.removed) == {A: 15, B: 5}
    turn_until(day, lambda: day.timeline.now() > end)
    leave(day, A, PEOPLE[15:])
    turn_for(day, 30)

    assert Counter(cohort for cohort, _ in day.moodle.removed) == {A: 15, B: 5}
    assert Counter(entry.cohort for entry in held(day)) == {A: 5, B: 10}
    told = Counter((entry.cohort, entry.details.get("allowance")) for entry in intents(day))
    assert told == {(A, "autumn"): 15, (B, None): 5}


def test_removals_that_were_withdrawn_give_their_place_to_others() -> None:
    """Five were approved and could not be sent; the source wants them again, and five others leave instead."""
    day = filled(with_breaker(), {A: 10})
    (process,) = day.running
    crew = process.parts.desk.crew
    leave(day, A, PEOPLE[:5])
    turn_until(day, lambda: crew.running("removals: read"))
    crew._slots = 0
    turn_until(day, lambda: crew.idle and crew.busy(A))
    for student in PEOPLE[:5]:
        day._say(A, student, PRESENT)
    leave(day, A, PEOPLE[5:10])
    turn_for(day, 10)
    crew._slots = 3
    turn_for(day, 30)

    assert {student for student in PEOPLE[:10] if day.moodle.accounts[student] in day.moodle.of(A)} == set(PEOPLE[:5])
    assert not held(day)
    assert TWIN not in {entry.student for entry in intents(day)}
