"""The real poller over a database, a log and a clock in memory: the promises, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.runtime.errors import Halted, Unavailable
from connector.runtime.kafka.errors import BrokerUnavailable, unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.hints.zones import Grain
from connector.source.mapping import Row
from schemas.records import AlertState, CohortState
from tests.unit.source.world import Site, changed, populated, settings


def loaded(**sources: object) -> Site:
    """A site with two groups of some students, loaded; more than a settle time ago."""
    return populated(Site(**sources), 5)  # type: ignore[arg-type]


def test_the_first_load_publishes_every_row_once() -> None:
    """Cohorts come before their members; revisions rise without a gap."""
    site = loaded()
    site.run(100)

    assert {"first_load"} == {record.cause for record in site.changes()}
    assert [record.revision for record in site.published()] == list(range(1, 11))
    assert 8 == len(site.changes())


def test_a_live_change_is_published_once_with_its_position() -> None:
    """A new row becomes one record that tells when it changed, whatever is read again later."""
    site = loaded()
    site.database.put(20, "s1", "B")
    stamped = site.clock.now()
    site.run(120)

    (record,) = [r for r in site.changes() if r.cohort == "B" and r.student == "s1"]
    assert ("enrolled", stamped) == (record.cause, record.changed_at)


def test_a_late_commit_is_found_within_the_overlap() -> None:
    """A row that was stamped before the poll and committed after it is not lost."""
    site = loaded()
    site.database.put(20, "s1", "B", commit=False)
    site.run(25)
    assert "s1" not in site.members()["B"]
    site.database.commit()
    site.run(5)

    assert "s1" in site.members()["B"]


def test_two_changes_within_one_second_of_a_date_column_are_both_found() -> None:
    """The second one looks like the first to the hint query, and is looked at again all the same."""
    site = Site()
    site.database.grain = Grain.DATE
    site.database.put(1, "s1", "A")
    site.clock.sleep(100)
    site.run(3)
    site.database.put(1, "s1", "B")
    site.database.put(2, "s2", "B")
    site.poller.run_once()
    site.database.put(1, "s1", "C")
    site.run(40)

    assert {"B": {"s2"}, "C": {"s1"}} == site.members()


def test_an_inactive_row_removes_at_once() -> None:
    """A row that says so is evidence enough."""
    site = loaded()
    site.database.put(1, "s1", "A", status="X")
    site.run(3)

    assert [("A", "present", "first_load"), ("A", "absent", "row_inactive")] == site.causes("s1")


def test_a_moved_row_adds_before_it_removes() -> None:
    """The row key proves the move; the removal names the new cohort as its sibling."""
    site = loaded()
    site.database.put(1, "s1", "B")
    site.run(3)

    assert [("B", "present", "enrolled"), ("A", "absent", "row_moved")] == site.causes("s1")[1:]
    assert ("B",) == site.changes()[-1].siblings


def test_a_missing_row_is_removed_only_by_a_second_look() -> None:
    """Not before ``absence_settle``, and only while the cohort has rows of others."""
    site = loaded()
    site.database.delete(1)
    site.database.put(30, "s1", "B")
    site.run(55)
    assert "s1" in site.members()["A"]
    site.run(20)

    assert [("B", "present", "enrolled"), ("A", "absent", "deleted")] == site.causes("s1")[1:]
    assert ("B",) == site.changes()[-1].siblings


def test_a_reload_removes_nobody() -> None:
    """Delete, commit, insert, commit within the settle time, while the poller looks in between."""
    site = loaded()
    rows = dict(site.database.rows)
    site.database.rows.clear()
    site.signal("look", students=("s1", "s2"))
    site.run(30)
    for number, row in rows.items():
        site.database.put(number, row.student, row.grp)
    site.run(200)

    assert all(record.state.value == "present" for record in site.changes())


def test_a_vanished_cohort_keeps_its_members() -> None:
    """Nobody is removed; the cohort is said to have vanished; when it is back, who is missing is looked at."""
    site = loaded()
    for number in range(1, 5):
        site.database.delete(number)
    site.signal("snapshot")
    site.run(120)
    assert (CohortState.VANISHED, {"s1", "s2", "s3", "s4"}) == (site.cohort("A").state, site.members()["A"])
    site.run(300)
    site.database.put(40, "s2", "A")
    site.run(120)

    assert (CohortState.PRESENT, {"s2"}) == (site.cohort("A").state, site.members()["A"])


def test_a_vanished_cohort_tells_when_it_was_last_seen() -> None:
    """When the last of its members was missed first; not when its record was written before, nor when it was decided."""
    site = loaded()
    written = site.cohort("A")
    site.clock.sleep(3600)
    for number in range(1, 5):
        site.database.delete(number)
    missed = site.clock.now()
    site.signal("snapshot")
    site.run(120)
    vanished = site.cohort("A")

    assert vanished.state is CohortState.VANISHED
    assert written.first_seen == vanished.first_seen
    assert missed <= vanished.last_seen <= missed + timedelta(seconds=10)


def test_a_view_that_hides_everything_removes_nobody() -> None:
    """An empty view makes all cohorts vanish, and a snapshot of it changes nothing else."""
    site = loaded()
    site.database.hidden = True
    site.signal("snapshot")
    site.run(300)

    assert {"A": {"s1", "s2", "s3", "s4"}, "B": {"s5", "s6", "s7", "s8"}} == site.members()


def many(site: Site) -> None:
    """200 students in one cohort."""
    for number in range(200):
        site.database.put(1000 + number, f"m{number:03}", "M")


def test_half_a_table_removes_nobody_until_a_person_releases_the_list() -> None:
    """More absences than the limit wait with an alert; the hash of the list releases exactly it."""
    site = Site()
    many(site)
    site.clock.sleep(100)
    site.run(5)
    for number in range(60):
        site.database.delete(1000 + number)
    site.signal("snapshot")
    site.run(300)
    assert 200 == len(site.members()["M"])
    alert = site.alerts()["connector/apogee/suspects"]
    assert (AlertState.RAISED, "60") == (alert.state, alert.parameters["waiting"])
    refused = site.signal("release", source="apogee", hash="0-wrong")
    site.run(3)
    assert 200 == len(site.members()["M"])
    assert "refused" == site.notifications(refused)[-1].phase
    site.database.put(1000, "m000", "M")  # one of them has come back: the list is another one now
    site.run(5)
    site.signal("release", source="apogee", hash=alert.parameters["hash"])
    site.run(5)
    assert 200 == len(site.members()["M"])
    released = site.signal("release", source="apogee", hash=site.alerts()[alert.key].parameters["hash"])
    site.run(5)

    assert "finished" == site.notifications(released)[-1].phase
    assert {"m000", *(f"m{n:03}" for n in range(60, 200))} == site.members()["M"]
    assert AlertState.CLEARED is site.alerts()[alert.key].state
    assert {"released"} == {record.cause for record in site.changes() if record.state.value == "absent"}


def test_a_withheld_list_survives_a_restart() -> None:
    """Suspects, what waits and the alert are restored from the topics."""
    site = Site()
    many(site)
    site.clock.sleep(100)
    site.run(5)
    for number in range(60):
        site.database.delete(1000 + number)
    site.signal("snapshot")
    site.run(100)
    mark = site.alerts()["connector/apogee/suspects"].parameters["hash"]
    site.restart()
    site.run(5)
    site.signal("release", source="apogee", hash=mark)
    site.run(5)

    assert 140 == len(site.members()["M"])


def test_a_student_with_an_unmappable_row_loses_nothing() -> None:
    """What is missing proves nothing while a row of the student cannot be read."""
    site = loaded()
    site.database.put(1, "s1", None)
    site.run(300)
    assert "s1" in site.members()["A"]
    site.database.put(1, "s1", "B")
    site.run(100)

    assert "s1" not in site.members()["A"]


def test_a_membership_stays_while_any_source_supports_it() -> None:
    """Each source takes its own support only; one that fails keeps it."""
    site = Site(one=settings(), two=settings())
    for database in site.databases.values():
        database.put(1, "s1", "A")
        database.put(2, "s2", "A")
    site.clock.sleep(100)
    site.run(5)
    site.databases["two"].fault = Unavailable(message(OracleMessage.UNREACHABLE, source="two", reason="x"))
    site.databases["one"].put(1, "s1", "A", status="X")
    site.run(60)
    assert {"s1", "s2"} == site.members()["A"]
    assert ("two",) == site.changes()[-1].sources
    site.databases["two"].fault = None
    site.databases["two"].put(1, "s1", "A", status="X")
    site.run(60)

    assert {"s2"} == site.members()["A"]


def test_a_source_that_left_the_settings_keeps_its_support_until_retired() -> None:
    """Retiring one that is still there is refused."""
    site = Site(one=settings(), two=settings())
    site.databases["two"].put(1, "s1", "A")
    site.databases["one"].put(2, "s2", "A")
    site.clock.sleep(100)
    site.run(5)
    refused = site.signal("retire", source="two")
    site.run(3)
    assert "refused" == site.notifications(refused)[-1].phase
    del site.sources["two"]
    site.restart()
    site.run(60)
    assert {"s1", "s2"} == site.members()["A"]
    site.signal("retire", source="two")
    site.run(3)

    assert {"s2"} == site.members()["A"]
    assert ("A", "absent", "retired") == site.causes("s1")[-1]
    site.sources["two"] = settings()
    site.restart()
    site.run(5)
    assert {"s1", "s2"} == site.members()["A"]


def test_a_restart_publishes_nothing_twice() -> None:
    """The state comes back from the topics, and the counter goes on."""
    site = loaded()
    before = len(site.published())
    site.restart()
    site.run(60)
    assert before == len(site.published())
    site.database.put(20, "s9", "A")
    site.run(3)

    assert before + 1 == site.changes()[-1].revision


def test_a_load_that_is_cut_off_begins_again() -> None:
    """In the middle of the first load the process dies and a row goes: the end is right, and no record comes twice."""
    site = Site()
    for number in range(1, 2500):
        site.database.put(number, f"s{number:05}", "A")
    site.clock.sleep(100)
    site.poller.run_once()
    assert 0 < len(site.members()["A"]) < 2499
    site.database.delete(1)
    site.restart()
    site.run(200)

    assert site.database.truth_of() == site.members()
    assert 2499 == sum(record.state.value == "present" for record in site.changes())


def test_a_failing_log_loses_and_doubles_nothing() -> None:
    """Neither the state nor the checkpoint is ahead of the topic."""
    site = loaded()
    site.database.put(20, "s9", "A")
    site.log.failing = unavailable("gone")
    with pytest.raises(BrokerUnavailable):
        site.run(5)
    site.run(10)

    assert [("A", "present", "enrolled")] == site.causes("s9")


def test_an_outage_is_told_and_ends_by_itself() -> None:
    """Nothing is lost; the alert is raised after half a minute and cleared."""
    site = loaded()
    site.database.fault = Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))
    site.database.put(20, "s9", "A")
    site.run(120)
    assert "CS2001" == site.alerts()["connector/apogee/source"].code
    problems = [site.poller.workers["apogee"].problem]
    site.database.fault = None
    site.run(60)
    problems.append(site.poller.workers["apogee"].problem)

    assert AlertState.CLEARED is site.alerts()["connector/apogee/source"].state
    assert ["CS2001", None] == [problem and problem.code for problem in problems]
    assert "s9" in site.members()["A"]


def test_a_lost_grant_halts_one_source_only() -> None:
    """The other one goes on."""
    site = Site(one=settings(), two=settings())
    site.databases["one"].fault = Halted(
        message(OracleMessage.QUERY_REFUSED, source="one", query="truth", reason="ORA-00942")
    )
    site.databases["two"].put(1, "s1", "A")
    site.run(5)

    assert {"A": {"s1"}} == site.members()
    assert AlertState.RAISED is site.alerts()["connector/one/source"].state


def test_another_database_waits_until_it_is_accepted() -> None:
    """Nothing is published for it until then; the hash must be the one that was shown."""
    site = loaded()
    site.database.name = "CLONE"
    site.restart()
    site.database.put(20, "s9", "A")
    site.run(120)
    alert = site.alerts()["connector/apogee/identity"]
    assert "s9" not in site.members()["A"]
    wrong = site.signal("accept", source="apogee", hash="nonsense")
    site.run(3)
    assert "refused" == site.notifications(wrong)[-1].phase
    accepted = site.signal("accept", source="apogee", hash=alert.parameters["hash"])
    site.run(60)

    assert "s9" in site.members()["A"]
    assert "finished" == site.notifications(accepted)[-1].phase
    assert AlertState.CLEARED is site.alerts()["connector/apogee/identity"].state


def test_changed_patterns_wait_until_they_are_accepted() -> None:
    """Then the snapshot publishes what they make; the cohorts of before have vanished and keep their members."""
    site = loaded()
    site.sources = {"apogee": settings(cohort={"idnumber": "2026-{GRP}", "name": "{TITLE}"})}
    site.restart()
    site.run(30)
    assert {"A", "B"} == set(site.members())
    mark = site.alerts()["connector/apogee/identity"].parameters["hash"]
    site.signal("accept", source="apogee", hash=mark)
    site.run(200)

    assert {"A", "B", "2026-A", "2026-B"} == set(site.members())
    assert CohortState.VANISHED is site.cohort("A").state


def test_a_clock_far_behind_blocks_and_one_a_little_behind_does_not() -> None:
    """Within the tolerance, what is stamped by the slower clock is read all the same."""
    site = loaded()
    site.database.skew = timedelta(seconds=-20)
    site.database.put(20, "s9", "A")
    site.run(10)
    assert "s9" in site.members()["A"]
    site.database.skew = timedelta(hours=-1)
    site.run(120)
    assert AlertState.RAISED is site.alerts()["connector/apogee/identity"].state
    site.database.skew = timedelta()
    site.run(120)

    assert AlertState.CLEARED is site.alerts()["connector/apogee/identity"].state
    assert site.poller.quiet


def test_a_snapshot_finds_what_no_hint_told() -> None:
    """A row without a new stamp is published with the snapshot's cause and counted."""
    site = loaded()
    site.run(60)
    site.database.rows[50] = changed(site.database.rows[1], student="s5")
    site.run(60)
    assert "s5" not in site.members()["A"]
    asked = site.signal("snapshot", source="apogee")
    site.run(20)

    assert ("A", "present", "late_commit") == site.causes("s5")[-1]
    assert ["started", "finished"] == [n.phase for n in site.notifications(asked) if n.phase != "progress"]
    assert 1 == site.notifications(asked)[-1].counts["published"]


def test_a_name_is_followed_when_the_rows_agree_and_not_otherwise() -> None:
    """One row with another name changes nothing; all of them do."""
    site = loaded()
    site.database.put(1, "s1", "A", title="Renamed")
    site.run(30)
    assert "Group" == site.cohort("A").name
    site.clock.sleep(700)
    for number in (2, 3, 4):
        site.database.put(number, f"s{number}", "A", title="Renamed")
    site.run(30)

    assert "Renamed" == site.cohort("A").name


def test_loosely_equal_cohorts_collide_by_name() -> None:
    """The later one says with which earlier one."""
    site = loaded()
    site.database.put(20, "s9", "a ")
    site.database.put(21, "s9", "Â")
    site.run(5)

    assert ("A", "A", None) == (
        site.cohort("a").colliding_with,
        site.cohort("Â").colliding_with,
        site.cohort("A").colliding_with,
    )


def test_a_live_change_begins_a_trace_that_its_record_carries() -> None:
    """Loads carry the span of their chunk; each live record a trace of its own, linked with the poll's."""
    site = loaded()
    site.database.put(20, "s8", "A")
    site.database.put(21, "s9", "A")
    site.run(5)

    spans = site.tracer.named("change published")
    polls = site.tracer.named("poll")
    live = [w for w in site.log.records if w.topic == site.topics.memberships][-2:]
    assert [dict(span.context.headers()) for span in spans] == [dict(w.headers or {}) for w in live]
    assert {polls[-1].context} == {link for span in spans for link in span.links}
    assert spans[0].context.trace_id != spans[1].context.trace_id
    assert all("s8" not in str(span.attributes) for span in spans)


def test_a_rush_is_worked_off_portion_by_portion() -> None:
    """No statement names more than 500 students, no transaction holds more than 2,000 records and what goes with it."""
    site = loaded()
    for number in range(1200):
        site.database.put(2000 + number, f"r{number:04}", "A")
    site.run(30)

    assert site.database.truth_of() == site.members()
    assert max(site.log.sizes) <= 2005


def test_idle_polling_is_quiet() -> None:
    """Where nothing happens, a checkpoint now and then is all that is written, and no student is read."""
    site = loaded()
    site.run(60)
    site.database.truths.clear()
    written = len(site.log.sizes)
    site.run(100)

    assert [] == site.database.truths
    assert len(site.log.sizes) - written <= 15


def test_who_is_hinted_during_the_load_is_looked_at_after_it() -> None:
    """A row that the load has published goes before the load is complete, when nothing may be concluded yet."""
    site = Site()
    for number in range(1, 5000):
        site.database.put(number, f"s{number:05}", "A")
    site.clock.sleep(100)
    site.poller.run_once()
    assert "s00001" in site.members()["A"]
    site.database.delete(1)
    site.signal("look", students=("s00001",))
    site.run(100)

    assert site.database.truth_of() == site.members()


def test_what_a_later_portion_misses_was_missed_later() -> None:
    """The second look comes a whole settle time after the read that missed it, however long the rush took."""
    site = loaded()
    for number in range(600):
        site.database.put(2000 + number, f"r{number:04}", "A")
    site.run(30)
    site.clock.sleep(100)
    for number in range(600):
        site.database.put(3000 + number, f"r{number:04}", "B")
    site.database.rows = {n: row for n, row in site.database.rows.items() if row.student != "r0599" or n > 3000}
    site.poller.run_once()  # asks, and examines the first portion
    site.clock.sleep(50)
    site.run(3)
    examined = site.clock.now()
    site.run(55)
    assert "r0599" in site.members()["A"]
    site.run(20)

    (removal,) = [r for r in site.changes() if r.state.value == "absent"]
    assert (removal.observed_at - examined).total_seconds() > 50


def test_a_cohort_that_lost_its_last_member_is_told_by_the_cohort_query() -> None:
    """Listed, it is empty; not listed, it has vanished."""
    site = loaded()
    site.database.listed = ["A"]
    site.database.rows.clear()
    site.signal("snapshot")
    site.run(200)

    assert {"B": {"s5", "s6", "s7", "s8"}} == site.members()
    assert (CohortState.PRESENT, CohortState.VANISHED) == (site.cohort("A").state, site.cohort("B").state)


def test_a_snapshot_that_is_asked_for_during_the_first_load_comes_after_it() -> None:
    """Its answer is not forgotten."""
    site = Site()
    for number in range(1, 5000):
        site.database.put(number, f"s{number:05}", "A")
    site.clock.sleep(100)
    site.poller.run_once()
    asked = site.signal("snapshot")
    site.run(1)
    assert [] == site.notifications(asked)
    site.run(60)

    assert ["started", "finished"] == [said.phase for said in site.notifications(asked) if said.phase != "progress"]


def test_a_source_without_hints_lives_by_snapshots() -> None:
    """Suspects are decided all the same."""
    site = Site(apogee=settings(hints=[]))
    for number in (1, 2, 3):
        site.database.put(number, f"s{number}", "A")
    site.run(5)
    site.database.delete(1)
    site.database.put(4, "s4", "A")
    site.signal("snapshot")
    site.run(5)
    assert {"s1", "s2", "s3", "s4"} == site.members()["A"]
    site.run(80)

    assert {"s2", "s3", "s4"} == site.members()["A"]


def test_what_is_missed_after_a_failure_waits_for_its_own_second_look() -> None:
    """A hinted cohort whose students cannot be asked for at once: an absence counts from the read that missed it, not
    from the poll that brought the hint up an hour earlier.
    """
    by_cohort = settings(hints=[{"kind": "scan", "by_cohort": True, "interval": "1s"}])
    site = loaded(apogee=by_cohort)
    source = site.poller.workers["apogee"].feed.source
    ask = source.students_of

    def refuse(cohort: tuple[object, ...]) -> list[str]:
        raise Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))

    source.students_of = refuse  # type: ignore[method-assign]
    site.database.put(20, "s5", "A")
    site.run(5)
    source.students_of = ask  # type: ignore[method-assign]
    site.clock.sleep(3600)
    site.database.delete(1)
    site.run(50)

    assert "s1" in site.members()["A"]
    site.run(40)
    assert "s1" not in site.members()["A"]


def test_a_row_that_goes_while_a_load_reads_it_is_noticed_by_a_scan_of_cohorts() -> None:
    """The load publishes it from its older rows; the scan brings its cohort up once the load is complete, though the
    table no longer tells whose row that was.
    """
    site = Site(apogee=settings(hints=[{"kind": "scan", "by_cohort": True, "interval": "1s"}]))
    site.database.put(1, "s1", "A")
    site.database.put(2, "s2", "A")
    source = site.poller.workers["apogee"].feed.source
    read = source.snapshot

    def slow() -> Iterator[list[Row]]:
        batches = list(read())
        yield from [[]] * 10
        yield from batches

    source.snapshot = slow  # type: ignore[method-assign]
    site.run(3)
    assert not site.members()
    site.database.delete(1)
    site.run(100)

    assert {"A": {"s2"}} == site.members()


def test_a_failure_among_hinted_cohorts_forgets_none_of_them() -> None:
    """Of two cohorts that changed the second cannot be asked for at once; the students of both are looked at."""
    site = loaded(apogee=settings(hints=[{"kind": "scan", "by_cohort": True, "interval": "1s"}]))
    source = site.poller.workers["apogee"].feed.source
    ask, asked = source.students_of, list[tuple[object, ...]]()

    def fail_once(cohort: tuple[object, ...]) -> list[str]:
        asked.append(cohort)
        if len(asked) == 2:
            raise Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))
        return ask(cohort)

    source.students_of = fail_once  # type: ignore[method-assign]
    site.database.put(20, "new1", "A", commit=False)
    site.database.put(21, "new2", "B")
    site.run(60)

    assert 3 <= len(asked)
    assert site.database.truth_of() == site.members()
