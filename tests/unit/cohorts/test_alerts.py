"""What is told of held removals, and what becomes of what an earlier release told."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from consumers.cohorts.alerts import Alerts
from consumers.cohorts.desk import Desk
from consumers.cohorts.store import Store
from schemas.records import Alert, AlertState, EntryStatus
from tests.unit.cohorts.values import NOW, leaver


class Standing:
    """As much of a desk as alerts look at: one store, and what was told."""

    def __init__(self) -> None:
        self.store, self.told = Store(None, "test"), list[Alert]()
        self.pause, self.site_doubt = SimpleNamespace(cause=None), None
        self.ledger = SimpleNamespace(
            stores=lambda: [self.store], owned=frozenset({0}), whole=True, tell=self.told.append
        )
        self.witness = SimpleNamespace(stands=lambda _counts, _partitions: None)

    def hold(self, cohort: str, student: str, reason: str = "removal_limit") -> None:
        self.store.put(leaver(cohort, student, status=EntryStatus.HELD, due_at=None, reason=reason))


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


def test_what_an_earlier_release_told_of_is_cleared_when_nothing_is_held() -> None:
    """Its alert has another code and other parameters, under the same key."""
    standing = Standing()
    alerts = alerts_of(standing)
    parameters = {"count": "3", "limit": "500"}
    alerts.hear([Alert("moodle.held", AlertState.RAISED, "CS5003", "consume", NOW, parameters)])
    alerts.look(NOW, None)

    assert (standing.told[-1].key, *last(standing)) == ("moodle.held", AlertState.CLEARED, "CS5003", parameters)


def test_a_consumer_does_not_clear_what_is_true_of_another() -> None:
    """One that begins finds the alert of another and has no reason itself; alone, it knows that nobody has one."""
    first, second = Standing(), Standing()
    first.hold("A", "s1")
    alerts_of(first).look(NOW, None)
    second.ledger.whole = False
    beginner = alerts_of(second)
    beginner.hear(first.told)
    beginner.look(NOW, None)
    with_another = list(second.told)
    second.ledger.whole = True
    beginner.look(NOW + timedelta(minutes=1), None)

    assert with_another == []
    assert last(second)[0] is AlertState.CLEARED


def test_an_alert_that_another_consumer_cleared_is_told_again_where_it_is_true() -> None:
    """Both had a reason; one has it still, and its alert stands."""
    first, second = Standing(), Standing()
    one, other = alerts_of(first), alerts_of(second)
    first.ledger.whole = second.ledger.whole = False
    for standing, alerts in ((first, one), (second, other)):
        standing.hold("A", "s1")
        alerts.look(NOW, None)
    one.hear(second.told)
    second.store.put(leaver("A", "s1", status=EntryStatus.SETTLED))
    other.look(NOW + timedelta(minutes=1), None)
    one.look(NOW + timedelta(minutes=1), None)
    unheard = len(first.told)
    one.hear(second.told[1:])
    one.look(NOW + timedelta(minutes=2), None)

    assert last(second)[0] is AlertState.CLEARED
    assert unheard == 1
    assert last(first)[0] is AlertState.RAISED
    assert len(first.told) == 2
