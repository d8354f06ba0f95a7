"""Faults of everything: the consumer stays in its group, loses nothing, says why, and goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.runtime.kafka.connection import Connection
from schemas.records import EntryStatus, Presence
from tests.integration.cohort_world import World, run_until, running_moodle
from tests.standins.moodle.site import Site

Change = Callable[[Site], None]
CHANGE = ("moodle/cohort:assign", "moodle/cohort:manage")
RIGHTS = (*CHANGE, "moodle/cohort:view")


@pytest.fixture
def world(connection: Connection, tmp_path: Path) -> Iterator[World]:
    with running_moodle() as moodle:
        yield World(connection, moodle, tmp_path)


def setting(name: str, value: object) -> Change:
    return lambda site: setattr(site.settings, name, value)


def expire(site: Site) -> None:
    site.callers["connector"].token.validuntil = int(time.time()) - 10


def renew(site: Site) -> None:
    site.callers["connector"].token.validuntil = 0
    site.restore_token("connector")


def unfinished(site: Site) -> None:
    site.callers["connector"].user.lastname = ""


def finished(site: Site) -> None:
    site.callers["connector"].user.lastname = "Service"


def unseeing(site: Site) -> None:
    for right in ("moodle/user:viewdetails", "moodle/user:viewalldetails"):
        site.revoke_capability("connector", right)


def seeing(site: Site) -> None:
    for right in ("moodle/user:viewdetails", "moodle/user:viewalldetails"):
        site.grant_capability("connector", right)


@pytest.mark.parametrize(
    ("broken", "mended", "codes"),
    [
        (setting("maintenance", True), setting("maintenance", False), {"CS4012"}),
        (setting("upgrade_running", True), setting("upgrade_running", False), {"CS4012"}),
        (setting("database_down", True), setting("database_down", False), {"CS4011"}),
        (setting("web_services_enabled", False), setting("web_services_enabled", True), {"CS4028", "CS4026"}),
        (expire, renew, {"CS4026", "CS4002"}),
        (unfinished, finished, {"CS4027"}),
    ],
    ids=["maintenance", "upgrade", "database", "services off", "expired token", "service user not set up"],
)
def test_a_fault_of_everything_pauses_and_is_over_by_itself(
    world: World, broken: Change, mended: Change, codes: set[str]
) -> None:
    """The alert names cause and fix; what came meanwhile is applied, nothing is dead-lettered, parked or done twice."""
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in (1, 2)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 2 and consumer.idle)
        broken(world.moodle.site)
        world.publish(world.says("A", world.student(3)), world.says("A", world.student(1), Presence.ABSENT))
        run_until(consumer, lambda: "moodle.paused" in world.raised())
        cause = world.raised()["moodle.paused"].parameters["cause"]
        stayed = len(consumer.owned) == 4 and consumer.paused is not None
        mended(world.moodle.site)
        run_until(consumer, lambda: world.members("A") == {world.user(2), world.user(3)} and consumer.idle, 120)
        run_until(consumer, lambda: not world.raised())

    assert stayed
    assert any(code in cause for code in codes), cause
    assert world.records(world.topics.deadletters) == []
    assert (3, 1, 0) == (
        world.moodle.site.totals["added"],
        world.moodle.site.totals["removed"],
        world.removed_without_cause(),
    )


def test_a_service_user_that_sees_no_accounts_any_more_sends_nothing(world: World) -> None:
    """That looks like a Moodle with other people in it; it is told apart, and over when the right is back."""
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in (1, 2)))
    with world.consumer(site_check="500ms") as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 2 and consumer.idle)
        unseeing(world.moodle.site)
        run_until(consumer, lambda: "moodle.site" in world.raised())
        code = world.raised()["moodle.site"].code
        world.publish(world.says("A", world.student(3)))
        seeing(world.moodle.site)
        run_until(consumer, lambda: len(world.members("A")) == 3)
        run_until(consumer, lambda: not world.raised())

    assert code == "CS5023"


def test_a_lost_right_parks_and_holds_nothing_for_good(world: World) -> None:
    """Additions and removals of the cohorts wait with them, and go on when the right is back; a call is not cut in pieces
    for each of its rows.
    """
    site = world.moodle.site
    world.publish(world.cohort("A"), *(world.says("A", world.student(n)) for n in range(1, 4)))
    with world.consumer() as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 3 and consumer.idle)
        for right in RIGHTS:
            site.revoke_capability("connector", right)
        world.publish(*(world.says("A", world.student(n)) for n in range(4, 20)))
        world.publish(world.says("A", world.student(1), Presence.ABSENT))
        world.publish(world.cohort("B"), world.says("B", world.student(1)))
        run_until(consumer, lambda: any(key.startswith("moodle.parked") for key in world.raised()))
        reasons = {alert.parameters["reason"] for alert in world.raised().values()}
        for right in RIGHTS:
            site.grant_capability("connector", right)
        run_until(consumer, lambda: world.members("A") == {world.user(n) for n in range(2, 20)}, 120)
        run_until(consumer, lambda: world.members("B") == {world.user(1)}, 120)
        run_until(consumer, lambda: not world.raised())

    assert reasons == {"cohort_forbidden"}
    assert not any(entry.status is EntryStatus.HELD for entry in world.ledger().values())
    assert world.records(world.topics.deadletters) == []


def test_rights_in_one_category_are_enough_for_its_cohorts(world: World) -> None:
    """The others wait by name, and nobody else waits for them."""
    site = world.moodle.site
    for right in CHANGE:
        site.revoke_capability("connector", right)
        site.grant_capability("connector", right, "category:SCI")
    world.publish(world.cohort("S", category="SCI"), world.cohort("A", category="ART"), world.cohort("X"))
    world.publish(*(world.says(name, world.student(1)) for name in "SAX"))
    with world.consumer() as consumer:
        run_until(consumer, lambda: world.members("S") == {world.user(1)})
        run_until(consumer, lambda: sum(key.startswith("moodle.parked") for key in world.raised()) >= 1)
        early = (world.members("A"), world.members("X"))
        for right in CHANGE:
            site.grant_capability("connector", right)
        run_until(consumer, lambda: world.members("A") == world.members("X") == {world.user(1)}, 120)

    assert early == (set(), set())
    assert world.records(world.topics.deadletters) == []


def test_a_renewed_token_is_read_from_its_file(world: World, tmp_path: Path) -> None:
    """A person revokes one token and writes another into the file; nothing is started again."""
    secret = tmp_path / "token"
    secret.write_text(world.moodle.token("connector"))
    moodle = {"url": world.moodle.url, "token": {"file": str(secret)}, "retries": {"attempts": 1}}
    world.publish(world.cohort("A"), world.says("A", world.student(1)))
    with world.consumer(moodle=moodle) as consumer:
        run_until(consumer, lambda: len(world.members("A")) == 1 and consumer.idle)
        caller = world.moodle.site.callers["connector"]
        world.moodle.site.revoke_token("connector")
        world.publish(world.says("A", world.student(2)))
        run_until(consumer, lambda: "moodle.paused" in world.raised())
        caller.token.token = "0" * 32
        world.moodle.site.restore_token("connector")
        secret.write_text("0" * 32)
        run_until(consumer, lambda: len(world.members("A")) == 2 and not world.raised(), 120)

    assert world.records(world.topics.deadletters) == []
