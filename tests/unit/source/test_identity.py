"""A source that is not what it was waits for a person, whichever process sees it, and then begins anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connector.source.identity import Found, learned, strangeness
from schemas.records import Checkpoint, DatabaseIdentity
from tests.unit.source.world import Site, settings

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
BLIND = DatabaseIdentity("CDB/STUDENTS", "students_a", "PRIMARY")
HERE = replace(BLIND, incarnation="17/23/1594143")
OTHER_PATTERN = settings(cohort={"idnumber": "2026-{GRP}", "name": "{TITLE}"})


@pytest.mark.parametrize(
    ("was", "now", "word"),
    [
        (HERE, HERE, None),
        # A clone, by its own name; one of a pluggable database keeps its container's.
        (HERE, replace(HERE, name="TEST", unique_name="test"), "TEST"),
        (HERE, replace(HERE, name="CDB/STUDENTS2"), "CDB/STUDENTS2"),
        # A standby that was switched to, before and after it is the primary.
        (HERE, replace(HERE, unique_name="students_b", role="PHYSICAL STANDBY"), "PHYSICAL STANDBY"),
        (HERE, replace(HERE, unique_name="students_b"), "students_b"),
        # A copy under the same names: duplicated, or restored to an earlier state.
        (HERE, replace(HERE, incarnation="18/23/1594143"), "another copy"),
        (HERE, replace(HERE, incarnation="17/23/2600000"), "another copy"),
        # Whether V$DATABASE may be read has nothing to do with the database.
        (HERE, BLIND, None),
        (BLIND, HERE, None),
    ],
)
def test_which_database_is_another_one(was: DatabaseIdentity, now: DatabaseIdentity, word: str | None) -> None:
    """By everything that can be seen of it."""
    before = Checkpoint("one", loaded=True, hints=(), fingerprint="f", database=was, database_time=NOW)
    reasons = strangeness(before, Found("f", now, NOW), timedelta(minutes=5))

    assert (0 if word is None else 1) == len(reasons)
    assert word is None or word in reasons[0]


def test_what_was_seen_once_is_remembered() -> None:
    """A grant that comes later adds to it; one that goes takes nothing away."""
    assert BLIND == learned(None, BLIND)
    assert HERE == learned(BLIND, HERE)
    assert HERE == learned(HERE, BLIND)


def test_the_mark_names_the_copy() -> None:
    """What is accepted is exactly one database."""
    marks = {Found("f", found, NOW).mark for found in (BLIND, HERE, replace(HERE, incarnation="18/23/1594143"))}

    assert 3 == len(marks)


def at_work(**changes: object) -> Site:
    """A source with two cohorts, loaded."""
    site = Site(apogee=settings(**changes))
    site.database.put(1, "s1", "A")
    site.database.put(2, "s2", "B")
    site.clock.sleep(100)
    site.run(20)
    assert {"A": {"s1"}, "B": {"s2"}} == site.members()
    return site


def test_two_settings_do_not_alternate() -> None:
    """During a roll-out whichever process is elected: only the accepted settings publish; the other process says what it
    waits for. After the acceptance it is the other way round.
    """
    site, old = at_work(), settings()
    for number, section in enumerate([OTHER_PATTERN, old, OTHER_PATTERN, old, OTHER_PATTERN]):
        site.sources = {"apogee": section}
        site.restart()
        site.database.put(10 + number, f"n{number}", "A")
        site.run(90)
    mark = site.alerts()["connector/apogee/identity"].parameters["hash"]
    # The last process was blocked, and so were the other two with its settings; all but the last row were published since.
    assert {"A": {"s1", "n0", "n1", "n2", "n3"}, "B": {"s2"}} == site.members()
    assert {r.fingerprint for r in site.published()} == {site.published()[0].fingerprint}

    site.signal("accept", source="apogee", hash=mark)
    site.run(90)
    accepted = len(site.published())
    assert {"s1", "n0", "n1", "n2", "n3", "n4"} == site.members()["2026-A"]
    site.sources = {"apogee": old}
    site.restart()
    site.database.put(20, "n9", "A")
    site.run(90)

    assert "CS2020" == site.alerts()["connector/apogee/identity"].code
    assert mark != site.alerts()["connector/apogee/identity"].parameters["hash"]
    assert accepted == len(site.published())


def test_an_acceptance_and_its_snapshot_are_one_record() -> None:
    """A process that ends right after it leaves the snapshot to the next one."""
    site = at_work()
    site.database.name = "CLONE"
    site.database.rows.pop(1)
    site.database.put(3, "s3", "B", stamp=site.clock.now() - timedelta(days=9))
    site.run(70)
    asked = site.signal("accept", source="apogee", hash=site.alerts()["connector/apogee/identity"].parameters["hash"])
    worker = site.poller.workers["apogee"]
    worker.accept(asked)
    site.restart()
    site.run(30)

    assert ["started", "finished"] == [said.phase for said in site.notifications(asked)][:2]
    assert {"s2", "s3"} == site.members()["B"]


def test_polling_begins_anew_in_an_accepted_database() -> None:
    """Where it stood in the other one says nothing: a copy of yesterday draws the same numbers once more."""
    site = at_work(hints=[{"kind": "sequence", "cursor": "ID"}])
    site.database.put(500, "s3", "B")
    site.run(10)
    site.database.name = "COPY"
    site.database.rows.pop(500)
    site.run(70)
    site.signal("accept", source="apogee", hash=site.alerts()["connector/apogee/identity"].parameters["hash"])
    site.run(20)
    site.database.put(3, "s4", "B")
    site.run(20)

    assert [("B", "present", "enrolled")] == site.causes("s4")


def test_what_an_acceptance_changes_is_nothing_that_polling_missed() -> None:
    """Neither in the counts nor in an alert about the proof; the next snapshot counts again."""
    site = at_work(hints=[{"cursor": "STAMP", "stamped_by": "database"}])
    site.database.transactions_visible = True
    site.database.name = "COPY"
    site.run(70)
    for number in range(3, 9):
        site.database.put(number, f"s{number}", "B", stamp=site.clock.now() - timedelta(minutes=20))
    asked = site.signal("accept", source="apogee", hash=site.alerts()["connector/apogee/identity"].parameters["hash"])
    site.run(120)

    assert "finished" == site.notifications(asked)[-1].phase
    assert [("B", "present", "snapshot")] == site.causes("s5")
    assert {} == site.poller.workers["apogee"].feed.checkpoint.last_snapshot
    assert {"connector/apogee/identity"} == site.alerts().keys()
