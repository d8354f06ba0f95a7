"""The order of a source's work: nothing waits for the end of anything else, and what fails fails alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connector.runtime.errors import Halted, OperationalError, Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.settings import SourceSettings
from connector.source.working import Worker
from schemas.records import AlertState
from tests.unit.source.world import Site, settings


def away() -> Unavailable:
    return Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))


def too_long(query: str) -> Unavailable:
    return Unavailable(message(OracleMessage.TIMED_OUT, source="apogee", query=query))


def refused(query: str) -> Halted:
    return Halted(message(OracleMessage.QUERY_REFUSED, source="apogee", query=query, reason="ORA-00942"))


def worker_of(site: Site, source: str = "apogee") -> Worker:
    return site.poller.workers[source]


def loaded(students: int = 6, **sources: SourceSettings) -> Site:
    """A site whose group A has these students, stamped an hour ago; polling has caught up."""
    site = Site(**sources)  # type: ignore[arg-type]
    for database in site.databases.values():
        for number in range(1, students + 1):
            database.put(number, f"s{number:05}", "A")
    site.clock.sleep(3600)
    site.run(30)
    assert all(worker.quiet for worker in site.poller.workers.values())
    return site


class Failing:
    """Makes one call of a source fail as long as it has a fault."""

    def __init__(self, source: object, call: str, when: Callable[..., bool] = lambda *_: True) -> None:
        self.fault: OperationalError | None = None
        self.calls = 0
        done = getattr(source, call)

        def instead(*arguments: Any) -> Any:
            if when(*arguments):
                self.calls += 1
                if self.fault is not None:
                    raise self.fault
            return done(*arguments)

        setattr(source, call, instead)


def source_of(site: Site) -> Any:
    return worker_of(site).feed.source


# --- nothing starves ----------------------------------------------------------------------------------------------------


def test_a_rush_a_long_follow_up_a_snapshot_and_second_looks_all_progress() -> None:
    """All at once: each has come further after some steps, though none of them has come to its end."""
    site = loaded(4000)
    database, worker = site.database, worker_of(site)
    database.delete(4000)
    site.signal("look", students=("s04000",))
    site.run(3)
    site.clock.sleep(100)  # the second look is due
    worker.feed.follow_ups.returned.extend(["A"])
    for number in range(1, 3500):  # the rush
        database.put(number, f"s{number:05}", "A" if number % 2 else "B")
    site.signal("snapshot")
    database.truths.clear()
    for _ in range(4):
        site.poller.run_once()

    assert worker.snapshots.running
    assert not worker._hints[0].caught_up
    assert ["A"] == list(worker.feed.follow_ups.returned)
    assert "s00002" in site.members()["B"]  # the rush
    assert "s00400" in {student for values in database.truths for student in values}  # the follow-up
    assert "s04000" not in site.members()["A"]  # the second look
    site.run(120)
    assert database.truth_of() == site.members()
    assert worker.quiet


def test_a_signal_is_answered_within_a_step_even_during_a_rush() -> None:
    """Before anything else of that step."""
    site = loaded(3000)
    for number in range(1, 3000):
        site.database.put(number, f"s{number:05}", "B")
    site.run(1)
    assert not worker_of(site)._hints[0].caught_up
    for _ in range(3):
        asked = site.signal("look", students=("s00001",))
        site.poller.run_once()
        assert ["finished"] == [said.phase for said in site.notifications(asked)]


def test_a_follow_up_takes_a_portion_a_step() -> None:
    """A cohort of thousands that is back does not keep a new enrolment waiting for all its members."""
    site = loaded(3000)
    worker = worker_of(site)
    worker.feed.follow_ups.returned.extend(["A"])
    site.database.truths.clear()
    site.poller.run_once()
    assert [500] == [len(values) for values in site.database.truths]
    site.database.put(9000, "new", "A")
    site.run(3)
    assert "new" in site.members()["A"]
    assert worker.feed.follow_ups.returned
    site.run(20)

    read = [student for values in site.database.truths for student in values]
    assert {f"s{number:05}" for number in range(1, 3001)} <= set(read)
    assert not worker.feed.follow_ups.returned


def test_names_and_returns_take_turns() -> None:
    """Neither waits for all of the other."""
    site = loaded(1200)
    worker = worker_of(site)
    worker.feed.follow_ups.returned.append("A")
    worker.feed.follow_ups.names.extend(["A"] * 3)
    left = []
    for _ in range(4):
        worker._following_up.step()
        left.append(len(worker.feed.follow_ups.names))

    assert [2, 2, 1, 1] == left
    assert "s00900" in {student for values in site.database.truths[-4:] for student in values}


# --- what fails fails alone ---------------------------------------------------------------------------------------------

TWO = settings(
    hints=[
        {"cursor": "STAMP", "overlap": "30s", "interval": "1s", "name": "one"},
        {"cursor": "STAMP", "overlap": "30s", "interval": "1s", "name": "two"},
    ]
)


@pytest.mark.parametrize("fault", [refused("hint one"), too_long("hint one")])
@pytest.mark.parametrize("broken", ["one", "two"])
def test_a_hint_that_fails_stops_nothing_else(fault: OperationalError, broken: str) -> None:
    """The other hint is polled as before, signals are answered and suspects decided; the source says what is wrong; all
    is well once it works.
    """
    site = loaded(apogee=TWO)
    failing = Failing(source_of(site), "changed", lambda hint, *_: hint == broken)
    failing.fault = fault
    site.run(60)
    site.database.put(1, "s00001", "B")
    site.database.delete(2)
    asked = site.signal("look", students=("s00002",))
    site.run(3)
    assert ("B", "present", "enrolled") in site.causes("s00001")
    assert "finished" == site.notifications(asked)[-1].phase
    site.run(100)
    assert ("A", "absent", "deleted") in site.causes("s00002")
    problem = worker_of(site).problem
    assert problem is not None
    assert fault.message.code == problem.code == site.alerts()["connector/apogee/source"].code
    assert failing.calls < 20
    failing.fault = None
    site.run(40)
    assert worker_of(site).problem is None
    assert AlertState.CLEARED is site.alerts()["connector/apogee/source"].state


def test_no_part_is_asked_while_the_database_is_away() -> None:
    """One attempt to look what it is stands for all of them, after growing pauses."""
    site = loaded(apogee=TWO)
    identities, changes = Failing(source_of(site), "identity"), Failing(source_of(site), "changed")
    identities.fault = changes.fault = away()
    site.run(600)

    assert 2 >= changes.calls
    assert 20 <= identities.calls <= 30


def test_a_rare_hint_that_failed_does_not_count_as_well_until_it_was_asked_again() -> None:
    """A scan every ten minutes: its failure is told until it has succeeded, which is tried sooner than its interval."""
    site = loaded(apogee=settings(hints=[{"kind": "scan", "interval": "10m"}]))
    failing = Failing(source_of(site), "scan")
    failing.fault = refused("hint scan1")
    site.run(650)
    assert worker_of(site).problem is not None
    site.run(200)
    assert worker_of(site).problem is not None
    failing.fault = None
    site.run(40)

    assert worker_of(site).problem is None


def test_an_alert_of_an_earlier_process_is_cleared() -> None:
    """The outage ended while no connector ran."""
    site = loaded()
    site.database.fault = refused("truth")
    site.run(100)
    assert AlertState.RAISED is site.alerts()["connector/apogee/source"].state
    site.database.fault = None
    site.restart()
    site.run(10)

    assert AlertState.CLEARED is site.alerts()["connector/apogee/source"].state


def test_long_steps_let_the_others_go_first() -> None:
    """A turn ends once it has become long, and the next begins with the source that has waited."""
    site = loaded(one=settings(), two=settings(), three=settings())
    slow = worker_of(site, "one")
    step = slow.step
    order: list[str] = []

    def slowly() -> None:
        step()
        site.clock.sleep(20)

    slow.step = slowly  # type: ignore[method-assign]
    for name, worker in site.poller.workers.items():
        original = worker.step

        def noted(name: str = name, original: Callable[[], None] = original) -> None:
            order.append(name)
            original()

        worker.step = noted  # type: ignore[method-assign]
    site.clock.sleep(5)
    for _ in range(4):
        site.poller.run_once()

    assert ["one", "two", "three", "one"] == order[order.index("one") :][:4]
    assert order.count("one") < len(order) - 1


# --- snapshots fail by themselves ---------------------------------------------------------------------------------------


def cut_off(site: Site, rows: int = 3) -> Failing:
    """Lets snapshots of the source end in an error after some rows."""
    source = source_of(site)
    whole = source.snapshot
    failing = Failing(source, "snapshot")

    def part() -> Any:
        read = 0
        for batch in whole():
            if read >= rows and failing.fault is not None:
                raise failing.fault
            read += len(batch)
            yield batch

    def counted() -> Any:
        failing.calls += 1
        return part()

    source.snapshot = counted
    return failing


def too_old() -> Unavailable:
    return Unavailable(message(OracleMessage.SNAPSHOT_TOO_OLD, source="apogee", query="snapshot"))


def test_a_snapshot_that_cannot_be_read_is_given_up_after_a_while() -> None:
    """Polling goes on all the time; its pauses grow, each is told, and so is the end; the next one asked for is taken."""
    site = loaded(30)
    failing = cut_off(site)
    failing.fault = too_old()
    asked = site.signal("snapshot")
    for number in range(200):
        site.run(30)
        site.database.put(100 + number, f"t{number}", "A")
        site.run(3)
        assert f"t{number}" in site.members()["A"]
    phases = [said.phase for said in site.notifications(asked)]

    assert 10 == failing.calls
    assert (9, "refused") == (phases.count("restarting"), phases[-1])
    assert "ORA-01555" in (site.notifications(asked)[-1].reason or "")
    assert AlertState.RAISED is site.alerts()["connector/apogee/snapshot"].state
    failing.fault = None
    again = site.signal("snapshot")
    site.run(60)
    assert "finished" == site.notifications(again)[-1].phase
    assert AlertState.CLEARED is site.alerts()["connector/apogee/snapshot"].state


def test_a_first_load_is_never_given_up() -> None:
    """Without it nothing is known; the source says why it waits."""
    site = Site()
    for number in range(30):
        site.database.put(number, f"s{number:05}", "A")
    site.clock.sleep(3600)
    failing = cut_off(site)
    failing.fault = too_old()
    site.run(6 * 3600, step=5.0)
    problem = worker_of(site).problem
    assert ("CS2009", True) == (problem and problem.code, 20 < failing.calls < 40)
    failing.fault = None
    site.run(1000, step=5.0)

    assert site.database.truth_of() == site.members()
    assert worker_of(site).problem is None


def test_a_scheduled_snapshot_is_taken_once_and_made_up_for() -> None:
    """Under an id that says when; not while one is running; not while the source is strange."""
    site = loaded(apogee=settings(snapshot_at=["03:30"], timezone="Europe/Paris"))
    site.run(24 * 3600, step=30.0)
    (first,) = scheduled(site)
    assert "schedule 2026-09-02T03:30" == first
    site.clock.sleep(5 * 24 * 3600)
    site.run(600, step=5.0)

    assert 2 == len(scheduled(site))


def test_a_strange_source_is_not_read_by_the_clock() -> None:
    """Its snapshot is taken once it is accepted."""
    site = loaded(apogee=settings(snapshot_at=["03:30"], timezone="UTC"))
    site.database.name = "CLONE"
    site.run(24 * 3600, step=30.0)

    assert not scheduled(site)


def test_a_scheduled_snapshot_that_was_given_up_waits_for_its_next_time() -> None:
    """Rather than beginning anew for ever."""
    site = loaded(apogee=settings(snapshot_at=["03:30"], timezone="UTC"))
    failing = cut_off(site)
    failing.fault = too_old()
    site.run(24 * 3600, step=30.0)
    assert 10 == failing.calls
    failing.fault = None
    site.run(24 * 3600, step=30.0)

    assert ["schedule 2026-09-02T03:30", "schedule 2026-09-03T03:30"] == scheduled(site)
    assert "finished" == site.notifications("schedule 2026-09-03T03:30")[-1].phase


def scheduled(site: Site) -> list[str]:
    """Ids of the snapshots that the time of the day began, in order."""
    found = site._of(site.topics.notifications)
    return list(dict.fromkeys(said.signal_id for said in found if said.signal_id.startswith("schedule")))  # type: ignore[union-attr]


def test_a_snapshot_that_waits_for_the_database_holds_up_nobody() -> None:
    """While it sorts, for an hour: the worker does not spin, polls, and answers; the loop keeps turning."""
    site = loaded()
    source = source_of(site)
    whole, until = source.snapshot, site.clock.now() + timedelta(hours=1)

    def sorting() -> Any:
        while site.clock.now() < until:
            yield []
        yield from whole()

    source.snapshot = sorting
    asked = site.signal("snapshot")
    site.run(1)
    waits, longest = [], 0.0
    for number in range(100):
        site.database.put(100 + number, f"t{number}", "A")
        for _ in range(30):
            before = site.clock.monotonic()
            waits.append(site.poller.run_once())
            longest = max(longest, site.clock.monotonic() - before)
            site.clock.sleep(0.1)
        assert f"t{number}" in site.members()["A"]

    assert (0.0, True) == (longest, min(waits) > 0.0)
    site.clock.sleep(3600)
    site.run(60)
    assert "finished" == site.notifications(asked)[-1].phase


def test_a_clock_that_falls_back_in_the_middle_of_a_step_blocks_the_next() -> None:
    """Nothing is published of what was read then; once the clock is right again, it goes on by itself."""
    site = loaded()
    site.database.skew = -timedelta(minutes=6)
    site.database.put(1, "s00001", "B")
    before = len(site.published())
    site.run(30)
    assert (before, "CS2020") == (len(site.published()), getattr(worker_of(site).problem, "code", None))
    site.database.skew = timedelta()
    site.database.put(1, "s00001", "C")
    site.run(90)

    assert ("C", "present", "enrolled") in site.causes("s00001")
    assert worker_of(site).problem is None
