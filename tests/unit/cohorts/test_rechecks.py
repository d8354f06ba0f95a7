"""When a cohort is read again whose accounts have to be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from consumers.cohorts.calls import Shown
from consumers.cohorts.desk import Desk, Prepared
from consumers.cohorts.rechecks import Rechecks
from consumers.cohorts.roll import Roll
from consumers.moodle.resolution import Found
from schemas.records import LedgerEntry
from tests.unit.cohorts.values import NOW, Book, member

STRANGER = 9


class World:
    """As much of a desk as rechecks look at, with a clock that is set by hand."""

    def __init__(self, *entries: LedgerEntry, parked_retry: timedelta) -> None:
        self.seconds = 0.0
        self.book = Book.of(*entries)
        self.written: list[LedgerEntry] = []
        self.calls: list[Prepared] = []
        self.roll = Roll(cast("Any", self))
        self.desk: Any = SimpleNamespace(
            settings=SimpleNamespace(
                recheck_window=timedelta(seconds=2),
                recheck_cohorts=100,
                parked_retry=parked_retry,
                removal_settle=timedelta(seconds=60),
                moodle_settle=timedelta(minutes=10),
                foreign="remove",
                mode="apply",
            ),
            clock=self,
            roll=self.roll,
            ledger=self,
            prepare=self.calls.append,
            unasked=set(),
            unhurried={},
            gone=set(),
            witness=SimpleNamespace(rechecked=lambda _agreed, _repaired: None),
        )
        self.desk.busy = self.desk.heard = self.desk.note = lambda *_, **__: None
        self.cohort, self.owns, self.named = self.book.cohort, self.book.owns, self.book.named

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def entries_of(self, cohort: str) -> Iterable[LedgerEntry]:
        return [one for one in self.book.entries.values() if one.cohort == cohort]

    def put(self, entry: LedgerEntry) -> None:
        self.written.append(entry)


@pytest.mark.parametrize("parked_retry", [timedelta(seconds=10), timedelta(hours=1)], ids=str)
def test_a_cohort_is_read_again_while_the_answers_about_its_accounts_are_known(parked_retry: timedelta) -> None:
    """However seldom the parked are looked for: else they would be asked for anew each time, and no stranger found."""
    world = World(member("A", "s1", 1), parked_retry=parked_retry)
    rechecks = Rechecks(cast("Desk", world.desk), cast("Any", None))
    rechecks.ask("A", None, NOW)
    read_at = []
    for _ in range(2):
        while not rechecks.offer(world.now()):
            world.seconds += 1
            assert world.seconds < 7200
        read_at.append(world.seconds)
        world.calls.pop().done(Shown({"A": frozenset({1, STRANGER})}))
        asked = list(world.desk.unhurried)
        world.desk.unhurried.clear()
        world.roll.learn({student: Found(1, "u1") for student in asked})

    assert read_at[1] - read_at[0] >= 10
    assert [(one.user_id, one.cause) for one in world.written] == [(STRANGER, "foreign")]
    assert not rechecks.waiting
