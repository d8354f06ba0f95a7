"""Snapshots by the real poller over a database in memory: what they find, and with which cause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from connector.runtime.errors import Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.runtime.telemetry import Count
from connector.source import snapshotting
from connector.source.causes import ABSENCES, MISSES, Cause
from connector.source.chunking import chunks
from connector.source.examining import Subject
from schemas.records import AlertState, Checkpoint
from tests.unit.source.world import CODEC, Enrolment, Site, changed, populated, settings

LATE = timedelta(seconds=300)


def loaded(**changes: Any) -> Site:
    """Two groups of four students, loaded and polled for a while."""
    return populated(Site(apogee=settings(**changes)), 60)


def crowded(count: int, age: float, seconds: float, *groups: str) -> Site:
    """So many students in these groups by turns, loaded and polled for a while; their rows are of this age then."""
    site = Site()
    for number in range(count):
        site.database.put(number, f"m{number:03}", groups[number % len(groups)])
    site.clock.sleep(age)
    site.run(seconds)
    return site


def snapshot(site: Site, seconds: int = 30) -> dict[str, int]:
    """Take one to its end; what it says polling had missed."""
    asked = site.signal("snapshot", source="apogee")
    site.run(seconds)
    said = site.notifications(asked)[-1]
    assert "finished" == said.phase
    missed = {name.removeprefix("missed."): n for name, n in said.counts.items() if name.startswith("missed.")}
    assert missed == dict(checkpoint(site).last_snapshot)
    return missed


def checkpoint(site: Site) -> Checkpoint:
    found = site.state.checkpoint("apogee")
    assert found is not None
    return found


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of each batch that the database in memory brings."""
    monkeypatch.setattr(snapshotting, "chunks", partial(chunks, least=2))


def quietly(site: Site, number: int, **fields: Any) -> None:
    """Change a row without its cursor."""
    site.database.rows[number] = changed(site.database.rows[number], **fields)


def insert_late(site: Site) -> None:
    site.database.put(20, "s1", "B", commit=False)
    site.run(150)
    site.database.commit()


def insert_without_stamp(site: Site) -> None:
    site.database.rows[20] = Enrolment("s1", "B", stamp=None)


def insert_with_an_old_stamp(site: Site) -> None:
    site.database.rows[20] = Enrolment("s1", "B", stamp=site.clock.now() - timedelta(days=2))


def add_a_row_like_the_others(site: Site) -> None:
    site.database.rows[20] = changed(site.database.rows[1], grp="A", stamp=None)


def put_back(site: Site) -> None:
    site.database.rows[1] = changed(site.database.rows[1], grp="B", stamp=site.clock.now() - timedelta(days=2))


@pytest.mark.parametrize(
    ("happens", "causes", "missed"),
    [
        (insert_late, [("B", "present", "late_commit")], {"late_commit": 1}),
        (insert_without_stamp, [("B", "present", "null_cursor")], {"null_cursor": 1}),
        (insert_with_an_old_stamp, [("B", "present", "cursor_backwards")], {"cursor_backwards": 1}),
        (add_a_row_like_the_others, [("A", "present", "null_cursor")], {"null_cursor": 1}),
        (
            put_back,
            [("B", "present", "cursor_backwards"), ("A", "absent", "cursor_backwards")],
            {"cursor_backwards": 2},
        ),
        (
            lambda site: quietly(site, 1, grp="B"),
            [("B", "present", "untouched_cursor"), ("A", "absent", "untouched_cursor")],
            {"untouched_cursor": 2},
        ),
        (lambda site: quietly(site, 1, status="X"), [("A", "absent", "untouched_cursor")], {"untouched_cursor": 1}),
    ],
)
def test_what_polling_missed_is_published_with_the_way_and_counted(
    happens: Callable[[Site], None], causes: list[tuple[str, str, str]], missed: dict[str, int]
) -> None:
    """In the record, the notification, the checkpoint and the metric."""
    site = loaded()
    happens(site)
    site.run(60)
    assert 1 == len(site.causes("s1")), "polling found it by itself"

    assert missed == snapshot(site)
    assert causes == site.causes("s1")[1:]
    (cause,) = missed
    assert missed[cause] == site.metrics.total(Count.SNAPSHOT_DIFFERENCES, cause=cause)
    assert {} == snapshot(site)


def test_what_polling_still_comes_to_is_no_miss() -> None:
    """A hint that is asked rarely: the snapshot is only faster."""
    site = loaded(hints=[{"cursor": "STAMP", "overlap": "30s", "interval": "1h"}])
    site.database.put(20, "s1", "B")

    assert {} == snapshot(site)
    assert ("B", "present", "enrolled") == site.causes("s1")[-1]


def test_rows_that_no_hint_watches_are_unwatched() -> None:
    """A source that lives by snapshots; and dates that pass tell of no change."""
    for hints in ([], [{"kind": "due", "cursor": "STAMP", "interval": "1h"}]):
        site = loaded(hints=hints)
        site.database.put(20, "s1", "B")
        assert {"unwatched": 1} == snapshot(site)


def test_a_miss_of_hints_on_other_tables_cannot_be_told() -> None:
    """Their rows are not the ones that differ."""
    site = loaded(hints=[{"table": "BASE", "cursor": "STAMP", "overlap": "30s"}])
    quietly(site, 1, grp="B")

    assert {"snapshot": 2} == snapshot(site)
    assert [("B", "present", "snapshot"), ("A", "absent", "snapshot")] == site.causes("s1")[1:]


def test_a_scan_comes_to_everything() -> None:
    """Additions, changes and deletes: nothing of it is missed for good."""
    site = loaded(hints=[{"kind": "scan", "interval": "1h"}])
    quietly(site, 1, grp="B")
    site.database.delete(2)

    assert {} == snapshot(site)
    assert [("B", "present", "enrolled"), ("A", "absent", "row_moved")] == site.causes("s1")[1:]
    site.run(120)
    assert ("A", "absent", "deleted") == site.causes("s2")[-1]


def test_a_touch_of_every_row_publishes_nothing_and_is_remembered() -> None:
    """A change without the cursor that follows it is told from a late commit."""
    site = loaded()
    site.run(600)
    before = len(site.published())
    for number in range(1, 9):
        site.database.put(number, f"s{number}", "A" if number < 5 else "B")
    site.run(150)
    quietly(site, 1, status="X")
    site.run(60)

    assert before == len(site.published())
    assert {"untouched_cursor": 1} == snapshot(site)


def test_who_shares_a_read_with_an_unsure_student_is_not_forgotten() -> None:
    """Rows that nobody knew wait for a look through the state; the others of the portion do not."""
    site = loaded()
    site.database.rows[20] = Enrolment("s1", "B", stamp=site.clock.now() - LATE)
    quietly(site, 2, grp="B")
    site.database.delete(3)

    assert {"late_commit": 1, "untouched_cursor": 2, "deleted": 1} == snapshot(site)
    assert {"s1", "s2", "s5", "s6", "s7", "s8"} == site.members()["B"]


@pytest.mark.usefixtures("small_chunks")
def test_rows_of_other_students_are_recognised_all_through_a_long_pass() -> None:
    """Not only by the first look through the state."""
    site = crowded(200, 3600, 150, "M")
    quietly(site, 150, student="m000x")
    quietly(site, 151, student="m199x")
    site.signal("snapshot", source="apogee")
    for _ in range(150):
        site.poller.run_once()
        site.clock.sleep(10)

    assert {"untouched_cursor": 2, "key_changed": 2} == dict(checkpoint(site).last_snapshot)
    assert [("M", "present", "untouched_cursor")] == site.causes("m000x") == site.causes("m199x")


def test_a_row_that_joins_while_the_first_is_touched_is_remembered_with_it() -> None:
    """What is published holds, and is not undone by the stamps that are kept beside."""
    site = loaded()
    site.database.put(1, "s1", "A", commit=False)
    site.database.put(20, "s1", "A")
    site.run(200)

    assert [("A", "present", "first_load"), ("A", "present", "rows")] == site.causes("s1")
    rows = site.state.known(["s1"]).memberships["s1"]["A"].rows
    assert [("1", True), ("20", True)] == [(row.row, row.stamp == rows[0].stamp) for row in rows]


# --- absences --------------------------------------------------------------------------------------------------------

BASE = [{"table": "BASE", "cursor": "STAMP", "overlap": "30s"}]


def test_a_deleted_row_is_counted_when_it_is_missed_and_removed_by_the_second_look() -> None:
    """No hint tells of it."""
    site = loaded()
    site.database.delete(1)
    site.run(60)

    assert {"deleted": 1} == snapshot(site)
    assert 1 == site.metrics.total(Count.SNAPSHOT_DIFFERENCES, cause="deleted")
    site.run(90)
    assert ("A", "absent", "deleted") == site.causes("s1")[-1]


def test_a_row_that_left_the_view_is_told_from_a_deleted_one() -> None:
    """It is still in the table that a hint watches."""
    site = loaded(hints=BASE)
    quietly(site, 1, left_view=True)
    site.database.delete(2)

    assert {"left_view": 1, "deleted": 1} == snapshot(site)
    site.run(90)
    assert ("A", "absent", "left_view") == site.causes("s1")[-1]
    assert ("A", "absent", "deleted") == site.causes("s2")[-1]


def test_the_second_look_finds_out_that_a_row_left_the_view() -> None:
    """Where polling noticed that it is missing."""
    site = loaded(hints=BASE)
    site.database.put(1, "s1", "A", left_view=True)
    site.run(90)

    assert ("A", "absent", "left_view") == site.causes("s1")[-1]


@pytest.mark.parametrize("other", ["a0", "z9"])
@pytest.mark.parametrize("polled", [False, True])
def test_a_row_that_supports_another_student_now_has_changed_its_key(other: str, *, polled: bool) -> None:
    """Whether that student comes before or after in the pass, or was found by polling."""
    site = loaded()
    if polled:
        site.database.put(1, other, "A")
        site.run(5)
    else:
        quietly(site, 1, student=other)
    missed = snapshot(site)

    assert ({"key_changed": 1} if polled else {"key_changed": 1, "untouched_cursor": 1}) == missed
    assert [("A", "present", "enrolled" if polled else "untouched_cursor")] == site.causes(other)
    assert (1, 0) == tuple(site.metrics.total(Count.SNAPSHOT_DIFFERENCES, cause=c) for c in ("key_changed", "deleted"))
    site.run(90)
    assert ("A", "absent", "key_changed") == site.causes("s1")[-1]


def test_a_snapshot_finds_the_changed_key_of_what_polling_had_missed_first() -> None:
    """It is no miss of this pass, and not looked at again by it."""
    site = loaded()
    quietly(site, 1, student="z9")
    site.signal("look", source="apogee", students=("s1", "z9"))
    site.run(5)
    site.database.delete(2)

    assert {"deleted": 1} == snapshot(site)
    site.run(90)
    assert ("A", "absent", "key_changed") == site.causes("s1")[-1]
    assert ("A", "absent", "deleted") == site.causes("s2")[-1]


def test_a_journals_delete_is_the_cause_of_what_is_missing() -> None:
    """Of what is missing now, and of what was missing before for no known reason; a later look forgets it not."""
    site = loaded()
    site.database.delete(1)
    worker = site.poller.workers["apogee"]
    for deleted in (False, True, False):
        worker.feed.examine({"s1": Subject(deleted=deleted)}, worker.feed.now(), Cause.ENROLLED)
    site.run(90)

    assert ("A", "absent", "journal_delete") == site.causes("s1")[-1]


def test_every_cause_of_an_absence_counts_against_the_limit() -> None:
    """Half a table that changed its keys removes nobody."""
    site = crowded(100, 100, 30, "M")
    for number in range(50):
        quietly(site, number, student=f"n{number:03}")

    assert {"untouched_cursor": 50, "key_changed": 50} == snapshot(site)
    site.run(120)
    assert not [change for change in site.changes() if change.state.value == "absent"]
    assert AlertState.RAISED is site.alerts()["connector/apogee/suspects"].state


# --- the proof -------------------------------------------------------------------------------------------------------

PROVED = [{"cursor": "STAMP", "stamped_by": "database", "overlap": "30s"}]


def proved(**changes: Any) -> Site:
    site = loaded(hints=PROVED, **changes)
    site.database.transactions_visible = True
    site.run(600)
    assert "proved" == checkpoint(site).hints[0].safety
    return site


def test_a_late_commit_under_a_proof_raises_an_alert_until_a_snapshot_finds_none() -> None:
    """A row that was stamped by another clock: what the proof rests on does not hold."""
    site = proved()
    site.database.rows[20] = Enrolment("s1", "B", stamp=site.clock.now() - LATE)

    assert {"late_commit": 1} == snapshot(site)
    alert = site.alerts()["connector/apogee/proof"]
    assert AlertState.RAISED is alert.state
    assert {"source": "apogee", "hint": "timestamp1", "count": "1"} == alert.parameters
    assert OracleMessage.PROOF_BROKEN.code == alert.code
    assert {} == snapshot(site)
    assert AlertState.CLEARED is site.alerts()["connector/apogee/proof"].state


def test_other_misses_say_nothing_against_a_proof() -> None:
    """A proof speaks of stamped changes only; nor does a late commit where nothing was proved."""
    site = proved()
    quietly(site, 1, grp="B")
    site.database.rows[20] = Enrolment("s2", "B", stamp=None)
    assert {"untouched_cursor": 2, "null_cursor": 1} == snapshot(site)
    assert "connector/apogee/proof" not in site.alerts()

    assumed = loaded()
    insert_late(assumed)
    assert {"late_commit": 1} == snapshot(assumed)
    assert "connector/apogee/proof" not in assumed.alerts()


def test_under_a_proof_an_open_transaction_of_hours_is_no_miss() -> None:
    """A snapshot between its commit and the next poll finds it first, and knows that polling would have come."""
    site = proved()
    site.database.put(20, "s1", "B", commit=False)
    site.run(1200)
    assert 1 == len(checkpoint(site).hints[0].open_ranges)
    site.database.commit()
    worker = site.poller.workers["apogee"]
    worker.snapshots.begin("snapshot", "now")
    while worker.snapshots.running:
        worker.snapshots.step()
        site.clock.sleep(0.1)

    assert ("B", "present", "enrolled") == site.causes("s1")[-1]
    assert {} == dict(checkpoint(site).last_snapshot)


# --- one pass --------------------------------------------------------------------------------------------------------


def test_while_nothing_has_come_the_pass_waits_a_little_and_polling_goes_on() -> None:
    """Neither blocks nor turns without a pause; a step before its time reads nothing."""
    site = loaded()
    site.signal("snapshot", source="apogee")
    site.poller.run_once()
    worker = site.poller.workers["apogee"]
    assert worker.snapshots.running
    assert 0.0 < worker.snapshots.wait() <= 0.1
    assert worker.wait() == worker.snapshots.wait()
    rows = site.metrics.total(Count.SOURCE_ROWS, query="snapshot")
    worker.snapshots.step()
    assert rows == site.metrics.total(Count.SOURCE_ROWS, query="snapshot")
    site.database.put(20, "s1", "B")
    site.run(2)

    assert worker.snapshots.running
    assert ("B", "present", "enrolled") == site.causes("s1")[-1]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("restart", [False, True])
def test_a_pass_that_is_cut_off_keeps_what_it_has_counted(*, restart: bool) -> None:
    """What its first part published is not found again by the second, and is in the result all the same."""
    site = loaded()
    quietly(site, 1, grp="B")
    quietly(site, 8, grp="A")
    asked = site.signal("snapshot", source="apogee")
    while len(site.causes("s1")) < 3:
        site.run(1)
    assert 1 == len(site.causes("s8"))
    if restart:
        site.restart()
    else:
        site.database.fault = Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))
        site.run(3)
        site.database.fault = None
    site.run(60)

    assert "finished" == site.notifications(asked)[-1].phase
    assert {"untouched_cursor": 4} == dict(checkpoint(site).last_snapshot)
    assert 4 == site.metrics.total(Count.SNAPSHOT_DIFFERENCES, cause="untouched_cursor")


@pytest.mark.usefixtures("small_chunks")
def test_what_waits_for_its_cause_is_published_while_a_long_pass_goes_on() -> None:
    """A pass that never comes to its end must not keep it for ever."""
    site = crowded(200, 3600, 60, "M")
    site.database.put(900, "m000", "N", commit=False)
    site.run(150)
    site.database.commit()
    site.signal("snapshot", source="apogee")
    site.run(25)
    assert 1 == len(site.causes("m000"))
    for _ in range(10):
        site.poller.run_once()
        site.clock.sleep(20)

    assert site.poller.workers["apogee"].snapshots.running
    assert ("N", "present", "late_commit") == site.causes("m000")[-1]


@pytest.mark.usefixtures("small_chunks")
def test_a_pass_that_ends_early_suspects_nobody_whom_it_had_not_come_to() -> None:
    """It fails in the middle, and the rest of the rows never come."""
    site = loaded()
    site.signal("snapshot", source="apogee")
    site.run(2)
    assert site.poller.workers["apogee"].snapshots.running
    site.database.fault = Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="x"))
    site.run(200)

    assert 8 == len(site.changes())
    assert [] == list(site.state.suspicions.students("apogee"))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("when", [0, 3, 6])
def test_a_policy_that_begins_to_hide_rows_during_a_pass_removes_nobody(when: int) -> None:
    """All rows, or all but a few; cohorts without rows vanish, suspects beyond the limit wait with an alert."""
    site = crowded(200, 100, 30, "M0", "M1")
    rows = dict(site.database.rows)
    site.signal("snapshot", source="apogee")
    site.run(when)
    site.database.rows = {number: row for number, row in rows.items() if number < 20}
    site.run(200)
    assert {"M0": 100, "M1": 100} == {cohort: len(students) for cohort, students in site.members().items()}
    if when == 0:  # otherwise the pass, being of one moment, saw all of them
        assert AlertState.RAISED is site.alerts()["connector/apogee/suspects"].state
        missing = site.alerts()["connector/apogee/missing"]
        assert (AlertState.RAISED, "180") == (missing.state, missing.parameters["missing"])
    site.database.rows.clear()
    site.signal("snapshot", source="apogee")
    site.run(200)
    missing = site.alerts()["connector/apogee/missing"]
    assert (AlertState.RAISED, "0", "200") == (missing.state, missing.parameters["rows"], missing.parameters["missing"])
    assert {"M0": 100, "M1": 100} == {cohort: len(students) for cohort, students in site.members().items()}
    site.database.rows = rows
    site.signal("snapshot", source="apogee")
    site.run(200)

    assert {"M0": 100, "M1": 100} == {cohort: len(students) for cohort, students in site.members().items()}
    assert {AlertState.CLEARED} == {alert.state for alert in site.alerts().values()}
    assert not [change for change in site.changes() if change.state.value == "absent"]


def test_a_small_source_that_brings_no_rows_raises_an_alert() -> None:
    """However few memberships the limit lets go: nothing at all is no answer."""
    site = loaded()
    site.database.hidden = True
    snapshot(site, 120)
    alert = site.alerts()["connector/apogee/missing"]
    assert (AlertState.RAISED, OracleMessage.SNAPSHOT_INCOMPLETE.code) == (alert.state, alert.code)
    site.database.hidden = False
    snapshot(site)

    assert AlertState.CLEARED is site.alerts()["connector/apogee/missing"].state
    assert 8 == len(site.changes())


def test_another_term_in_the_view_removes_nobody_and_raises_an_alert() -> None:
    """All cohorts are others: the old ones vanish and keep their members."""
    site = crowded(100, 100, 30, "AUTUMN")
    for number in range(100):
        quietly(site, number, left_view=True)
        site.database.rows[1000 + number] = Enrolment(f"m{number:03}", "SPRING")
    snapshot(site)
    assert AlertState.RAISED is site.alerts()["connector/apogee/missing"].state
    site.run(200)

    assert {"AUTUMN": 100, "SPRING": 100} == {cohort: len(found) for cohort, found in site.members().items()}
    assert "vanished" == site.cohort("AUTUMN").state.value


def test_a_cohort_that_comes_back_during_a_pass_loses_only_who_is_missing() -> None:
    """It had vanished; half of its rows return while the snapshot reads."""
    site = loaded()
    rows = dict(site.database.rows)
    for number in range(5, 9):
        site.database.delete(number)
    snapshot(site)
    site.run(120)
    assert "vanished" == site.cohort("B").state.value
    site.signal("snapshot", source="apogee")
    site.run(2)
    for number in (5, 6):
        site.database.put(number, f"s{number}", "B")
    site.run(200)
    assert {"s5", "s6"} == site.members()["B"]
    assert rows.keys() - site.database.rows.keys() == {7, 8}

    assert {"present"} == {state for student in ("s5", "s6") for _, state, _ in site.causes(student)}


def test_a_student_who_is_hinted_during_a_pass_is_decided_by_the_later_read() -> None:
    """The rows of the pass are older than what polling published meanwhile, and change nothing back."""
    site = loaded()
    site.signal("snapshot", source="apogee")
    site.run(2)
    assert site.poller.workers["apogee"].snapshots.running
    site.database.put(8, "s8", "A")
    site.database.put(30, "t1", "B")
    site.run(60)

    assert [("B", "present", "first_load"), ("A", "present", "enrolled"), ("B", "absent", "row_moved")] == site.causes(
        "s8"
    )
    assert [("B", "present", "enrolled")] == site.causes("t1")
    assert {} == dict(checkpoint(site).last_snapshot)


# --- by the time of the day ------------------------------------------------------------------------------------------


def checkpoints(site: Site) -> list[Checkpoint]:
    """All that were ever written."""
    values = [written.value for written in site.log.records if written.topic == site.topics.checkpoints]
    found = [CODEC.decode(value) for value in values if value is not None]
    return [record for record in found if isinstance(record, Checkpoint)]


def snapshots(site: Site) -> list[str]:
    ids = {record.snapshot.signal_id for record in checkpoints(site) if record.snapshot is not None}
    scheduled = sorted(name for name in ids if name.startswith(snapshotting.SCHEDULE))
    return [said.phase for name in scheduled for said in site.notifications(name) if said.phase != "progress"]


def test_a_snapshot_is_taken_at_its_time_and_made_up_for() -> None:
    """Once a day; once after a downtime of days, and only when polling has caught up."""
    site = loaded()
    site.clock.sleep(18 * 3600)
    site.run(30)
    assert [] == snapshots(site)
    site.clock.sleep(3600)
    site.run(30)
    assert ["started", "finished"] == snapshots(site)
    site.clock.sleep(5 * 86_400)
    site.database.put(20, "s1", "B", stamp=site.clock.now() - timedelta(days=3))
    site.restart()
    site.run(60)

    assert ["started", "finished"] * 2 == snapshots(site)
    assert ("B", "present", "enrolled") == site.causes("s1")[-1]
    assert {} == dict(checkpoint(site).last_snapshot)


def test_without_times_no_snapshot_is_taken() -> None:
    """Only when somebody asks."""
    site = loaded(snapshot_at=[])
    site.clock.sleep(3 * 86_400)
    site.run(30)

    assert [] == snapshots(site)


def test_causes_of_misses_and_absences_are_apart() -> None:
    """A miss rests on a row that is there, an absence on one that is not."""
    assert not MISSES & ABSENCES
