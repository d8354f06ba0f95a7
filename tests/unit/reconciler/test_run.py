"""A reconciliation, against doubles of the roles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.runtime.errors import Busy, Unavailable
from connector.runtime.messages import ReconcilerMessage, message
from consumers.reconciler.compare import MoodleView
from consumers.reconciler.drift import Difference
from consumers.reconciler.report import Progress, Verdict
from consumers.reconciler.run import Reconciliation
from consumers.reconciler.settings import ReconcileSettings
from consumers.reconciler.sides import Alone, PartitionView, Scope, Target
from schemas.records import CohortEntry, CohortState, Notification
from tests.unit.reconciler.test_compare import COHORT, GONE, HERE


class Clock:
    """Only ``sleep`` moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Connector:
    """Finishes after it was asked, unless it is silent."""

    silent: bool = False
    turns: int = 0
    """How often it tells that it is reading before it has finished."""
    refuses: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    asked: list[Scope] = field(default_factory=list)

    def running(self) -> bool:
        return True

    def expected_rows(self) -> Mapping[str, int]:
        return {"main": 9}

    def ask(self, scope: Scope) -> Mapping[str, str]:
        self.asked.append(scope)
        return {"main": "id"}

    def heard(self) -> Iterable[Notification]:
        if self.silent:
            return
        now = datetime(2026, 11, 23, tzinfo=UTC)
        yield Notification("somebody else's", "main", "finished", 1, now)
        if self.refuses:
            yield Notification("id", "main", "refused", 1, now, reason=self.refuses)
        self.turns -= 1
        phase = "finished" if self.turns < 0 else "progress"
        yield Notification("id", "main", phase, 1, now, self.counts)


@dataclass
class Consumer:
    """Repairs what it is asked to recheck, in a Moodle of one cohort."""

    members: set[int]
    alive: bool = True
    behind: int = 1
    rechecked: list[Difference] = field(default_factory=list)
    partitions: int = 1
    unsettled: int = 2
    """Looks until what was asked for is applied."""
    looked_ahead: list[set[str]] = field(default_factory=list)
    """Students whose accounts were looked up while the connector was reading."""

    def running(self) -> bool:
        return self.alive

    def target(self) -> Target:
        return Target({0: 1}, {0: 1})

    def backlog(self, target: Target) -> int:
        self.behind = max(0, self.behind - 1)
        return self.behind

    def ledger(self, cohorts: Collection[str] | None = None) -> Iterator[PartitionView]:
        yield PartitionView([COHORT], [HERE, GONE])
        yield from [PartitionView([], [])] * (self.partitions - 1)

    def students(self, cohorts: Collection[str] | None = None) -> Iterator[Collection[str]]:
        yield from [{"s1", "s2"}] * self.partitions

    def repair(self, differences: Sequence[Difference]) -> None:
        self.rechecked += differences
        self.behind = 3

    def pending(self) -> int:
        self.unsettled = max(0, self.unsettled - 1)
        if not self.unsettled:
            self.members |= {11}
            self.members -= {12}
        return self.unsettled

    def look_ahead(self, students: Iterable[Collection[str]]) -> Iterator[None]:
        for some in students:
            self.looked_ahead.append(set(some))
            yield

    def begin(self) -> None:
        pass

    def deleted(self, user_ids: Collection[int]) -> Collection[int]:
        return ()

    def view(self, cohorts: Sequence[CohortEntry], students: Collection[str]) -> MoodleView:
        return MoodleView({7: "Informatics"}, {"INFO": (7,)}, {7: sorted(self.members)})


def reconciliation(connector: Connector, consumer: Consumer) -> Reconciliation:
    return Reconciliation(connector, consumer, consumer, ReconcileSettings(), Clock())


def test_nothing_to_do_is_clean() -> None:
    """And nobody was asked for anything but to look."""
    consumer = Consumer({11})
    report = reconciliation(Connector(), consumer).run(Scope())

    assert Verdict.CLEAN is report.verdict
    assert [] == consumer.rechecked


def test_drift_is_repaired_by_the_consumer() -> None:
    """The reconciler asks for exactly what differs, and looks again afterwards."""
    consumer = Consumer({12, 99})
    report = reconciliation(Connector(), consumer).run(Scope())

    assert {("s1", "missing"), ("s2", "extra")} == {(d.student, d.kind) for d in consumer.rechecked}
    assert {"foreign": 1} == dict(report.last.by_kind)
    assert Verdict.ATTENTION is report.verdict


@pytest.mark.parametrize(("partitions", "turns", "looked"), [(5, 3, 3), (2, 5, 2), (5, 0, 0)])
def test_accounts_are_looked_up_while_the_connector_reads(partitions: int, turns: int, looked: int) -> None:
    """A part at a time, for as long as it reads, and it is not waited for what is left when it has finished."""
    connector, consumer = Connector(turns=turns), Consumer({11}, partitions=partitions)
    run = reconciliation(connector, consumer)
    run.run(Scope())

    assert consumer.looked_ahead == [{"s1", "s2"}] * looked
    assert Verdict.CLEAN is run.run(Scope()).verdict


def test_accounts_that_nobody_wants_compared_are_not_looked_up() -> None:
    """The settings say so."""
    consumer = Consumer({11})
    run = reconciliation(Connector(turns=3), consumer)
    replace(run, settings=ReconcileSettings(accounts=False)).run(Scope())

    assert consumer.looked_ahead == []


def test_a_dry_run_asks_nobody() -> None:
    """Neither the connector to look nor the consumer to repair."""
    connector, consumer = Connector(), Consumer({12})
    report = reconciliation(connector, consumer).run(Scope(), dry_run=True)

    assert not connector.asked
    assert not consumer.rechecked
    assert {"missing": 1, "extra": 1} == dict(report.before.by_kind)
    assert "Would ask  for 2 rechecks" in report.lines()


def test_a_sink_in_shadow_is_only_reported_on() -> None:
    """Nobody is asked, since nothing could be repaired."""
    connector, consumer = Connector(), Consumer({12, 99})
    report = replace(reconciliation(connector, consumer), shadow=True).run(Scope())

    assert not connector.asked
    assert not consumer.rechecked
    assert {"missing": 1, "extra": 1, "foreign": 1} == dict(report.before.by_kind)


def test_foreign_members_are_rechecked_where_they_are_to_go() -> None:
    """With their cohort as a whole, since they have no student."""
    consumer = Consumer({11, 99})
    replace(reconciliation(Connector(), consumer), foreign_go=True).run(Scope())

    assert [("INFO", None)] == [(one.cohort, one.student) for one in consumer.rechecked]


def test_it_can_be_narrowed() -> None:
    """Only the student that was named is looked at and repaired."""
    connector, consumer = Connector(), Consumer({12})
    reconciliation(connector, consumer).run(Scope(students=("s1",)))

    assert ["s1"] == [difference.student for difference in consumer.rechecked]
    assert ("s1",) == connector.asked[0].students


@pytest.mark.parametrize(
    ("scope", "unknown"),
    [
        (Scope(cohorts=("INFO",), students=("s2",)), ""),
        (Scope(cohorts=("INFO", "INOF")), "cohort INOF"),
        (Scope(cohorts=("",)), "cohort "),
        (Scope(cohorts=("INFO",), students=("s1", "INFO", " s1", "s1 ")), "3 students"),
    ],
)
def test_a_name_that_the_ledger_does_not_have_needs_attention(scope: Scope, unknown: str) -> None:
    """A misspelt one must not look like one that was found to be right. Students are counted, since keys are personal."""
    report = reconciliation(Connector(), Consumer({11})).run(scope)

    assert (report.unknown, report.plain["unknown"]) == (unknown, unknown)
    assert report.verdict is (Verdict.ATTENTION if unknown else Verdict.CLEAN)
    assert any(line.startswith(f"Unknown    {unknown}: ") for line in report.lines()) is bool(unknown)


def test_a_name_of_a_cohort_that_was_released_is_unknown() -> None:
    """What the ledger keeps of it is a bound for replays."""
    released = replace(COHORT, state=CohortState.VANISHED, moodle_id=None, revision=9, forgotten=9)

    assert Scope(cohorts=("INFO",)).met_in([released], []) == set()


@pytest.mark.parametrize(
    ("connector", "consumer", "says"),
    [
        (Connector(), Consumer(set(), alive=False), "CS7001 The consumer does not answer"),
        (Connector(silent=True), Consumer(set()), "CS7001 The connector does not answer"),
        (Connector(refuses="settings changed"), Consumer(set()), "CS7002 .*main again: settings changed"),
        (Connector(), Consumer(set(), behind=10**9), "CS7003 .*consumer's backlog"),
    ],
)
def test_a_role_that_does_not_answer_is_named(connector: Connector, consumer: Consumer, says: str) -> None:
    """Within its bound, and nothing is repaired on half the knowledge."""
    with pytest.raises(Unavailable, match=says):
        reconciliation(connector, consumer).run(Scope())

    assert [] == consumer.rechecked


def test_what_is_seen_once_only_is_no_drift() -> None:
    """The consumer was just about it: the second look decides, and tells how much was on the move."""

    class Moving(Consumer):
        looks = 0

        def begin(self) -> None:
            self.looks += 1
            if self.looks == 2:
                self.members = {11}

    consumer = Moving({12, 99})
    report = Reconciliation(Connector(), consumer, consumer, ReconcileSettings(), Clock()).run(Scope())

    assert (report.before.by_kind, report.asked) == ({}, 0)


def test_what_flows_in_meanwhile_is_not_waited_for() -> None:
    """The target is where the ends were; a source that never rests would keep it for ever otherwise."""
    targets = list[Target]()

    class Lively(Consumer):
        def target(self) -> Target:
            return Target({0: len(targets)}, {0: 0})

        def backlog(self, target: Target) -> int:
            targets.append(target)
            return len(targets) % 3

    consumer = Lively({11})
    Reconciliation(Connector(), consumer, consumer, ReconcileSettings(), Clock()).run(Scope())

    assert [target.memberships for target in targets] == [{0: 0}] * 3


def test_it_is_excluded_before_anything_is_asked_for() -> None:
    """A dry run, which asks for nothing, may be made at any time."""

    class Taken(Alone):
        def take(self) -> None:
            raise Busy(message(ReconcilerMessage.AT_WORK, sink="moodle", process="there", since="now"))

    connector, consumer = Connector(), Consumer({12})
    excluded = replace(reconciliation(connector, consumer), exclusion=Taken())
    with pytest.raises(Busy):
        excluded.run(Scope())
    report = excluded.run(Scope(), dry_run=True)

    assert (connector.asked, consumer.rechecked) == ([], [])
    assert report.before.by_kind == {"missing": 1, "extra": 1}


@pytest.mark.parametrize(
    ("scope", "noted"),
    [(Scope(), 1), (Scope(source="main"), 0), (Scope(cohorts=("INFO",)), 0), (Scope(students=("s1",)), 0)],
)
def test_only_a_run_of_everything_does_for_a_scheduled_one(scope: Scope, noted: int) -> None:
    """A schedule that begins anew makes up for what it missed, and goes by what was noted last."""

    class Noting(Alone):
        ends = 0

        def finished(self) -> None:
            self.ends += 1

    noting = Noting()
    replace(reconciliation(Connector(), Consumer({11})), exclusion=noting).run(scope)

    assert noting.ends == noted


def test_progress_has_counts_and_totals() -> None:
    """So that a bar can be drawn, with an estimate."""
    seen = list[Progress]()
    consumer = Consumer({12})
    replace(reconciliation(Connector(counts={"rows": 7}), consumer), report_progress=seen.append).run(Scope())
    last = {one.step: (one.done, one.total) for one in seen}

    assert last == {
        "snapshot of main": (7, 9),
        "consumer works off its backlog": (1, 1),
        "comparing": (1, 1),
        "consumer repairs": (2, 2),
    }
