"""Two releases in one group: each reads what the other wrote, and partitions go back and forth between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.kafka.connection import Connection
from consumers.cohorts import store
from consumers.cohorts.building import CohortConsumer
from schemas.records import EntryStatus, Presence
from tests.integration.cohort_world import World, run_until, running_moodle
from tests.integration.earlier_release import EARLIER, EarlierCodec

ABSENT = Presence.ABSENT
RELEASES = sorted(folder.name for folder in EARLIER.iterdir())
COHORTS = [f"C{number}" for number in range(8)]


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


@contextlib.contextmanager
def of_release(world: World, release: str, **settings: Any) -> Iterator[CohortConsumer]:
    """A consumer that writes and reads with the schemas of an earlier release, on a machine of its own."""
    ours, here = world.codec, world.directory
    world.codec, world.directory = EarlierCodec(release), here / release  # type: ignore[assignment]
    try:
        with world.consumer(**settings) as consumer:
            world.codec, world.directory = ours, here
            yield consumer
    finally:
        world.codec, world.directory = ours, here


def everywhere(world: World, *numbers: int) -> bool:
    """Whether exactly these are in every cohort, and nothing is left to do."""
    wanted = {world.user(number) for number in numbers}
    return all(world.members(cohort) == wanted for cohort in COHORTS)


@pytest.mark.parametrize("release", RELEASES)
def test_partitions_go_back_and_forth_between_releases(world: World, release: str) -> None:
    """The later one takes over from the earlier, shares with it, and gives back: every change once, none lost."""
    world.publish(*(world.cohort(cohort) for cohort in COHORTS), *(world.says(c, world.student(1)) for c in COHORTS))
    with of_release(world, release) as earlier:
        run_until(earlier, lambda: everywhere(world, 1) and earlier.idle)
        with world.consumer() as later:
            run_until((earlier, later), lambda: bool(later.owned) and bool(earlier.owned))
            world.publish(*(world.says(cohort, world.student(2)) for cohort in COHORTS))
            run_until((earlier, later), lambda: everywhere(world, 1, 2) and earlier.idle and later.idle)
            world.publish(*(world.says(cohort, world.student(1), ABSENT) for cohort in COHORTS))
            run_until((earlier, later), lambda: everywhere(world, 2) and earlier.idle and later.idle)
    with world.consumer() as later:
        world.publish(*(world.says(cohort, world.student(3)) for cohort in COHORTS))
        run_until(later, lambda: everywhere(world, 2, 3) and later.idle)
    with of_release(world, release) as earlier:
        world.publish(*(world.says(cohort, world.student(2), ABSENT) for cohort in COHORTS))
        run_until(earlier, lambda: everywhere(world, 3) and earlier.idle)

    assert {entry.status for entry in world.ledger().values()} == {EntryStatus.SETTLED}
    assert world.moodle.site.totals["added"] == 3 * len(COHORTS)
    assert (world.moodle.site.totals["removed"], world.removed_without_cause()) == (2 * len(COHORTS), 0)


@pytest.mark.parametrize("release", RELEASES)
def test_what_one_release_held_and_parked_the_other_knows(world: World, release: str) -> None:
    """Held removals stay held, who waits for an account goes on waiting, and both come right later."""
    tight = {"allowances": [], "breaker": {"partition_share": 0, "partition_least": 0}}
    world.publish(world.cohort("A"), world.says("A", world.student(1)), world.says("A", "P9999999"))
    with world.consumer(**tight) as later:
        run_until(later, lambda: bool(world.members("A")))
        world.publish(world.says("A", world.student(1), ABSENT))
        run_until(later, lambda: world.ledger()["A", world.student(1)].status is EntryStatus.HELD)
    before = world.ledger()
    with of_release(world, release, **tight) as earlier:
        run_until(earlier, lambda: bool(earlier.owned) and earlier.idle)
        kept = world.members("A") == {world.user(1)}
        user = world.moodle.site.add_user("late", idnumber="P9999999")
        run_until(earlier, lambda: user.id in world.members("A") and earlier.idle)

    after = world.ledger()
    assert kept
    assert before["A", "P9999999"].status is EntryStatus.PARKED
    assert (EntryStatus.HELD, EntryStatus.SETTLED) == tuple(
        after["A", student].status for student in (world.student(1), "P9999999")
    )


def test_a_local_store_of_another_layout_is_filled_from_the_topic(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never migrated: what stands in it is forgotten, and nothing is written to Moodle for that."""
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    with monkeypatch.context() as patch, world.consumer() as consumer:
        patch.setattr(store, "LAYOUT", "of another release")
        run_until(consumer, lambda: bool(world.members("A")) and consumer.idle)
    identities = _identities(world)
    with world.consumer() as consumer:
        run_until(consumer, lambda: bool(consumer.owned) and consumer.idle)
        world.publish(world.says("A", world.student(1), ABSENT))
        run_until(consumer, lambda: not world.members("A"))

    assert identities
    assert all(identity.startswith("of another release ") for identity in identities)
    assert all(identity.startswith(f"{store.LAYOUT} ") for identity in _identities(world))
    assert (world.moodle.site.totals["added"], world.removed_without_cause()) == (1, 0)


def _identities(world: World) -> set[str]:
    """What the local stores say that they are of."""
    found = set()
    for path in world.directory.glob("*.sqlite"):
        local = store._connect(path)
        found.add(str(store._identity_in(local)))
        local.close()
    return found
