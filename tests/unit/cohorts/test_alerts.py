"""What is told of held removals, and what becomes of what an earlier release told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from connector.runtime.messages import MoodleMessage, message
from consumers.cohorts.alerts import Alerts
from consumers.cohorts.desk import Desk
from consumers.cohorts.store import Store
from schemas.records import Alert, AlertShare, AlertState, EntryStatus
from tests.unit.cohorts.values import NOW, leaver


class Standing:
    """As much of a desk as alerts look at: a store for each partition, and what was told."""

    def __init__(self, *owned: int, stores: dict[int, Store] | None = None, whole: bool = True) -> None:
        self.stores = stores if stores is not None else {partition: Store(None, "test") for partition in owned or (0,)}
        self.told = list[Alert]()
        self.pause, self.site_doubt = SimpleNamespace(cause=None), None
        self.ledger = SimpleNamespace(
            store=self.stores.__getitem__, owned=frozenset(owned or (0,)), whole=whole, tell=self.told.append
        )
        self.seen: dict[tuple[str, str], int] = {}
        self.witness = SimpleNamespace(stands=lambda counts, _partitions: self.seen.update(counts))

    @property
    def store(self) -> Store:
        return self.stores[min(self.ledger.owned)]

    def hold(self, cohort: str, student: str, reason: str = "removal_limit") -> None:
        self.store.put(leaver(cohort, student, status=EntryStatus.HELD, due_at=None, reason=reason))

    def settle(self, cohort: str, student: str) -> None:
        self.store.put(leaver(cohort, student, status=EntryStatus.SETTLED))


class Consumers:
    """Several consumers of one sink, who hear what any of them says, in one order."""

    def __init__(self, *standings: Standing) -> None:
        self.standings = standings
        self.alerts = [alerts_of(standing) for standing in standings]
        self.topic: list[Alert] = []
        self.now = NOW

    def turn(self, *, deaf: bool = False) -> None:
        """All look after what changed; then all hear what was said, unless ``deaf`` leaves that for the next turn."""
        self.now += timedelta(minutes=1)
        for alerts in self.alerts:
            alerts.look(self.now, None)
        if not deaf:
            self.hear()

    def hear(self) -> None:
        said = [alert for standing in self.standings for alert in standing.told]
        for standing in self.standings:
            standing.told.clear()
        self.topic += said
        for alerts in self.alerts:
            alerts.hear(said)

    def join(self, standing: Standing) -> None:
        """One more, which reads what was said so far."""
        alerts = alerts_of(standing)
        alerts.hear(self.topic)
        self.standings, self.alerts = (*self.standings, standing), [*self.alerts, alerts]

    def leave(self, gone: Standing) -> None:
        """One dies, with what it had not said yet."""
        number = self.standings.index(gone)
        self.standings = (*self.standings[:number], *self.standings[number + 1 :])
        del self.alerts[number]

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """Count, cohorts and those past the limit, as the last word on held removals says; None if it is cleared."""
        last = next(alert for alert in reversed(self.topic) if alert.key == "moodle.held")
        if last.state is AlertState.CLEARED:
            return None
        return tuple(int(last.parameters[name]) for name in ("count", "cohorts", "past"))


def alerts_of(standing: Standing) -> Alerts:
    return Alerts(cast("Desk", standing), "moodle")


def last(standing: Standing) -> tuple[AlertState, str, Any]:
    alert = standing.told[-1]
    return alert.state, alert.code, dict(alert.parameters)


def test_held_removals_are_told_with_their_cohorts_and_why() -> None:
    """When they begin, and again when they have doubled; not for each one more."""
    standing = Standing()
    alerts = alerts_of(standing)
    standing.hold("A", "s1")
    standing.hold("A", "s2", "siblings_not_shown")
    standing.hold("B", "s1")
    alerts.look(NOW, None)
    first = last(standing)
    standing.hold("B", "s2")
    alerts.look(NOW + timedelta(minutes=1), None)
    for number in range(3, 8):
        standing.hold("B", f"s{number}")
    told = len(standing.told)
    alerts.look(NOW + timedelta(minutes=2), None)

    assert first == (AlertState.RAISED, "CS5031", {"count": "3", "cohorts": "2", "past": "2"})
    assert told == 1
    assert last(standing)[2]["count"] == "9"


def test_what_is_held_after_most_was_decided_is_told_too() -> None:
    """It need not be more than there were before a person decided."""
    standing = Standing()
    alerts = alerts_of(standing)
    for number in range(20):
        standing.hold("A", f"s{number}")
    alerts.look(NOW, None)
    for number in range(2, 20):
        standing.store.put(leaver("A", f"s{number}", status=EntryStatus.SETTLED))
    alerts.look(NOW + timedelta(minutes=1), None)
    fewer = last(standing)[2]["count"]
    for number in range(8):
        standing.hold("B", f"s{number}")
    alerts.look(NOW + timedelta(minutes=2), None)

    assert (fewer, last(standing)[2]["count"]) == ("2", "10")


def test_what_is_held_again_is_told_again() -> None:
    """Though it is no more than was held before it was over."""
    standing = Standing()
    alerts = alerts_of(standing)
    for minute, act in enumerate((standing.hold, standing.settle, standing.hold)):
        act("A", "s1")
        alerts.look(NOW + timedelta(minutes=minute), None)

    assert [alert.state for alert in standing.told] == [AlertState.RAISED, AlertState.CLEARED, AlertState.RAISED]


def test_what_an_earlier_release_told_of_is_cleared_when_nothing_is_held() -> None:
    """Its alert has another code and other parameters, under the same key."""
    standing = Standing()
    alerts = alerts_of(standing)
    parameters = {"count": "3", "limit": "500"}
    alerts.hear([Alert("moodle.held", AlertState.RAISED, "CS5003", "consume", NOW, parameters)])
    alerts.look(NOW, None)

    assert (standing.told[-1].key, *last(standing)) == ("moodle.held", AlertState.CLEARED, "CS5003", parameters)


def test_a_consumer_does_not_clear_what_is_true_of_another() -> None:
    """One that begins finds the alert of another and has no reason itself; with its partitions it knows better."""
    first, second = Standing(0, whole=False), Standing(1, whole=False)
    first.hold("A", "s1")
    alerts_of(first).look(NOW, None)
    beginner = alerts_of(second)
    beginner.hear(first.told)
    beginner.look(NOW, None)
    with_another = list(second.told)
    second.stores[0], second.ledger.owned = Store(None, "test"), frozenset({0, 1})
    beginner.look(NOW + timedelta(minutes=1), None)

    assert with_another == []
    assert last(second)[0] is AlertState.CLEARED


def test_an_earlier_release_told_of_another_consumer_perhaps() -> None:
    """Its alert does not say of which partitions it is, so only who has all knows that it is over."""
    standing = Standing(0, whole=False)
    alerts = alerts_of(standing)
    parameters = {"count": "3", "cohorts": "1", "past": "3"}
    alerts.hear([Alert("moodle.held", AlertState.RAISED, "CS5031", "consume", NOW, parameters)])
    alerts.look(NOW, None)
    with_another = list(standing.told)
    standing.ledger.whole = True
    alerts.look(NOW + timedelta(minutes=1), None)

    assert with_another == []
    assert last(standing)[0] is AlertState.CLEARED


def members(*numbers: int) -> list[str]:
    return [f"s{number}" for number in numbers]


def test_consumers_of_one_sink_add_up_what_they_count() -> None:
    """Each counts its own partitions, and the alert is about all of them, whoever says it last."""
    first, second = Standing(0, 1, whole=False), Standing(2, whole=False)
    both = Consumers(first, second)
    for student in members(1, 2, 3):
        first.hold("A", student)
    first.stores[1].put(leaver("B", "s1", status=EntryStatus.HELD, due_at=None, reason="siblings_not_shown"))
    both.turn()
    alone = both.numbers
    for student in members(1, 2):
        second.hold("C", student)
    both.turn()
    together = both.numbers
    for student in members(1, 2):
        second.settle("C", student)
    both.turn()

    assert (alone, together, both.numbers) == ((4, 2, 3), (6, 3, 5), (4, 2, 3))
    assert {("held", "removal_limit"): 3, ("held", "siblings_not_shown"): 1} == first.seen


def test_words_that_cross_come_to_agree() -> None:
    """Two say their numbers before either has heard the other: what the last word leaves out is said again."""
    first, second = Standing(0, whole=False), Standing(1, whole=False)
    both = Consumers(first, second)
    for student in members(1, 2, 3):
        first.hold("A", student)
        second.hold("B", student)
    both.turn()
    crossed = both.numbers
    both.turn()
    said = len(both.topic)
    both.turn()

    assert (crossed, both.numbers) == ((3, 1, 3), (6, 2, 6))
    assert said == len(both.topic), "and nobody says it once more"


def test_the_share_of_a_consumer_that_died_is_put_right_by_its_successor() -> None:
    """So no alert stands for ever because of it: what it had told is the owner's of its partitions."""
    first, second = Standing(0, whole=False), Standing(1, whole=False)
    both = Consumers(first, second)
    first.hold("A", "s1")
    for student in members(1, 2, 3):
        second.hold("B", student)
    both.turn()
    both.turn()
    told = both.numbers
    both.leave(second)
    for student in members(1, 2, 3):
        second.settle("B", student)  # by the successor's ledger; nobody has said so yet
    both.turn()
    orphaned = both.numbers
    both.join(Standing(1, stores=second.stores, whole=False))
    both.turn()
    taken = both.numbers
    first.settle("A", "s1")
    both.turn()

    assert (told, orphaned, taken, both.numbers) == ((4, 2, 4), (4, 2, 4), (1, 1, 1), None)


def test_partitions_that_move_are_counted_once() -> None:
    """Whoever gave one up leaves its share to the new owner."""
    first, second = Standing(0, 1, whole=False), Standing(2, whole=False)
    both = Consumers(first, second)
    first.hold("A", "s1")
    first.stores[1].put(leaver("B", "s1", status=EntryStatus.HELD, due_at=None, reason="removal_limit"))
    both.turn()
    second.stores[1] = first.stores[1]
    first.ledger.owned, second.ledger.owned = frozenset({0}), frozenset({1, 2})
    both.turn()
    moved = both.numbers
    first.settle("A", "s1")
    both.turn()

    assert (moved, both.numbers) == ((2, 2, 2), (1, 1, 1))


def two_that_hold() -> Consumers:
    """Two consumers, each with a held removal, of which both have heard."""
    both = Consumers(Standing(0, whole=False), Standing(1, whole=False))
    for standing in both.standings:
        standing.hold("A", "s1")
    both.turn()
    both.turn()
    return both


def test_the_last_one_with_a_reason_clears() -> None:
    """Also if both reasons end at the same moment, unheard by the other."""
    both = two_that_hold()
    for standing in both.standings:
        standing.settle("A", "s1")
    both.turn(deaf=True)
    both.turn()
    both.turn()

    assert both.numbers is None


def test_parked_memberships_are_added_up_by_reason() -> None:
    """Another reason is another alert."""
    first, second = Standing(0, whole=False), Standing(1, whole=False)
    both = Consumers(first, second)
    for standing, count in ((first, 2), (second, 3)):
        for student in members(*range(count)):
            standing.store.put(
                leaver("A", student, status=EntryStatus.PARKED, due_at=None, reason="student_without_account")
            )
    second.store.put(leaver("A", "s9", status=EntryStatus.PARKED, due_at=None, reason="row_refused"))
    both.turn()
    both.turn()
    last = {alert.key: alert.parameters["count"] for alert in both.topic}

    assert last == {"moodle.parked.student_without_account": "5", "moodle.parked.row_refused": "1"}


def test_what_a_release_without_shares_told_is_told_anew_with_them() -> None:
    """Its number may be of some partitions only; the one who has a reason puts it right."""
    first, second = Standing(0, whole=False), Standing(1, whole=False)
    both = Consumers(first, second)
    for standing in both.standings:
        standing.hold("A", "s1")
    old = alerts_of(first)
    old.look(NOW, None)
    without = [replace(alert, shares=()) for alert in first.told]
    first.told.clear()
    for alerts in both.alerts:
        alerts.hear(without)
    both.turn()
    both.turn()

    assert both.numbers == (2, 2, 2)


def test_a_share_of_a_partition_that_is_no_more_stands_for_nobody() -> None:
    """The topics were made anew with fewer partitions: nobody would ever put it right."""
    standing = Standing(0)
    parameters = {"count": "3", "cohorts": "1", "past": "3"}
    share = AlertShare(7, {name: int(value) for name, value in parameters.items()})
    alerts = alerts_of(standing)
    alerts.hear([Alert("moodle.held", AlertState.RAISED, "CS5031", "consume", NOW, parameters, (share,))])
    alerts.look(NOW, None)

    assert (AlertState.CLEARED, ()) == (last(standing)[0], standing.told[-1].shares)


def test_numbers_that_were_cleared_are_told_again_by_all_who_have_some() -> None:
    """By whomever, such as one of an earlier release, which knows of no shares."""
    both = two_that_hold()
    cleared = Alert("moodle.held", AlertState.CLEARED, "CS5031", "consume", NOW, both.topic[-1].parameters)
    both.topic.append(cleared)
    for alerts in both.alerts:
        alerts.hear([cleared])
    silent = both.numbers
    both.turn()
    both.turn()

    assert (silent, both.numbers) == (None, (2, 2, 2))


def test_a_bystander_of_shares_is_no_party_to_what_an_earlier_release_tells() -> None:
    """It has no reason and never had one, so what is told without shares is not its to clear."""
    first, bystander = Standing(0, whole=False), Standing(1, whole=False)
    both = Consumers(first, bystander)
    first.hold("A", "s1")
    both.turn()
    both.turn()
    (told,) = both.topic
    both.alerts[1].hear([replace(told, shares=())])
    both.alerts[1].look(both.now + timedelta(minutes=1), None)

    assert bystander.told == []


def test_an_alert_that_another_consumer_cleared_is_told_again_where_it_is_true() -> None:
    """Moodle refused both; to one it answers again, and the alert of the other stands."""
    first, second = Standing(0, whole=False), Standing(1, whole=False)
    both = Consumers(first, second)
    for standing in both.standings:
        standing.pause.cause = message(MoodleMessage.MAINTENANCE)
    both.turn()
    second.pause.cause = None
    both.turn()
    both.turn()
    said = [alert.state for alert in both.topic]

    assert said[-2:] == [AlertState.CLEARED, AlertState.RAISED]
    assert {"moodle.paused"} == {alert.key for alert in both.topic}
