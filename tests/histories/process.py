"""A process of the connector: the real steps of one source, in the order of ``Worker``, over a table and a ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, cast

from connector.source import absences, releasing, snapshotting
from connector.source.agreement import Doubt
from connector.source.confirming import SecondLook
from connector.source.feed import Feed
from connector.source.following_up import FollowingUp
from connector.source.hint_settings import followed
from connector.source.mapping import Row, RowMapping
from connector.source.polling import Hint
from connector.source.snapshotting import SNAPSHOT, Snapshots
from schemas.records import CohortChanged, Suspects
from tests.histories.ledger import Ledger
from tests.histories.reader import Reader
from tests.histories.shapes import SOURCE, TICK
from tests.histories.table import Table


class Hands:
    """Our own clock: real time, which nobody sets."""

    def __init__(self, table: Table, rate: float) -> None:
        self._table, self._rate = table, rate

    def now(self) -> datetime:
        return self._table.place.start + TICK * self._table.now

    def monotonic(self) -> float:
        return self._table.now / 4 * self._rate

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps")


class Silent:
    """Metrics and traces that nobody reads."""

    def count(self, name: object, n: float = 1, /, **labels: str) -> None: ...
    def gauge(self, name: object, value: float, /, **labels: str) -> None: ...
    def forget(self, name: object, /, **labels: str) -> None: ...
    def observe(self, name: object, value: float, /, **labels: str) -> None: ...

    @contextmanager
    def span(self, *named: object, **more: object) -> Iterator[None]:
        yield

    def current(self) -> None:
        return None


SILENT = cast("Any", Silent())


class AllInDoubt:
    """Stands for ``Agreement``, which is fast because it knows the state's tables: nobody is spared the comparison."""

    def __init__(self, source: str, mapping: RowMapping, state: object) -> None:
        self._mapping = mapping

    def doubt(self, rows: list[Row]) -> Doubt:
        return Doubt({str(row[self._mapping.student_column]) for row in rows}, rows)


def use_ledger() -> None:
    """What reaches into the tables of the state finds its counterpart in the ledger. For the life of this process."""
    snapshotting.Agreement = AllInDoubt  # type: ignore[attr-defined, assignment]
    absences.supporting_rows = Ledger.supporting_rows  # type: ignore[assignment]
    releasing.vanished_cohorts = Ledger.vanished_cohorts  # type: ignore[attr-defined, assignment]


class Books(Protocol):
    """What is published, as far as it is asserted."""

    suspects: dict[str, Suspects]
    cohort: dict[str, CohortChanged]

    def pairs(self) -> set[tuple[str, str]]:
        """The memberships that the topic says are present."""
        ...


class Running(Protocol):
    """A process of the connector."""

    def turn(self) -> None:
        """Do what is due."""
        ...

    def snapshot(self) -> None:
        """Somebody asks for a snapshot; it is taken in the next turns."""
        ...

    @property
    def resting(self) -> bool:
        """Whether there is nothing to do for now."""
        ...

    @property
    def pause(self) -> float:
        """Seconds until something is to be done."""
        ...


class Process:
    """From a start to a crash or a restart. What it knows comes from the ledger."""

    def __init__(
        self, table: Table, reader: Reader, ledger: Ledger, rate: float, taking: Callable[[bool], None]
    ) -> None:
        """``taking`` is told when a step of a snapshot begins and ends."""
        shape, state = table.shape, cast("Any", ledger)
        self.feed = Feed(SOURCE, shape.settings, shape.mark, reader, state, state, Hands(table, rate), SILENT, SILENT)
        self.hints = [Hint(self.feed, name, hint) for name, hint in followed(shape.settings.hints).items()]
        self.follow_ups = FollowingUp(self.feed)
        self.second_look = SecondLook(self.feed)
        self.snapshots = Snapshots(self.feed, state, lambda: [hint.begin() for hint in self.hints])
        self._taking = taking

    def turn(self) -> None:
        """What ``Worker`` does when nothing but the source concerns it."""
        if self.snapshots.running or self.snapshots.resume():
            self._taking(True)
            try:
                self.snapshots.step()
            finally:
                self._taking(False)
        for hint in self.hints:
            if hint.wait() <= 0.0:
                hint.step()
        if self.follow_ups.waiting:
            self.follow_ups.step()
        if self.second_look.due():
            self.second_look.step()

    def snapshot(self) -> None:
        """Somebody asks for a snapshot; it is taken in the next turns."""
        if self.feed.checkpoint.loaded and not self.snapshots.running:
            self.snapshots.begin(SNAPSHOT, "asked")

    @property
    def resting(self) -> bool:
        """Whether there is nothing to do for now."""
        if not self.feed.checkpoint.loaded or self.snapshots.running or self.follow_ups.waiting:
            return False
        return all(hint.caught_up and hint.wait() > 0.0 for hint in self.hints)

    @property
    def pause(self) -> float:
        """Seconds until something is to be done."""
        return self.snapshots.wait()
