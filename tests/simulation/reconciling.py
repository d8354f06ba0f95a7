"""A reconciler within a simulated day: its roles are the day's consumers and a connector whose source anybody may change,
and while it waits the day goes on.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from consumers.reconciler.asking import Watched, commands_for
from consumers.reconciler.compare import MoodleView
from consumers.reconciler.drift import Difference
from consumers.reconciler.report import Report
from consumers.reconciler.run import Reconciliation
from consumers.reconciler.settings import ReconcileSettings
from consumers.reconciler.sides import PartitionView, Scope, Target
from schemas.records import (
    CohortEntry,
    CohortState,
    LedgerEntry,
    Notification,
    Presence,
)
from tests.simulation.cohorts import PARTITIONS, Day
from tests.simulation.fake_kafka import CODEC, COMMANDS, MEMBERSHIPS
from tests.simulation.words import markers

LEDGER = "moodle.ledger"


@dataclass
class World:
    """The day, and the rows of its source, which the connector sees only when it is asked to look."""

    day: Day
    settings: ReconcileSettings = field(default_factory=ReconcileSettings)
    foreign_go: bool = False
    live: Callable[[], None] = lambda: None
    """What happens all the while."""
    rows: set[tuple[str, str]] = field(default_factory=set)
    vanished: set[str] = field(default_factory=set)
    suspects: set[tuple[str, str]] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def follow_day(self) -> None:
        """The source has what the day has said so far."""
        self.rows = {place for place, word in self.day.wanted.items() if word.state is Presence.PRESENT}

    def reconcile(self, scope: Scope | None = None, *, dry_run: bool = False) -> Report:
        consumer = Consumer(self)
        run = Reconciliation(
            Connector(self), consumer, Moodle(self), self.settings, Clock(self), foreign_go=self.foreign_go
        )
        return run.run(scope or Scope(), dry_run=dry_run)

    def go_on(self, seconds: float) -> None:
        """The day goes on, and with it whatever happens all the while."""
        until = self.day.timeline.seconds + seconds
        while self.day.timeline.seconds < until:
            self.live()
            self.day._turn()

    def snapshot(self) -> Counter[str]:
        """As the connector's: what is there is published, what is missing twice is gone, a cohort without rows vanished."""
        counts: Counter[str] = Counter(rows=len(self.rows))
        day, alive = self.day, {cohort for cohort, _ in self.rows}
        for place in sorted(self.rows):
            if not day._present(*place):
                counts["published"] += 1
                day._say(*place, Presence.PRESENT, cause="missed")
        gone = {place for place, word in day.wanted.items() if word.state is Presence.PRESENT} - self.rows
        for cohort in sorted({cohort for cohort, _ in gone} - alive - self.vanished):
            counts["vanished"] += 1
            self.vanished.add(cohort)
            day._announce(cohort, CohortState.VANISHED)
        absent = {place for place in gone if place[0] in alive}
        for place in sorted(absent & self.suspects):
            counts["published"] += 1
            day._say(*place, Presence.ABSENT, cause="deleted")
        self.suspects = absent - self.suspects
        counts["suspected"] += len(self.suspects)
        return counts


@dataclass
class Clock:
    """Whoever sleeps lets the day go on."""

    world: World

    def now(self) -> datetime:
        return self.world.day.timeline.now()

    def monotonic(self) -> float:
        return self.world.day.timeline.seconds

    def sleep(self, seconds: float) -> None:
        self.world.go_on(seconds)


@dataclass
class Connector:
    """Takes its snapshot when it is asked."""

    world: World
    said: list[Notification] = field(default_factory=list)

    def running(self) -> bool:
        return True

    def expected_rows(self) -> Mapping[str, int]:
        return {"test": len(self.world.rows)}

    def ask(self, scope: Scope) -> Mapping[str, str]:
        number = f"signal {next(self.world.numbers)}"
        now = self.world.day.timeline.now()
        counts = dict(self.world.snapshot())
        self.said += [
            Notification(number, "test", "started", 0, now),
            Notification(number, "test", "finished", 0, now, counts),
        ]
        return {"test": number}

    def heard(self) -> Iterable[Notification]:
        self.world.go_on(0.2)
        said, self.said = self.said, []
        return said


@dataclass
class Consumer:
    """Reads the ledger and writes commands, in the broker's lists."""

    world: World
    partitions: int = PARTITIONS
    watched: Watched = field(default_factory=Watched)

    def running(self) -> bool:
        return True

    def target(self) -> Target:
        broker = self.world.day.broker
        return Target(
            {p: len(broker.log(MEMBERSHIPS, p)) for p in range(PARTITIONS)},
            {p: len(broker.log(COMMANDS, p)) for p in range(PARTITIONS)},
        )

    def backlog(self, target: Target) -> int:
        reached_by = markers(self.world.day)

        def behind(p: int) -> bool:
            marker = reached_by.get(p)
            reached = (0, 0) if marker is None else (marker.next_offset, marker.commands_offset)
            return reached[0] < target.memberships[p] or reached[1] < target.commands[p]

        return sum(behind(p) for p in range(PARTITIONS))

    def ledger(self, cohorts: Collection[str] | None = None) -> Iterator[PartitionView]:
        for partition in range(PARTITIONS):
            self.world.go_on(0.05)
            found: dict[bytes | None, CohortEntry | LedgerEntry] = {}
            for raw in self.world.day.broker.log(LEDGER, partition):
                record = None if raw.value is None else CODEC.decode(raw.value)
                if isinstance(record, CohortEntry | LedgerEntry) and (cohorts is None or record.cohort in cohorts):
                    found[raw.key] = record
            yield PartitionView(
                [one for one in found.values() if isinstance(one, CohortEntry)],
                [one for one in found.values() if isinstance(one, LedgerEntry)],
            )

    def students(self, cohorts: Collection[str] | None = None) -> Iterator[Collection[str]]:
        for part in self.ledger(cohorts):
            yield {entry.student for entry in part.entries}

    def repair(self, differences: Sequence[Difference]) -> None:
        day = self.world.day
        self.watched = Watched.of(differences)
        for command in commands_for(differences, day.timeline.now(), lambda: f"command {next(self.world.numbers)}"):
            day.broker.publish(command)

    def pending(self) -> int:
        watched = replace(self.watched, pending=set())
        for record in self.world.day.broker.records(LEDGER):  # the last word of each counts
            watched.hear(record)
        return len(watched.pending)


@dataclass
class Moodle:
    """The site as it is at the moment of each read."""

    world: World

    def look_ahead(self, students: Iterable[Collection[str]]) -> Iterator[None]:
        for _ in students:
            self.world.go_on(0.1)
            yield

    def begin(self) -> None:
        self.world.go_on(0.1)

    def view(self, cohorts: Sequence[CohortEntry], students: Collection[str]) -> MoodleView:
        self.world.go_on(0.1)
        moodle = self.world.day.moodle
        ids: dict[str, list[int]] = {}
        for number, idnumber in sorted(moodle.cohorts.items()):
            ids.setdefault(idnumber, []).append(number)
        wanted = {entry.moodle_id for entry in cohorts}
        accounts = {student: moodle.accounts.get(student) for student in students if student not in moodle.doubled}
        return MoodleView(
            dict(moodle.cohorts),
            ids,
            {i: frozenset(who) for i, who in moodle.members.items() if i in wanted and i not in moodle.closed},
            frozenset(moodle.cohorts),
            {student: None if user in moodle.deleted else user for student, user in accounts.items()},
        )

    def deleted(self, user_ids: Collection[int]) -> Collection[int]:
        return {user for user in user_ids if user in self.world.day.moodle.deleted}
