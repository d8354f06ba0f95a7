"""A Moodle that is met for the first time: nothing is written to it before the topics say that it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from consumers.cohorts.adoption import Why
from schemas.keys import encode_key
from schemas.records import AlertState, Command, EntryStatus, JournalEntry, PartitionMarker, Presence
from tests.simulation.cohorts import COHORTS, SETTINGS, STUDENTS, Day
from tests.simulation.fake_kafka import CODEC, COMMANDS
from tests.simulation.fake_moodle import Chances
from tests.simulation.fake_signs import LEDGER, standing_of
from tests.simulation.turns import stop, turn_for, turn_until
from tests.simulation.words import alerts

SHADOW = SETTINGS.model_copy(update={"mode": "shadow"})
CALM = Chances()
ROUGH = Chances(unavailable=0.1, unknown=0.03, halted=0.02, latest=15.0)


def watched(day: Day) -> Day:
    """Every write is looked at: the topics must have said, before it was sent, that it may be."""
    check_lease = day._check_lease

    def sent(process: str) -> None:
        assert standing_of(day.broker).applying, f"{process} wrote to a Moodle that is not adopted"
        check_lease(process)

    day.moodle.on_write = sent
    return day


def adopt(day: Day, number: int = 1, changes: Mapping[str, str] = MappingProxyType({})) -> None:
    """As the command ``adopt`` does it."""
    now = day.timeline.now()
    fit = Command(f"adopt {number}", "adopt", "", "ana", now, now + timedelta(hours=1), hash="h", foreign="keep")
    command: Any = replace(fit, **changes)  # type: ignore[arg-type]  # texts, as the fields are
    day.broker.append(COMMANDS, 0, encode_key(""), CODEC.encode(COMMANDS, command))


def why(day: Day) -> str | None:
    adoption = standing_of(day.broker).adoption
    return None if adoption is None else adoption.why


def decisions(day: Day) -> list[tuple[str, str | None]]:
    """What the journal says was decided, and by whom."""
    return [(str(note.reason), note.author) for note in day.journal() if note.kind == "adoption"]


@pytest.mark.parametrize("seed", range(12))
def test_no_process_writes_before_the_sink_is_adopted(seed: int) -> None:
    """Whatever crashes, freezes and is rebalanced, before the first load is done, in shadow, and as it ends."""
    day = watched(Day(seed, ROUGH, crashes=0.03, naps=0.005, processes=1 + seed % 3, fresh=True, loaded=False))
    day._start_of_day()
    day.moodle.chances, day._danger = day.chances, day.crashes
    while day.timeline.seconds < 20:
        day._act()
        day._turn()
    day.loaded = True
    while day.timeline.seconds < 40 or why(day) != Why.COHORTS_NAMED:
        day._act()
        day._turn()
    assert day.moodle.writes == 0
    adopt(day)
    while day.timeline.seconds < 80 or not standing_of(day.broker).applying:
        day._act()
        day._turn()
    day.moodle.chances, day._danger = CALM, 0.0
    day.moodle.accounts |= day._late_accounts
    day._settle()
    day._check_end()

    assert day.moodle.writes > 0
    assert decisions(day)[-1] == (Why.ADOPTED, "ana")


@pytest.mark.parametrize("seed", range(6))
def test_a_marker_is_never_there_before_the_decision(seed: int) -> None:
    """Since one without a decision says that an earlier release has applied already."""
    day = Day(seed, ROUGH, crashes=0.03, naps=0.005, processes=3, fresh=True, loaded=False)
    day._start_of_day()
    day.moodle.chances, day._danger = day.chances, day.crashes
    while day.timeline.seconds < 30:
        day._act()
        day._turn()
        if any(isinstance(record, PartitionMarker) for record in day.broker.records(LEDGER)):
            assert standing_of(day.broker).adoption is not None

    assert standing_of(day.broker).begun


def test_a_moodle_without_members_is_applied_to_at_once() -> None:
    """It is not even waited for the first load; there is nobody whom a mistake could hurt."""
    day = watched(Day(1, CALM, crashes=0.0, processes=2, fresh=True, loaded=False))
    day.moodle.make("by hand")
    day._announce(COHORTS[1])
    day._say(COHORTS[1], STUDENTS[1], Presence.PRESENT)
    turn_until(day, lambda: day.moodle.of(COHORTS[1]) == {101})

    assert day.timeline.seconds < 5
    assert decisions(day) == [(Why.EMPTY_MOODLE, None)]


def test_cohorts_of_others_only_make_it_wait_for_the_first_load() -> None:
    """No record names a cohort that has members: once that is certain nobody has to be asked."""
    day = watched(Day(2, CALM, crashes=0.0, processes=2, fresh=True, loaded=False))
    day.moodle.members[day.moodle.make("staff").id] |= {900}
    day._announce(COHORTS[1])
    day._say(COHORTS[1], STUDENTS[1], Presence.PRESENT)
    turn_for(day, 120)
    waited, written = why(day), day.moodle.writes
    assert not any(process.parts.consumer.idle for process in day.running)
    day.loaded = True
    turn_until(day, lambda: day.moodle.of(COHORTS[1]) == {101})

    assert (waited, written) == (Why.FIRST_LOAD, 0)
    assert [reason for reason, _ in decisions(day)] == [Why.FIRST_LOAD, Why.NONE_NAMED]


def test_who_takes_the_decision_over_makes_sure_that_none_was_made() -> None:
    """By then the cohorts have members that records name: those that the former owner has added."""
    day = watched(Day(9, CALM, crashes=0.0, processes=2, fresh=True, loaded=False))
    day.moodle.members[day.moodle.make("staff").id] |= {900}
    for cohort in COHORTS[1:]:
        day._announce(cohort)
        day._say(cohort, STUDENTS[1], Presence.PRESENT)
    turn_until(
        day,
        lambda: (
            [why(day), *(one.parts.consumer.standing.adoption is None for one in day.running)]
            == [Why.FIRST_LOAD, False, False]
        ),
    )
    day.behind = day.loaded = True
    decider = day.running[0]
    turn_until(day, lambda: day.moodle.added)
    (other,) = (one for one in day.running if one is not decider)
    assert not other.parts.consumer.standing.applying
    day._kill(decider)
    for cohort in COHORTS[1:]:
        day._say(cohort, STUDENTS[2], Presence.PRESENT)
    turn_until(day, lambda: all(day.moodle.of(cohort) == {101, 102} for cohort in COHORTS[1:]))

    assert [reason for reason, _ in decisions(day)] == [Why.FIRST_LOAD, Why.NONE_NAMED]


def test_a_decision_that_could_not_be_committed_is_forgotten_with_its_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its markers would say that the sink is applying, though nobody has written down that it is."""
    day = watched(Day(10, CALM, crashes=0.0, fresh=True))
    turn_until(day, lambda: day.running)
    ledger = day.running[0].parts.ledger
    refused: list[datetime] = []

    def refuse(now: datetime, _: frozenset[int]) -> bool:
        refused.append(now)
        return False

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "commit", refuse)
        turn_until(day, lambda: len(refused) > 3)
    day.broker.owners[0] = "somebody who has not said anything yet"
    turn_for(day, 20)

    assert day.broker.records(LEDGER) == []
    del day.broker.owners[0]
    turn_until(day, lambda: standing_of(day.broker).applying)


def test_in_shadow_everything_is_taken_in_and_nothing_waits_in_memory() -> None:
    """The ledger is current, the alert says what to do, and the consumer has come to rest."""
    day = watched(Day(3, CALM, crashes=0.0, fresh=True))
    day._start_of_day()
    turn_until(day, lambda: why(day) == Why.COHORTS_NAMED)
    turn_for(day, 10)
    (process,) = day.running

    assert {entry.status for entry in day.ledger().values()} == {EntryStatus.PENDING}
    assert len(day.ledger()) == len(day.wanted)
    assert (len(process.parts.desk.backlog), process.parts.consumer.idle, day.moodle.writes) == (0, True, 0)
    assert [alert.code for alert in alerts(day)] == ["CS5010"]
    adopt(day)
    day._settle()
    assert [alert.state for alert in alerts(day) if alert.code == "CS5010"][-1] is AlertState.CLEARED


@pytest.mark.parametrize(
    ("changes", "refused"),
    [({"foreign": "remove"}, "foreign_differs"), ({"author": " "}, "without_author"), ({"hash": ""}, "incomplete")],
)
def test_an_adoption_that_does_not_fit_is_refused(changes: dict[str, str], refused: str) -> None:
    """By a consumer whose settings say otherwise, too; the journal says why."""
    day = watched(Day(4, CALM, crashes=0.0, fresh=True))
    day._start_of_day()
    turn_until(day, lambda: why(day) == Why.COHORTS_NAMED)
    adopt(day, changes=changes)
    turn_for(day, 10)

    assert why(day) == Why.COHORTS_NAMED
    assert [note.reason for note in day.journal() if note.kind == "command_refused"] == [refused]


def test_an_adoption_is_followed_once() -> None:
    """A second word finds no shadow any more, and changes nothing."""
    day = watched(Day(5, CALM, crashes=0.0, fresh=True))
    day._start_of_day()
    turn_until(day, lambda: why(day) == Why.COHORTS_NAMED)
    adopt(day, 1)
    adopt(day, 2)
    turn_for(day, 10)

    assert [reason for reason, _ in decisions(day)][-1:] == [Why.ADOPTED]
    assert [note.reason for note in day.journal() if note.kind == "command_refused"] == ["not_in_shadow"]


def test_the_mode_shadow_writes_nothing_and_decides_nothing_else() -> None:
    """Also where Moodle is empty; what is to become of it is decided when the mode is taken back."""
    day = watched(Day(6, CALM, crashes=0.0, processes=2, fresh=True, settings=SHADOW))
    day._announce(COHORTS[1])
    day._say(COHORTS[1], STUDENTS[1], Presence.PRESENT)
    turn_for(day, 100)
    adopt(day)
    turn_for(day, 10)
    stood, written = why(day), day.moodle.writes
    assert all(process.parts.consumer.idle for process in day.running)
    stop(day)
    day.settings = SETTINGS
    turn_until(day, lambda: day.moodle.of(COHORTS[1]) == {101})

    assert (stood, written) == (Why.MODE_SHADOW, 0)
    assert [note.reason for note in day.journal() if note.kind == "command_refused"] == ["mode_shadow"]
    assert [reason for reason, _ in decisions(day)] == [Why.MODE_SHADOW, Why.EMPTY_MOODLE]


def test_the_mode_shadow_stops_a_sink_that_applies_and_lets_it_go_on() -> None:
    """No decision is needed for that: it was adopted before."""
    day = watched(Day(7, CALM, crashes=0.0, fresh=True))
    for cohort in COHORTS[1:3]:
        day._announce(cohort)
    day._say(COHORTS[1], STUDENTS[1], Presence.PRESENT)
    turn_until(day, lambda: day.moodle.of(COHORTS[1]) == {101})
    stop(day)
    day.settings, written = SHADOW, day.moodle.writes
    day._say(COHORTS[2], STUDENTS[2], Presence.PRESENT)
    day._say(COHORTS[1], STUDENTS[1], Presence.ABSENT)
    turn_for(day, 100)
    assert (day.moodle.writes, day.moodle.of(COHORTS[1])) == (written, {101})
    stop(day)
    day.settings = SETTINGS
    turn_until(day, lambda: day.moodle.of(COHORTS[2]) == {102} and not day.moodle.of(COHORTS[1]))

    assert len(decisions(day)) == 1


def test_what_an_earlier_release_began_goes_on() -> None:
    """It has markers and knows of no decision; its cohorts have members that records name, of course."""
    day = Day(8, CALM, crashes=0.0)
    day._start_of_day()
    turn_until(day, lambda: 102 in day.moodle.of(next(c for c in COHORTS if day._present(c, STUDENTS[2]))))
    stop(day)
    day.fresh, day.loaded = True, False
    place = next(cohort for cohort in COHORTS if not day._present(cohort, STUDENTS[2]))
    day._say(place, STUDENTS[2], Presence.PRESENT)
    turn_until(day, lambda: 102 in day.moodle.of(place))

    assert decisions(day) == []
    assert not any(isinstance(record, JournalEntry) and record.cohort == "" for record in day.journal())
