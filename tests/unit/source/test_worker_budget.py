"""Polling stays within its share of time inside the database, whatever happens there."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from connector.runtime.errors import Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.runtime.telemetry import Count
from connector.source.budget import Budget
from tests.unit.source.world import Site, settings

RESERVE = 2.0
CALLS = ("clock", "identity", "open_transactions", "changed", "truth", "cohorts", "students_of")
seconds = st.floats(0.0, 60.0, allow_nan=False)


@given(
    st.floats(0.01, 1.0),
    st.lists(st.tuples(st.floats(0.0, 500.0), seconds, st.booleans()), min_size=1, max_size=60),
)
@example(0.05, [(0.0, 30.0, False)] * 5)
def test_what_is_spent_is_bounded_by_share_and_reserve(share: float, history: list[tuple[float, float, bool]]) -> None:
    """Over any history of waits and of calls that are made whenever the budget allows: the last one alone may go over."""
    budget, now, spent = Budget(share, RESERVE), 0.0, 0.0
    budget.pause(now)
    for wait, busy, patient in history:
        now += max(wait, budget.pause(now)) if patient else wait
        if budget.pause(now) > 0.0:
            continue
        assert spent <= share * now + RESERVE + 1e-6
        now += busy
        spent += busy
        budget.spend(busy, now)


@given(st.floats(0.01, 1.0), st.lists(seconds, max_size=30))
def test_a_pause_is_no_longer_than_needed(share: float, calls: list[float]) -> None:
    """Whoever waits for it may go on; half of it is not enough."""
    budget, now = Budget(share, RESERVE), 0.0
    for busy in calls:
        now += busy
        budget.spend(busy, now)
        pause = budget.pause(now)
        if pause > 1e-3:
            assert budget.pause(now + pause / 2) > 0.0
        assert budget.pause(now + pause) < 1e-6
        now += pause + 1e-6


class Costly:
    """Gives the calls of a source a price in seconds, which pass while they are made; ``failing`` lets some of them fail
    after that.
    """

    def __init__(self, site: Site, price: Callable[[], float], failing: float, chance: random.Random) -> None:
        self.site, self._price, self._failing, self._chance = site, price, failing, chance
        self.spent, self.largest = 0.0, 0.0
        self._step = 0.0
        (worker,) = site.poller.workers.values()
        for name in CALLS:
            self._charge(worker.feed.source, name)
        for part in worker._parts:
            object.__setattr__(part, "step", self._measured(part.step))

    def _charge(self, source: Any, name: str) -> None:
        call = getattr(source, name)

        def charged(*arguments: Any) -> Any:
            cost = self._price()
            self.site.clock.sleep(cost)
            self.site.database.busy += cost
            self.spent += cost
            self._step += cost
            if self._chance.random() < self._failing:
                raise Unavailable(message(OracleMessage.TIMED_OUT, source="apogee", query=name))
            return call(*arguments)

        setattr(source, name, charged)

    def _measured(self, step: Callable[[], None]) -> Callable[[], None]:
        def measured() -> None:
            self._step = 0.0
            try:
                step()
            finally:
                self.largest = max(self.largest, self._step)

        return measured


def busy_site(share: float) -> Site:
    site = Site(
        apogee=settings(
            share=share,
            hints=[
                {"cursor": "STAMP", "overlap": "30s", "interval": "1s", "name": "stamp"},
                {"kind": "scan", "interval": "5s", "name": "scan"},
            ],
        )
    )
    for number in range(1, 1500):
        site.database.put(number, f"s{number:05}", "A")
    site.clock.sleep(3600)
    site.run(30)
    return site


@hypothesis(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([0.02, 0.05, 0.2, 1.0]),
    st.floats(0.0, 0.2),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(0, 2**32),
)
def test_polling_stays_within_its_share(share: float, price: float, failing: float, seed: int) -> None:
    """During a rush with follow-ups and second looks, with calls of any price, some of which fail: at every moment all
    that was spent is within share and reserve, but for the step that went over it, and one look what database it is.
    """
    site, chance = busy_site(share), random.Random(seed)
    (worker,) = site.poller.workers.values()
    costly = Costly(site, lambda: chance.random() * price, failing, chance)
    began = site.clock.monotonic()
    for _ in range(100):
        if chance.random() < 0.2:
            number = chance.randrange(1, 1000)
            for row in range(number, number + chance.randrange(400)):
                site.database.put(row, f"s{row:05}", chance.choice("AB"))
        if chance.random() < 0.05:
            site.database.delete(chance.randrange(1, 1500))
        if chance.random() < 0.05:
            worker.feed.follow_ups.returned.append("A")
        site.poller.run_once()
        elapsed = site.clock.monotonic() - began
        assert costly.spent <= share * elapsed + RESERVE + 2 * costly.largest + 1e-6
        site.clock.sleep(chance.choice((0.05, 0.25, 1.0, 5.0)))

    counted = site.metrics.total(Count.SOURCE_TIME, source="apogee")
    assert costly.spent == pytest.approx(counted)


def test_a_snapshot_has_a_share_of_its_own() -> None:
    """Its truth reads are not polling's: new enrolments are published while it finds thousands of differences."""
    site = busy_site(0.05)
    (worker,) = site.poller.workers.values()
    for number, row in list(site.database.rows.items()):
        site.database.rows[number] = type(row)(row.student, "B", stamp=None)  # nothing that polling could see
    costly = Costly(site, lambda: 0.05, 0.0, random.Random(1))
    before = site.metrics.total(Count.SOURCE_TIME, source="apogee")
    asked = site.signal("snapshot")
    site.run(2)
    assert worker.snapshots.running
    site.database.put(2000, "new", "A")
    site.run(20)
    assert "new" in site.members()["A"]
    site.run(300)

    assert "finished" == site.notifications(asked)[-1].phase
    assert costly.spent > site.metrics.total(Count.SOURCE_TIME, source="apogee") - before
