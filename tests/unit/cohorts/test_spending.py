"""The breaker over real stores: whatever is interrupted, no window of a day has more removals than the budget."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.cohorts import transitions
from consumers.cohorts.breaker import Allowance, Limits, Mark, mark_of
from consumers.cohorts.guard import guard
from consumers.cohorts.ledger import Ledger, Outgoing
from consumers.cohorts.plan import Plan, Removal
from consumers.cohorts.reasons import Reason
from consumers.cohorts.spending import Spending
from consumers.cohorts.store import Store
from schemas.keys import partition_of
from schemas.records import EntryStatus, JournalEntry, LedgerEntry, PartitionMarker, Presence
from tests.unit.cohorts.values import NOW, leaver, member

DAY, SETTLE = timedelta(hours=24), timedelta(seconds=60)
PARTITIONS = 3
SIZES = (1, 2, 3, 5, 9, 10, 11, 49, 50, 51)
COHORTS = [f"C{size}" for size in SIZES]
STUDENTS = {cohort: [f"s{n}" for n in range(size)] for cohort, size in zip(COHORTS, SIZES, strict=True)}
TOTAL: Counter[int] = Counter()
for _cohort, _size in zip(COHORTS, SIZES, strict=True):
    TOTAL[partition_of(_cohort, PARTITIONS)] += _size


@dataclass
class Topics:
    """What was committed: a ``Log`` that refuses on demand."""

    records: list[Outgoing] = field(default_factory=list)
    refuses: bool = False

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        if not self.refuses:
            self.records += records
        return not self.refuses


class Life:
    """Processes that remove, one after the other, and a Moodle that does what it is told."""

    def __init__(self, limits: Limits, allowances: Sequence[Allowance], directory: Path) -> None:
        self.limits, self.allowances, self.directory = limits, allowances, directory
        self.topics, self.now, self.files = Topics(), NOW, 0
        self.sent: list[tuple[datetime, Mark, str | None]] = []
        self.start()
        for cohort, students in STUDENTS.items():
            for student in students:
                self.ledger.put(member(cohort, student, since=NOW))
        self.commit()

    def start(self, *, lost: bool = True) -> None:
        """A process begins, with the files of the one before it or with new ones."""
        self.standing: dict[Removal, str | None] = {}
        self.ledger = Ledger(self.topics, PARTITIONS, lambda _: None)
        self.spending = Spending(self.ledger, self.limits, self.allowances)
        self.files += lost
        for partition in range(PARTITIONS):
            store = Store(self.directory / f"{self.files}-{partition}.sqlite", "test")
            for outgoing in self.topics.records:
                if outgoing.partition == partition:
                    self.restore(store, outgoing)
            store.keep()
            marker = PartitionMarker(partition, "t", 0, 0, 0, "", NOW)
            self.ledger.open(store, marker)

    def restore(self, store: Store, outgoing: Outgoing) -> None:
        match outgoing.record:
            case LedgerEntry() as entry:
                store.put(entry)
            case JournalEntry() as entry if entry.at > self.now - timedelta(hours=26):
                store.note(entry)

    def stop(self) -> None:
        self.ledger.drop(range(PARTITIONS))

    def restart(self, *, lost: bool) -> None:
        self.stop()
        self.start(lost=lost)

    def commit(self) -> bool:
        return self.ledger.commit(self.now)

    def approve(self, cohort: str, first: int, count: int) -> None:
        """Some of a cohort's members shall leave, and the guard says which may."""
        removals = []
        for student in STUDENTS[cohort][first : first + count]:
            entry = self.entry(cohort, student)
            if entry.applied is Presence.PRESENT:
                gone = leaver(cohort, student, desired_revision=entry.desired_revision, since=self.now, due_at=self.now)
                self.ledger.put(gone)
                removals.append(Removal(cohort, 10, 1, student, entry.desired_revision))
        fresh = tuple(removal for removal in removals if removal not in self.standing)
        verdict = guard(Plan(removals=fresh), self.spending.left(fresh, self.standing, self.now))
        self.standing |= {removal: verdict.allowances.get(removal) for removal in verdict.approved.removals}

    def send(self, *, refused: bool, applied: bool) -> None:
        """Write the intents of what stands, commit, and call Moodle."""
        going, self.standing = self.standing, {}
        for removal, allowance in going.items():
            entry = self.entry(removal.cohort, removal.student)
            self.ledger.put(transitions.quarantine(entry, Reason.REMOVAL_UNKNOWN, 1, self.now))
            self.ledger.note(
                JournalEntry(
                    at=self.now,
                    kind="intent",
                    run="r",
                    cohort=removal.cohort,
                    student=removal.student,
                    action="remove",
                    revision=removal.revision,
                    details={"allowance": allowance} if allowance else {},
                )
            )
        self.topics.refuses = refused
        sent = self.commit()
        self.topics.refuses = False
        for removal, allowance in going.items():
            entry = self.entry(removal.cohort, removal.student)
            if sent:
                self.sent.append((self.now, mark_of(removal), allowance))
            if sent and applied:
                self.ledger.put(transitions.shown(entry, Presence.ABSENT, 1, self.now, SETTLE))
            else:
                self.ledger.put(transitions.not_applied(entry, self.now, SETTLE))

    def withdraw(self) -> None:
        self.standing.clear()

    def back(self, cohort: str, first: int, count: int) -> None:
        """Members who left are there again, by a later word."""
        for student in STUDENTS[cohort][first : first + count]:
            entry = self.entry(cohort, student)
            if entry.applied is not Presence.PRESENT:
                again = member(cohort, student, desired_revision=entry.desired_revision + 1, since=self.now)
                self.ledger.put(replace(again, status=EntryStatus.SETTLED))

    def entry(self, cohort: str, student: str) -> LedgerEntry:
        found = self.ledger.entry(cohort, student)
        assert found is not None
        return found

    def windows(self) -> list[list[tuple[Mark, str | None]]]:
        """The different removals of each day that ends with one."""
        return [
            list({mark: allowance for at, mark, allowance in self.sent if end - DAY < at <= end}.items())
            for end in {at for at, _, _ in self.sent}
        ]


PLACES = st.tuples(st.sampled_from(COHORTS), st.integers(0, 50), st.sampled_from([1, 3, 7, 60]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("approve"), PLACES),
        st.tuples(st.just("approve"), PLACES),
        st.tuples(st.just("send"), st.sampled_from([(False, True)] * 4 + [(True, True), (False, False)])),
        st.tuples(st.just("send"), st.sampled_from([(False, True)] * 4 + [(True, True), (False, False)])),
        st.tuples(st.just("withdraw"), st.none()),
        st.tuples(st.just("back"), PLACES),
        st.tuples(st.just("commit"), st.none()),
        st.tuples(st.just("restart"), st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 11, 13, 23])),
    ),
    max_size=40,
)


def live(life: Life, steps: list[tuple[str, object]]) -> None:
    for step in steps:
        match step:
            case "approve", (str(cohort), int(first), int(count)):
                life.approve(cohort, first, count)
            case "send", (bool(refused), bool(applied)):
                life.send(refused=refused, applied=applied)
            case "withdraw", _:
                life.withdraw()
            case "back", (str(cohort), int(first), int(count)):
                life.back(cohort, first, count)
            case "commit", _:
                life.commit()
            case "restart", bool(lost):
                life.restart(lost=lost)
            case "wait", int(hours):
                life.now += timedelta(hours=hours)
    life.stop()


def most_of_cohort(size: int) -> int:
    """Said once more, in other words than the breaker's."""
    tenth = size // 10
    return min(max(tenth, 5), size - size // 2)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from([2, 4, 1000]))
def test_no_day_has_more_removals_than_the_budget(steps: list[tuple[str, object]], least: int) -> None:
    """For any order of removals, withdrawals, refused commits, ends of processes, lost files and returns of members."""
    with tempfile.TemporaryDirectory() as directory:
        life = Life(Limits(partition_least=least), (), Path(directory))
        live(life, steps)

    for window in life.windows():
        cohorts = Counter(cohort for (cohort, _, _), _ in window)
        partitions = Counter(partition_of(cohort, PARTITIONS) for (cohort, _, _), _ in window)
        assert all(count <= most_of_cohort(len(STUDENTS[cohort])) for cohort, count in cohorts.items())
        assert all(count <= max(least, TOTAL[partition] // 100) for partition, count in partitions.items())


@settings(max_examples=30, deadline=None)
@given(STEPS, st.sampled_from([0.1, 0.5, 0.9, 1.0]), st.sampled_from([None, 1, 8]))
def test_no_day_has_more_removals_under_an_allowance_than_it_gives(
    steps: list[tuple[str, object]], share: float, most: int | None
) -> None:
    """And what has no allowance keeps to the budget of every day, and to half of the cohort together with it."""
    allowance = Allowance("a", "C*", NOW - DAY, NOW + 100 * DAY, share, most)
    with tempfile.TemporaryDirectory() as directory:
        life = Life(Limits(partition_least=3), (allowance,), Path(directory))
        live(life, steps)

    for window in life.windows():
        under = [mark for mark, name in window if name == "a"]
        plain = Counter(cohort for (cohort, _, _), name in window if name is None)
        for cohort, count in Counter(cohort for cohort, _, _ in under).items():
            assert count <= len(STUDENTS[cohort]) * share
            assert not plain[cohort] or plain[cohort] + count <= max(most_of_half(cohort), count)
        for count in Counter(partition_of(cohort, PARTITIONS) for cohort, _, _ in under).values():
            assert most is None or count <= most
        assert all(count <= most_of_cohort(len(STUDENTS[cohort])) for cohort, count in plain.items())


def most_of_half(cohort: str) -> int:
    size = len(STUDENTS[cohort])
    return size - size // 2


def test_the_days_removals_survive_the_loss_of_everything_but_the_topics(tmp_path: Path) -> None:
    """The budget of a cohort is spent; a new process with new files removes nobody; after a day five more may go."""
    life = Life(Limits(partition_least=1000), (), tmp_path)
    life.approve("C50", 0, 50)
    life.send(refused=False, applied=True)
    life.commit()
    life.restart(lost=True)
    life.now += DAY - timedelta(milliseconds=1)
    life.approve("C50", 0, 50)
    before = len(life.standing)
    life.now += timedelta(milliseconds=1)
    life.approve("C50", 0, 50)
    after = len(life.standing)
    life.stop()

    assert (len(life.sent), before, after) == (5, 0, 5)


def test_a_removal_that_is_tried_again_counts_from_its_last_attempt(tmp_path: Path) -> None:
    """The first calls came to nothing; a day after them, but not after the last ones, nobody else may go."""
    life = Life(Limits(partition_least=1000), (), tmp_path)
    life.approve("C10", 0, 5)
    life.send(refused=False, applied=False)
    life.now += timedelta(hours=23)
    life.approve("C10", 0, 5)
    life.send(refused=False, applied=True)
    life.now += timedelta(hours=2)
    life.approve("C10", 5, 5)
    standing = len(life.standing)
    life.stop()

    assert (len(life.sent), standing) == (10, 0)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["put", "keep", "discard", "ask"]), st.sampled_from("AB"), st.integers(0, 3), st.booleans()
    ),
    max_size=40,
)


@given(CHANGES)
def test_the_count_of_members_follows_every_change(changes: list[tuple[str, str, int, bool]]) -> None:
    """Whatever is put, kept or forgotten between two questions."""
    store = Store(None, "test")
    store.keep()
    kept: dict[tuple[str, int], bool] = {}
    now: dict[tuple[str, int], bool] = {}
    for change, cohort, number, shown in changes:
        match change:
            case "put":
                now[cohort, number] = shown
                store.put(member(cohort, f"s{number}", applied=Presence.PRESENT if shown else Presence.ABSENT))
            case "keep":
                kept = dict(now)
                store.keep()
            case "discard":
                now = dict(kept)
                store.discard()
            case _:
                assert store.present() == sum(now.values())
    members = Counter(cohort for (cohort, _), there in now.items() if there)

    assert store.present() == members.total()
    assert [store.present(cohort) for cohort in "AB"] == [members["A"], members["B"]]
