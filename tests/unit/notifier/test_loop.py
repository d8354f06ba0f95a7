"""The notifier at work, over topics in memory: restarts, failures, recipients that come and go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import NotifierMessage, message
from connector.runtime.messages.translation import Translation
from connector.runtime.telemetry import Count, MemoryMetrics
from consumers.notifier.delivery import Delivery
from consumers.notifier.loop import Notifier
from consumers.notifier.news import FORGET_AFTER, delivery_key
from consumers.notifier.polls import poll_key
from consumers.notifier.reconciliations import Scheduled, overdue_key
from consumers.reconciler.alert import unfinished_key
from schemas.records import Alert, AlertState, Checkpoint
from tests.unit.notifier.values import (
    DAY,
    HELD,
    HOUR,
    MINUTE,
    NOW,
    OUTAGE,
    Carrier,
    ManualClock,
    Office,
    Topics,
    healed,
    held,
    outage,
    rules,
)

SECOND = timedelta(seconds=1)
ENDED = unfinished_key("moodle")
DOWN = message(NotifierMessage.MAIL_UNREACHABLE, host="smtp", port=25, reason="down")
REFUSED = message(NotifierMessage.MAIL_REFUSED, host="smtp", port=25, reason="535")


@dataclass
class World:
    """Topics and recipients; ``notifier`` is the process, which may die and start anew."""

    topics: Topics = field(default_factory=Topics)
    clock: ManualClock = field(default_factory=ManualClock)
    metrics: MemoryMetrics = field(default_factory=MemoryMetrics)
    carriers: dict[str, Carrier] = field(default_factory=lambda: {"ops": Carrier()})

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process."""
        self.office = Office(self.topics, self.clock)
        deliveries = [
            Delivery(rules(recipient=name), carrier, Translation(), self.clock, self.metrics)
            for name, carrier in self.carriers.items()
        ]
        scheduled = {"moodle": Scheduled(ENDED, lambda last, now: now - last >= DAY)}
        self.notifier = Notifier(self.office, deliveries, {"apogee": 15 * MINUTE}, scheduled, self.clock, self.metrics)

    def turn(self, after: timedelta = timedelta()) -> None:
        self.clock.move(after)
        self.notifier.run_once()

    def subjects(self, name: str = "ops") -> list[str]:
        return [letter.subject.removeprefix("[cohortstream] ") for letter in self.carriers[name].letters]

    def raised(self) -> set[str]:
        last = {alert.key: alert.state for alert in self.topics.alerts}
        return {key for key, state in last.items() if state is AlertState.RAISED}


SUBJECT_OF_TWO = 'new: 2; first: (critical) The source "apogee" cannot be reached: ORA-12541.'


@pytest.fixture
def world() -> World:
    return World()


def test_an_alert_is_told_and_so_is_that_it_is_over(world: World) -> None:
    """Each once, over as many turns as you like."""
    world.topics.alerts.append(outage())
    for _ in range(5):
        world.turn(MINUTE)
    world.topics.alerts.append(healed(world.clock.now()))
    for _ in range(5):
        world.turn(MINUTE)

    told = 'The source "apogee" cannot be reached: ORA-12541.'
    assert [f"new: 1: (critical) {told}", f"over: 1: {told}"] == world.subjects()
    assert 2 == world.metrics.total(Count.ALERTS_SENT, recipient="ops", outcome="sent")


def test_a_restart_tells_nothing_twice_and_loses_nothing(world: World) -> None:
    """What was told stands in the topic; what came meanwhile is told."""
    world.topics.alerts.append(outage())
    world.turn(MINUTE)
    world.topics.alerts.append(held(NOW + 2 * MINUTE))
    world.start()
    world.turn(5 * MINUTE)
    world.turn(MINUTE)

    assert 2 == len(world.subjects())
    assert world.subjects()[1].startswith("new: 1: (warning) 5 removals")


def test_a_long_stop_brings_no_storm(world: World) -> None:
    """Of weeks of raising and clearing only what stands is told, in one message."""
    world.turn()
    for day in range(40):
        at = NOW + day * DAY
        world.topics.alerts += [outage(at), healed(at + HOUR), held(at, count=day + 1)]
    world.start()
    world.turn(41 * DAY)
    world.turn(MINUTE)

    (letter,) = world.carriers["ops"].letters
    assert "40 removals" in letter.subject
    assert ["moodle.held"] == [one["key"] for one in letter.alerts]


def test_who_dies_between_sending_and_noting_sends_again(world: World) -> None:
    """Rather twice than never; the number is the same."""
    world.topics.alerts.append(outage())
    world.office.breaks = OperationalError(DOWN)
    with pytest.raises(OperationalError):
        world.turn(MINUTE)
    world.start()
    world.turn()
    world.turn(MINUTE)

    first, second = world.carriers["ops"].letters
    assert first == second


def test_one_that_is_not_elected_says_nothing(world: World) -> None:
    """Until it is; then it knows what the other has told."""
    world.topics.alerts.append(outage())
    world.office.holds = False
    world.turn(HOUR)
    assert (not world.notifier.active, []) == (True, world.subjects())

    other = Office(world.topics, world.clock)
    Notifier(
        other,
        [Delivery(rules(), Carrier(), Translation(), world.clock, world.metrics)],
        {},
        {},
        world.clock,
        world.metrics,
    ).run_once()
    world.office.holds = True
    world.turn(MINUTE)

    assert (world.notifier.active, []) == (True, world.subjects())


def test_a_recipient_that_fails_delays_no_other() -> None:
    """It is tried again, ever less often, and then gets everything in one message."""
    world = World(carriers={"ops": Carrier(fault=Unavailable(DOWN)), "chat": Carrier()})
    world.topics.alerts.append(outage())
    world.turn(MINUTE)
    assert (1, DOWN) == (len(world.subjects("chat")), world.notifier.problem)

    for _ in range(120):
        world.turn(30 * SECOND)
    tried = world.carriers["ops"].tried
    assert 8 <= tried <= 12, "15, 30, 60, 120, 240, 480 and then 900 s"
    world.topics.alerts.append(held(world.clock.now()))
    world.carriers["ops"].fault = None
    for _ in range(40):
        world.turn(30 * SECOND)

    assert [SUBJECT_OF_TWO] == world.subjects("ops")
    assert world.notifier.problem is None


def test_the_others_are_told_of_one_that_cannot_be_reached() -> None:
    """After five minutes; and that it is over, once it has been reached. It hears nothing of that itself."""
    world = World(carriers={"ops": Carrier(fault=Unavailable(DOWN)), "chat": Carrier()})
    world.topics.alerts.append(outage())
    for _ in range(9):
        world.turn(30 * SECOND)
    assert delivery_key("ops") not in world.raised()
    for _ in range(10):
        world.turn(30 * SECOND)
    assert delivery_key("ops") in world.raised()
    assert world.subjects("chat")[1].startswith(
        'new: 1: (critical) Alerts do not reach the recipient "ops": CS8003 The mail server smtp:25'
    )

    world.start()  # one that starts anew does not take it for over before it has tried
    world.turn()
    assert delivery_key("ops") in world.raised()
    world.carriers["ops"].fault = None
    for _ in range(40):
        world.turn(30 * SECOND)
    assert delivery_key("ops") not in world.raised()
    assert world.subjects("chat")[2].startswith("over: 1: Alerts do not reach")
    assert 1 == len(world.subjects("ops"))


def test_one_that_starts_anew_does_not_take_a_recipient_for_well_before_it_was_tried() -> None:
    """Something waits for it, which is not due yet."""
    world = World()
    lost = Alert(delivery_key("ops"), AlertState.RAISED, "CS8002", "notify", NOW, {})
    world.topics.alerts += [lost, outage()]
    world.turn()
    assert {delivery_key("ops"), OUTAGE} == world.raised()
    world.turn(MINUTE)

    assert {OUTAGE} == world.raised()


def test_what_a_person_must_put_right_is_told_at_once_and_tried_rarely() -> None:
    """A wrong password that is tried again and again locks the account."""
    world = World(carriers={"ops": Carrier(fault=Halted(REFUSED))})
    world.topics.alerts.append(outage())
    world.turn(MINUTE)
    assert delivery_key("ops") in world.raised()

    for _ in range(14):
        world.turn(MINUTE)
    assert 1 == world.carriers["ops"].tried
    world.turn(MINUTE)
    assert 2 == world.carriers["ops"].tried


def test_who_could_not_be_reached_and_misses_nothing_is_well_again(world: World) -> None:
    """It was over before it could be told."""
    world.carriers["ops"].fault = Halted(REFUSED)
    world.topics.alerts.append(outage())
    world.turn(MINUTE)
    world.topics.alerts.append(healed(world.clock.now()))
    world.turn(MINUTE)

    assert (None, set()) == (world.notifier.problem, world.raised())


def test_a_new_recipient_is_told_what_stands(world: World) -> None:
    """The others are not told again."""
    world.topics.alerts += [outage(), held()]
    world.turn(HOUR)
    world.carriers["new"] = Carrier()
    world.start()
    world.turn(MINUTE)

    assert ([SUBJECT_OF_TWO], [SUBJECT_OF_TWO]) == (world.subjects("ops"), world.subjects("new"))


def test_who_is_no_recipient_any_more_is_forgotten() -> None:
    """With the alert that it could not be reached."""
    world = World(carriers={"ops": Carrier(), "gone": Carrier()})
    world.topics.alerts.append(outage())
    world.turn(MINUTE)
    world.carriers["gone"].fault = Halted(REFUSED)
    world.topics.alerts.append(held(world.clock.now()))
    world.turn(MINUTE)
    assert delivery_key("gone") in world.raised()

    del world.carriers["gone"]
    world.start()
    world.turn(MINUTE)

    assert {("ops", OUTAGE), ("ops", HELD), ("ops", delivery_key("gone"))} >= world.topics.told.keys()
    assert delivery_key("gone") not in world.raised()


def test_what_is_long_over_is_removed_from_the_topic(world: World) -> None:
    """So that it does not grow for ever."""
    world.topics.alerts.append(outage())
    world.turn(MINUTE)
    world.topics.alerts.append(healed(world.clock.now()))
    world.turn(MINUTE)
    assert {("ops", OUTAGE)} == world.topics.told.keys()
    world.turn(FORGET_AFTER + SECOND)

    assert {} == world.topics.told


def test_a_source_that_is_polled_no_more_is_an_alert(world: World) -> None:
    """It stands in the topic, so that everybody sees it, and is told as any other."""
    checkpoint = Checkpoint("apogee", loaded=True, hints=(), fingerprint="f", database_time=NOW)
    world.topics.checkpoints.append((checkpoint, NOW))
    for _ in range(20):
        world.turn(MINUTE)
    assert {poll_key("apogee")} == world.raised()
    assert world.subjects() == [
        'new: 1: (critical) The source "apogee" was last polled at 2026-09-01 08:00 UTC, more than 15m ago.'
    ]

    later = Checkpoint("apogee", loaded=True, hints=(), fingerprint="f", database_time=world.clock.now())
    world.topics.checkpoints.append((later, world.clock.now()))
    world.turn()
    world.turn(MINUTE)
    assert (set(), 2) == (world.raised(), len(world.subjects()))


def test_a_sink_that_is_reconciled_no_more_is_an_alert(world: World) -> None:
    """A day after it should have been, also when the notifier has been standing by meanwhile; and it is over with the next."""
    ended = Alert(ENDED, AlertState.CLEARED, "CS7011", "reconcile", world.clock.now())
    world.topics.alerts.append(ended)
    world.turn()
    world.turn(DAY + 7 * HOUR)
    assert world.raised() == {overdue_key("moodle")}

    world.topics.alerts.append(replace(ended, at=world.clock.now()))
    world.turn()
    assert world.raised() == set()


def test_the_end_leaves_the_group(world: World) -> None:
    """The next one is elected at once."""
    world.turn()
    world.notifier.close()

    assert (False, False) == (world.office.holds, world.notifier.active)
