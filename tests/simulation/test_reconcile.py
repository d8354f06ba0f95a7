"""Whatever was done behind everybody's back: reconciling brings both ends to the desired state, and names what it leaves."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from consumers.reconciler.drift import Drift
from consumers.reconciler.report import Report, Verdict
from consumers.reconciler.settings import ReconcileSettings
from schemas.records import CohortEntry, Command, EntryStatus, LedgerEntry, Presence
from tests.simulation.cohorts import COHORTS, FOREIGN, STUDENTS, Day
from tests.simulation.fake_kafka import COMMANDS
from tests.simulation.fake_moodle import Chances
from tests.simulation.reconciling import LEDGER, World
from tests.simulation.tampering import STRANGER, Tampering
from tests.simulation.turns import turn_for, turn_until

WAITS = {EntryStatus.PARKED, EntryStatus.HELD, EntryStatus.DUE, EntryStatus.QUARANTINED}
WHOLE = {Drift.COHORT_DELETED, Drift.COHORT_DOUBLED, Drift.COHORT_FORBIDDEN}
LATER = 150.0
"""Seconds in which every removal becomes due and is done."""


def settled_world(seed: int) -> World:
    """Some have left already; everything is applied, and the source says the same."""
    day = Day(seed, Chances(), crashes=0.0)
    day._start_of_day()
    turn_for(day, 15)
    for place in random.Random(seed).sample(sorted(day.wanted), 10):
        day._say(*place, Presence.ABSENT)
    turn_for(day, 30)
    turn_until(day, lambda: day.running[0].parts.consumer.idle)
    world = World(day)
    world.follow_day()
    return world


def left_unnamed(world: World, report: Report) -> list[str]:
    """Where Moodle is not as the source has it, and neither ledger nor report says why."""
    day, ledger = world.day, world.day.ledger()
    whole = {one.cohort for one in report.last.differences if one.kind in WHOLE}
    strange = {(one.cohort, one.user_id) for one in report.last.differences if one.kind is Drift.FOREIGN}
    changed = {(one.cohort, str(one.student)) for one in report.last.differences if one.kind is Drift.ACCOUNT_CHANGED}
    accounts = {s: user for s, user in day.moodle.accounts.items() if user not in day.moodle.deleted}
    waiting = {place for place, entry in ledger.items() if entry.status in WAITS}
    waiting_users = {(entry.cohort, entry.user_id) for entry in ledger.values() if entry.status in WAITS}
    moved = {(cohort, ledger[cohort, student].user_id) for cohort, student in changed}
    wrong = []
    for cohort in sorted(set(COHORTS) - whole - world.vanished):
        there = day.moodle.of(cohort)
        wanted = {student for place, student in world.rows if place == cohort}
        absent = wanted - {student for place, student in waiting | changed if place == cohort}
        wrong += [
            f"{student} is missing from {cohort}" for student in sorted(absent) if accounts.get(student) not in there
        ]
        spare = there - {accounts.get(student) for student in wanted}
        excused = strange | waiting_users | moved
        wrong += [f"{user} is left in {cohort}" for user in sorted(spare) if (cohort, user) not in excused]
    return wrong


def written(world: World) -> tuple[int, int, int]:
    """Writes to Moodle, words about memberships and cohorts in the ledger, and commands."""
    broker = world.day.broker
    words = [one for one in broker.records(LEDGER) if isinstance(one, LedgerEntry | CohortEntry)]
    return world.day.moodle.writes, len(words), len(broker.records(COMMANDS))


@pytest.mark.parametrize("seed", range(24))
def test_two_reach_the_desired_state_and_the_next_finds_nothing_to_do(seed: int) -> None:
    """Two, since an absence wants a second look. What is left is held, parked, due, vanished, foreign or a person's."""
    world = settled_world(seed)
    deeds = Tampering(world, random.Random(seed))
    deeds.act(12)
    world.reconcile()
    world.go_on(LATER)
    second = world.reconcile()
    world.go_on(LATER)
    before = written(world)
    third = world.reconcile()
    world.go_on(LATER)

    assert left_unnamed(world, third) == [], (deeds.done, second.lines(), third.lines())
    assert (third.asked, third.source.get("published", 0)) == (0, 0), (deeds.done, third.lines())
    assert written(world) == before


@pytest.mark.parametrize("seed", range(8))
def test_one_is_enough_where_nothing_is_absent(seed: int) -> None:
    """And what it repaired is there when it comes to its end, but for removals, which settle first."""
    world = settled_world(seed)
    deeds = Tampering(world, random.Random(seed))
    for deed in (deeds.enrol, deeds.take_out, deeds.take_out, deeds.delete_account, deeds.merge_account):
        deeds.done.append(deed())
    report = world.reconcile()

    assert left_unnamed(world, report) == [], (deeds.done, report.lines())


def tamper(name: str) -> Callable[[World], str]:
    return lambda world: getattr(Tampering(world, random.Random(3)), name)()


@pytest.mark.parametrize(
    ("deed", "kind", "left"),
    [
        ("take_out", Drift.MISSING, False),
        ("put_in_again", Drift.EXTRA, False),
        ("put_in_stranger", Drift.FOREIGN, True),
        ("delete_cohort", Drift.COHORT_DELETED, True),
        ("double_cohort", Drift.COHORT_DOUBLED, True),
        ("close_cohort", Drift.COHORT_FORBIDDEN, True),
        ("delete_account", Drift.USER_DELETED, False),
        ("move_key", Drift.ACCOUNT_CHANGED, True),
    ],
)
def test_every_deed_is_called_by_its_name(deed: str, kind: Drift, *, left: bool) -> None:
    """And what may be repaired is."""
    world = settled_world(5)
    world.day.moodle.members_in(COHORTS[0]).difference_update({FOREIGN, FOREIGN + 1})
    tamper(deed)(world)
    report = world.reconcile()
    world.go_on(LATER)
    after = world.reconcile(dry_run=True)

    assert set(report.before.by_kind) == {kind}
    assert set(after.before.by_kind) == ({kind} if left else set())


def test_a_merged_account_takes_the_place_of_the_old_one() -> None:
    """Where the merge has not moved the memberships."""
    world = settled_world(6)
    moodle = world.day.moodle
    place = next(place for place in sorted(world.rows) if place[1] in moodle.accounts and place[1] != STUDENTS[0])
    old = moodle.accounts[place[1]]
    moodle.deleted.add(old)
    for members in moodle.members.values():
        members.discard(old)
    moodle.accounts[place[1]] = STRANGER
    report = world.reconcile()

    assert set(report.before.by_kind) == {Drift.USER_MERGED, Drift.FOREIGN}
    assert STRANGER in moodle.of(place[0])


def test_a_deleted_cohort_is_made_anew_where_the_settings_say_so() -> None:
    """The consumer notices first that it is gone, then it is asked to make it."""
    world = settled_world(7)
    world.settings = ReconcileSettings(repair=(Drift.MISSING, Drift.COHORT_DELETED))
    members = world.day.moodle.of(COHORTS[3])
    world.day.moodle.delete(COHORTS[3])
    report = world.reconcile()

    assert world.day.moodle.of(COHORTS[3]) == members
    assert Drift.COHORT_DELETED not in report.last.by_kind


def test_foreign_members_go_where_that_is_the_policy() -> None:
    """As any removal does, after its time."""
    world = settled_world(8)
    world.day.settings = world.day.settings.model_copy(update={"foreign": "remove"})
    world.foreign_go = True
    report = world.reconcile()

    assert report.asked == report.before.by_kind[Drift.FOREIGN] >= 2


def test_what_is_only_reported_needs_no_attention() -> None:
    """It is counted all the same."""
    world = settled_world(9)
    world.settings = ReconcileSettings(report=(Drift.FOREIGN,))
    report = world.reconcile()

    assert report.verdict is Verdict.CLEAN
    assert report.last.by_kind[Drift.FOREIGN] >= 2


class Life:
    """The source goes on speaking while somebody reconciles; what it says is seen by polling."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self._next = 0.0
        self.words = 0

    def __call__(self) -> None:
        world, day = self._world, self._world.day
        if day.timeline.seconds < self._next:
            return
        self._next = day.timeline.seconds + self._rng.uniform(0.02, 0.4)
        self.words += 1
        place = self._rng.choice(COHORTS), self._rng.choice(STUDENTS)
        there = place in world.rows
        (world.rows.discard if there else world.rows.add)(place)
        day._say(*place, Presence.ABSENT if there else Presence.PRESENT)


@pytest.mark.parametrize("seed", range(20))
def test_live_changes_flow_while_it_is_at_work(seed: int) -> None:
    """Nothing that only moves is called drift, nothing is asked for in vain, nothing flaps and nothing is lost."""
    world = settled_world(seed)
    life = Life(world, random.Random(seed))
    world.live = life
    taken = Tampering(world, random.Random(seed)).take_out() if seed % 2 else None
    report = world.reconcile()
    world.live = lambda: None
    world.go_on(LATER)
    day = world.day
    day.moodle.accounts |= day._late_accounts
    day._settle()

    assert life.words > 5
    day._check_end()
    found = set(report.before.by_kind) - {Drift.FOREIGN.value}
    assert found <= ({Drift.MISSING.value} if taken else set()), report.lines()


def test_a_dry_run_writes_nothing() -> None:
    """Whatever there is to do."""
    world = settled_world(10)
    Tampering(world, random.Random(10)).act(12)
    before = written(world)
    report = world.reconcile(dry_run=True)

    assert report.before.repairable
    assert [one for one in world.day.broker.records(COMMANDS) if isinstance(one, Command)] == []
    assert written(world)[0] == before[0]
