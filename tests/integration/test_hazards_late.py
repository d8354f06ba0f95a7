"""Commits that come late, and clocks that do not run straight: what a poller by time misses if it is naive."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.runtime.telemetry import Count
from tests.integration.connector_world import World
from tests.integration.hazard_world import OVERLAP, SLACK, SOURCE, TOLERANCE, Campus, banner, change, register, trial

COHORT = "202610.20001"
HOURS = timedelta(hours=3)
POLLER = """create user poller identified by poller;
grant create session to poller;
grant select on app.sfrstcr to poller;
"""
UNSEEN: dict[str, Any] = {"user": "poller", "password": "poller"}


def test_a_transaction_open_for_hours_is_waited_for(world: World, campus: Campus) -> None:
    """With a proof: the cursor goes on past it at once, and what it stamped hours ago is published when it commits, by
    polling alone.
    """
    with trial(world, campus, banner(campus.dsn)) as it, campus.opened() as slow:
        register(slow, 1)
        campus.pass_by(HOURS)
        register(campus.connection, 2)
        campus.connection.commit()
        it.until(COHORT, 2)
        assert ("proved", 1) == (it.safety(), it.open_ranges)
        campus.standin.activity.reset()
        it.full_read()
        recently = campus.standin.now().replace(tzinfo=None) - SLACK - timedelta(minutes=1)
        assert all(low > recently for low in it.lows())
        slow.commit()
        it.until(COHORT, 1, 2)
        it.full_read()

        assert (1, 1) == (sum(low < recently for low in it.lows()), it.open_ranges)
        campus.pass_by(SLACK + TOLERANCE)  # once more, for who waited for its locks
        it.full_read()
        assert 2 == sum(low < recently for low in it.lows())
        assert ("enrolled", 0) == (it.cause(1, COHORT), it.open_ranges)
        assert {} == it.missed()


def test_a_transaction_on_another_instance_is_waited_for(world: World, campus: Campus) -> None:
    """GV$TRANSACTION shows it, whichever instance the poller is on."""
    second = campus.standin.add_instance(2)
    with trial(world, campus, banner(campus.dsn)) as it, campus.opened(second) as slow:
        register(slow, 1)
        campus.pass_by(HOURS)
        it.full_read()
        slow.commit()
        it.until(COHORT, 1)

        assert 0 == world.metrics.total(Count.WATERMARKS, source=SOURCE, safety="assumed")


def test_without_sight_of_transactions_a_late_commit_is_found_by_the_snapshot(world: World, campus: Campus) -> None:
    """Later than the overlap polling does not see it; nothing is called proved; the snapshot publishes it, counts it,
    and says why.
    """
    campus.standin.database.run_script(POLLER)
    settings = banner(campus.dsn, membership=_of_owner(), **UNSEEN)
    with trial(world, campus, settings) as it, campus.opened() as slow:
        register(slow, 1)
        campus.pass_by(OVERLAP + HOURS)
        it.full_read()
        slow.commit()

        assert ("assumed", {}) == (it.safety(), world.members())
        assert {"late_commit": 1} == it.missed()
        assert "late_commit" == it.cause(1, COHORT)
        assert 1 == world.metrics.total(Count.SNAPSHOT_DIFFERENCES, source=SOURCE, cause="late_commit")


def test_without_sight_of_transactions_the_overlap_is_read_again(world: World, campus: Campus) -> None:
    """A commit that is late by less is published by polling."""
    campus.standin.database.run_script(POLLER)
    settings = banner(campus.dsn, membership=_of_owner(), **UNSEEN)
    with trial(world, campus, settings) as it, campus.opened() as slow:
        register(slow, 1)
        campus.pass_by(OVERLAP / 2)
        it.full_read()
        slow.commit()
        it.until(COHORT, 1)

        assert {} == it.missed()


def test_with_sight_of_one_instance_only_nothing_is_proved(world: World, campus: Campus) -> None:
    """V$TRANSACTION without GV$TRANSACTION: one's own instance is waited for, and others may hold anything."""
    campus.standin.database.run_script(POLLER + "grant select on sys.v_$transaction to poller;")
    settings = banner(campus.dsn, membership=_of_owner(), **UNSEEN)
    second = campus.standin.add_instance(2)
    with trial(world, campus, settings) as it, campus.opened() as near, campus.opened(second) as far:
        register(far, 2)
        campus.pass_by(HOURS)
        it.full_read()
        register(near, 1)
        campus.pass_by(OVERLAP * 2)
        it.full_read()
        near.commit()
        it.until(COHORT, 1)
        far.commit()

        assert "assumed" == it.safety()
        assert {COHORT: {"1"}} == world.members()
        assert {"late_commit": 1} == it.missed()


def test_a_statement_that_waited_for_a_lock_is_found_though_it_was_stamped_hours_before(
    world: World, campus: Campus
) -> None:
    """Its transaction shows only from its first change on, which comes after the wait. The one that it waited for was seen,
    and what that may have kept waiting is read again when it has had its time.
    """
    register(campus.connection, 1)
    campus.connection.commit()
    campus.run("update sfrstcr set sfrstcr_rsts_code = 'DD', sfrstcr_activity_date = sysdate - 1")
    with trial(world, campus, banner(campus.dsn)) as it, campus.opened() as holder, campus.opened() as waiter:
        change(holder, "update sfrstcr set sfrstcr_rsts_code = 'DW'")
        again = "update sfrstcr set sfrstcr_rsts_code = 'RE', sfrstcr_activity_date = sysdate"
        waiting = threading.Thread(target=change, args=(waiter, again))
        waiting.start()
        while not campus.standin.activity.executions("'RE', sfrstcr_activity_date"):
            it.run(0.1)
        it.full_read()
        campus.pass_by(SLACK + HOURS)
        holder.commit()
        waiting.join(30)
        it.full_read()
        waiter.commit()
        it.full_read()

        assert ("proved", set()) == (it.safety(), world.members().get(COHORT, set()))
        campus.pass_by(SLACK + TOLERANCE)
        it.until(COHORT, 1)
        assert ("proved", 0) == (it.safety(), it.open_ranges)
        assert {} == it.missed()


def test_rows_of_one_second_are_told_apart(world: World, campus: Campus) -> None:
    """A DATE has seconds: what is stamped with a second that was read already is still found."""
    campus.standin.clock.freeze(datetime(2026, 9, 1, 8, 0, 0, 300000, tzinfo=UTC))
    with trial(world, campus, banner(campus.dsn)) as it:
        for student in (1, 2, 3):
            register(campus.connection, student)
            campus.connection.commit()
            it.until(COHORT, *range(1, student + 1))


def test_what_is_rolled_back_was_never_there(world: World, campus: Campus) -> None:
    """Nothing is published of it, its range is dropped, and the next commits are found as ever."""
    with trial(world, campus, banner(campus.dsn)) as it, campus.opened() as slow:
        register(slow, 1)
        campus.pass_by(HOURS)
        it.full_read()
        assert 1 == it.open_ranges
        slow.rollback()
        it.full_read()
        register(campus.connection, 2)
        campus.connection.commit()
        it.until(COHORT, 2)
        campus.pass_by(SLACK + TOLERANCE)  # by then whoever waited for its locks has come
        it.full_read()

        assert [] == world.records_of("1")
        assert 0 == it.open_ranges
        assert {} == it.missed()


def test_a_clock_that_is_set_back_stamps_what_was_read_already(world: World, campus: Campus) -> None:
    """Within the tolerance it is found by polling all the same."""
    with trial(world, campus, banner(campus.dsn)) as it:
        register(campus.connection, 1)
        campus.connection.commit()
        it.until(COHORT, 1)
        it.full_read()
        campus.pass_by(-SLACK - timedelta(seconds=90))
        register(campus.connection, 2)
        campus.connection.commit()
        it.until(COHORT, 1, 2)

        assert {} == it.missed()


def test_the_double_hour_of_autumn(world: World, campus: Campus) -> None:
    """SYSDATE shows the hour from two to three twice: the second time it stamps earlier than it did before."""
    campus.standin.database.settings.system_zone = "Europe/Paris"
    campus.standin.clock.set(datetime(2026, 10, 25, 0, 50, tzinfo=UTC))
    with trial(world, campus, banner(campus.dsn, timezone="Europe/Paris")) as it, campus.opened() as slow:
        register(campus.connection, 1)  # 02:50 in summer time
        campus.connection.commit()
        it.until(COHORT, 1)
        campus.pass_by(timedelta(minutes=20))
        register(campus.connection, 2)  # 02:10 in winter time
        campus.connection.commit()
        it.until(COHORT, 1, 2)
        register(slow, 3)
        campus.pass_by(timedelta(minutes=90))  # the hour is over
        register(campus.connection, 4)
        campus.connection.commit()
        it.until(COHORT, 1, 2, 4)
        it.full_read()
        slow.commit()
        it.until(COHORT, 1, 2, 3, 4)

        assert {} == it.missed()


def _of_owner() -> dict[str, object]:
    return {**banner("x").membership.model_dump(exclude_none=True), "table": "APP.SFRSTCR"}
