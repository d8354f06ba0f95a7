"""Following a sequence: holes that are filled late, holes that never are, and instances that number side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from connector.runtime.telemetry import Count
from tests.integration.connector_world import World
from tests.integration.hazard_world import OVERLAP, SOURCE, Campus, Trial, banner, numbered, register, trial

COHORT = "202610.20001"


@contextmanager
def followed(world: World, campus: Campus) -> Iterator[Trial]:
    """By number, and for so long that the numbers from before the beginning are waited for no longer."""
    register(campus.connection, 70, crn="10000")
    campus.connection.commit()
    with trial(world, campus, banner(campus.dsn, hint=numbered())) as it:
        campus.pass_by(OVERLAP + timedelta(minutes=1))
        it.full_read()
        assert 0 == it.open_ranges
        yield it


def test_a_hole_that_is_filled_late_is_read(world: World, campus: Campus) -> None:
    """Lower numbers that commit after higher ones are looked for until they are there."""
    with followed(world, campus) as it, campus.opened() as slow:
        register(slow, 1, 2)
        register(campus.connection, 3)
        campus.connection.commit()
        it.until(COHORT, 3)
        it.full_read()
        assert 1 == it.open_ranges
        campus.pass_by(OVERLAP / 2)
        slow.commit()
        it.until(COHORT, 1, 2, 3)
        it.full_read()

        assert 0 == it.open_ranges
        assert 0 == world.metrics.total(Count.WATERMARKS, source=SOURCE, safety="proved")
        assert {} == it.missed()


def test_a_hole_that_is_never_filled_is_given_up_and_counted(world: World, campus: Campus) -> None:
    """A rollback takes its numbers with it: after the overlap nobody looks for them, and that is told."""
    with followed(world, campus) as it, campus.opened() as slow:
        given_up = world.metrics.total(Count.GIVEN_UP, source=SOURCE)
        register(slow, 1)
        register(campus.connection, 2)
        campus.connection.commit()
        it.until(COHORT, 2)
        it.full_read()
        assert 1 == it.open_ranges
        slow.rollback()
        campus.pass_by(OVERLAP + timedelta(minutes=1))
        it.full_read()

        assert 0 == it.open_ranges
        assert given_up + 1 == world.metrics.total(Count.GIVEN_UP, source=SOURCE)
        register(campus.connection, 3)
        campus.connection.commit()
        it.until(COHORT, 2, 3)


def test_a_hole_that_is_filled_after_it_was_given_up_is_found_by_the_snapshot(world: World, campus: Campus) -> None:
    """And counted as the late commit that it is."""
    with followed(world, campus) as it, campus.opened() as slow:
        register(slow, 1)
        register(campus.connection, 2)
        campus.connection.commit()
        it.until(COHORT, 2)
        it.full_read()
        campus.pass_by(OVERLAP + timedelta(minutes=1))
        it.full_read()
        slow.commit()
        it.full_read()
        assert {"2"} == world.members()[COHORT]

        assert {"late_commit": 1} == it.missed()
        assert "late_commit" == it.cause(1, COHORT)


def test_instances_that_number_from_their_own_caches(world: World, campus: Campus) -> None:
    """Of two instances one is twenty numbers ahead: what the other commits is below what was read, and is found."""
    second = campus.standin.add_instance(2)
    with followed(world, campus) as it, campus.opened(second) as far:
        register(campus.connection, 1)
        campus.connection.commit()
        for student in range(2, 12, 2):
            register(far, student)
            far.commit()
            register(campus.connection, student + 1)
            campus.connection.commit()
            it.until(COHORT, *range(1, student + 2))
        it.full_read()
        assert 0 < it.open_ranges <= 2  # what is left of the caches
        campus.standin.database.forget_numbers(1)
        register(campus.connection, 99)
        campus.connection.commit()
        it.until(COHORT, *range(1, 12), 99)

        assert {} == it.missed()


def test_followed_by_time_and_number_either_is_enough(world: World, campus: Campus) -> None:
    """A row with an old stamp and a new number, and one with an old number and a new stamp."""
    both = {
        "kind": "timestamp+sequence",
        "cursor": "SFRSTCR_ACTIVITY_DATE",
        "sequence": "SFRSTCR_SURROGATE_ID",
        "overlap": "2m",
    }
    with trial(world, campus, banner(campus.dsn, hint=both)) as it:
        insert = "insert into sfrstcr values ('202610', {}, '20001', 'RE', {}, sfrstcr_surrogate_id_sequence.nextval)"
        campus.run(insert.format(1, "sysdate - 30"))
        it.until(COHORT, 1)
        it.full_read()
        campus.run("update sfrstcr set sfrstcr_rsts_code = 'DD', sfrstcr_activity_date = sysdate")
        it.until(COHORT)
        campus.run(insert.format(2, "null"))
        it.until(COHORT, 2)

        assert {} == it.missed()
