"""What was published between two scans is looked at by the second, also if the rows are as they were at the first."""

from __future__ import annotations

from typing import Any

import pytest

from connector.source.hints.scan import bucket, crossed_out
from schemas.records import Checkpoint, CohortState, MembershipChanged
from tests.unit.source.world import CODEC, Site, changed, populated, settings

TIMED = {"cursor": "STAMP", "overlap": "5s", "interval": "1s"}
SCAN_EVERY_S = 600


def site_with(*, by_cohort: bool = False, timed: bool = True, **changes: Any) -> Site:
    """Two groups of four students, published, looked at by a scan, and scanned again; a time column as well."""
    scan = {"name": "scan", "kind": "scan", "by_cohort": by_cohort, "interval": f"{SCAN_EVERY_S}s"}
    site = Site(apogee=settings(hints=[*([TIMED] if timed else []), scan], **changes))
    populated(site, 10)
    site.run(3 * SCAN_EVERY_S, step=5)
    assert crossed_out_in(site) == set()
    return site


def checkpoint_of(site: Site) -> Checkpoint:
    """What another process would find."""
    decoded = (CODEC.decode(w.value) for w in site.log.records if w.value is not None)
    return [record for record in decoded if isinstance(record, Checkpoint)][-1]


def crossed_out_in(site: Site) -> set[int]:
    """Buckets of which the cursor of the scan says nothing."""
    cursor = next(found.cursor for found in checkpoint_of(site).hints if found.hint == "scan")
    return {number for number in range(512) if crossed_out(cursor, {number}) == cursor}


@pytest.mark.parametrize("by_cohort", [False, True])
@pytest.mark.parametrize("restart", [False, True])
def test_a_change_that_is_undone_before_the_next_scan(*, by_cohort: bool, restart: bool) -> None:
    """The time column brings it up and nothing tells that it is undone; so does the scan, by whatever process."""
    site = site_with(by_cohort=by_cohort)
    before = dict(site.database.rows)
    site.database.put(1, "s1", "B")
    site.run(10)
    assert "s1" in site.members()["B"]
    assert {bucket(key) for key in (("A", "B") if by_cohort else ("s1",))} == crossed_out_in(site)
    if restart:
        site.restart()
    site.database.rows = before
    site.run(2 * SCAN_EVERY_S, step=5)

    assert site.database.truth_of() == site.members()
    assert crossed_out_in(site) == set()


@pytest.mark.parametrize(
    "asked", [{"kind": "look", "students": ("s1",)}, {"kind": "snapshot"}], ids=["look", "snapshot"]
)
def test_a_change_that_only_a_person_s_question_has_seen(asked: dict[str, Any]) -> None:
    """A look at some students, or a snapshot."""
    site = site_with(timed=False)
    before = dict(site.database.rows)
    site.database.rows = {**before, 1: changed(before[1], grp="B")}
    kind = asked["kind"]
    site.signal(kind, **{name: value for name, value in asked.items() if name != "kind"})
    site.run(10)
    assert "s1" in site.members()["B"]
    site.database.rows = before
    site.run(2 * SCAN_EVERY_S, step=5)

    assert site.database.truth_of() == site.members()


def test_a_removal_that_was_taken_back_and_is_true_after_all() -> None:
    """A scan misses a row, another look finds it again and clears the suspect, and the next scan misses it as before."""
    site = site_with(absence_settle="2h")
    row = site.database.rows[1]
    site.database.delete(1)
    site.run(3 * SCAN_EVERY_S, step=5)
    assert site.state.suspicions.students("apogee")
    site.database.rows[1] = changed(row, stamp=site.clock.now())
    site.run(10)
    assert not list(site.state.suspicions.students("apogee"))
    del site.database.rows[1]
    site.run(2 * 3600 + 3 * SCAN_EVERY_S, step=5)

    assert site.database.truth_of() == site.members()
    assert ("A", "absent", "deleted") == site.causes("s1")[-1]


def test_a_cohort_that_is_back_for_a_moment() -> None:
    """Of its members, who had stayed, nothing changes; that it has vanished again is noticed all the same."""
    site = site_with(absence_settle="60s")
    rows = {number: row for number, row in site.database.rows.items() if row.grp == "B"}
    for number in rows:
        site.database.delete(number)
    site.run(3 * SCAN_EVERY_S, step=5)
    assert CohortState.VANISHED is site.cohort("B").state
    for number, row in rows.items():
        site.database.rows[number] = changed(row, stamp=site.clock.now())
    site.run(10)
    assert CohortState.PRESENT is site.cohort("B").state
    for number in rows:
        del site.database.rows[number]
    site.run(3 * SCAN_EVERY_S, step=5)

    assert CohortState.VANISHED is site.cohort("B").state
    assert {"s5", "s6", "s7", "s8"} == site.members()["B"]


def test_what_takes_several_transactions_is_crossed_out_by_the_first() -> None:
    """A process that ends between two of them leaves a cursor that says nothing of what is published."""
    site = site_with()
    for number in range(100, 2300):
        site.database.put(number, f"t{number % 400}", f"G{number // 400}", commit=False)
    site.database.commit()
    began = len(site.log.records)
    site.run(1)
    written = [CODEC.decode(w.value) for w in site.log.records[began:] if w.value is not None]
    first = next(number for number, record in enumerate(written) if isinstance(record, MembershipChanged))
    stored = next(record for record in written if isinstance(record, Checkpoint))

    assert 2000 < sum(isinstance(record, MembershipChanged) for record in written)
    assert written.index(stored) < first
    cursor = next(found.cursor for found in stored.hints if found.hint == "scan")
    assert cursor == crossed_out(cursor, {bucket(f"t{number}") for number in range(400)})
