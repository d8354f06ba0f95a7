"""What is shown before a strange source is accepted is what the acceptance then does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.commands.reviewing import Review, as_lines, as_plain, review
from connector.runtime.errors import Halted
from connector.source.prospect import Prospect
from connector.source.state import State
from connector.source.store import open_store
from schemas.keys import decode_key
from schemas.records import CohortState
from tests.unit.source.world import CODEC, Site, changed, settings

IDENTITY = "connector/apogee/identity"


def at_work(**changes: Any) -> Site:
    """Three cohorts, loaded: A with three members, B with two, C with one."""
    site = Site(apogee=settings(**changes))
    for number, (student, cohort) in enumerate(
        [("s1", "A"), ("s2", "A"), ("s3", "A"), ("s3", "B"), ("s4", "B"), ("s5", "C")], 1
    ):
        site.database.put(number, student, cohort)
    site.clock.sleep(100)
    site.run(20)
    return site


def copy_of(site: Site) -> State:
    """The state as a command restores it from the topics."""
    state = State(open_store(None, "command"))
    with state.writing():
        for written in site.log.records:
            if written.topic in (site.topics.memberships, site.topics.checkpoints, site.topics.alerts):
                record = None if written.value is None else CODEC.decode(written.value)
                state.apply(decode_key(written.key), record)
    return state


def looked(site: Site, most: int = 20) -> Review:
    """The review by these settings, of the database as it is."""
    source = site.poller.workers["apogee"].feed.source
    state = copy_of(site)
    try:
        return review("apogee", site.sources["apogee"], source, state, site.clock, site.metrics, most)
    finally:
        state.close()


def prospect(site: Site, most: int = 20) -> Prospect:
    found = looked(site, most).prospect
    assert found is not None
    return found


def blocked(site: Site, name: str = "CLONE") -> Site:
    """Another database, with its name."""
    site.database.name = name
    site.run(90)
    assert IDENTITY in site.alerts()
    return site


def accept(site: Site) -> None:
    """By the hash that the review shows."""
    site.signal("accept", source="apogee", hash=looked(site).mark)
    site.run(200)


def test_nothing_stops_a_source_that_is_what_it_was() -> None:
    """And it is not read for that."""
    site = at_work()
    found = looked(site)

    assert (False, (), None) == (found.waits, found.reasons, found.prospect)
    assert ["Nothing stops apogee: it is what was read before."] == as_lines(found)


def test_a_source_that_has_not_begun_needs_no_acceptance() -> None:
    """It begins with a first load."""
    found = looked(Site(apogee=settings()))

    assert not found.waits
    assert "first load" in as_lines(found)[0]


def test_the_hash_is_the_one_that_the_connector_waits_for() -> None:
    """It was made from the same settings and the same answer of the database."""
    site = blocked(at_work())
    found = looked(site)

    assert site.alerts()[IDENTITY].parameters["hash"] == found.mark == found.awaited
    assert f"cohortstream accept apogee --hash {found.mark}" in as_lines(found)[-1]


def test_other_settings_than_those_of_the_connector_are_told() -> None:
    """Then the hash would be refused, so no command is shown."""
    site = blocked(at_work())
    site.sources = {"apogee": settings(cohort={"idnumber": "2026-{GRP}"})}
    other = looked(site)
    site.sources = {"apogee": settings()}
    site.database.name = "STUDENTS"
    as_before = looked(site)

    assert "runs with other settings" in as_lines(other)[-1]
    assert as_before.waits
    assert "runs with other settings" in as_lines(as_before)[-1]
    assert not [line for line in [*as_lines(other), *as_lines(as_before)] if "--hash" in line]


def test_every_kind_of_change_is_shown_and_then_happens() -> None:
    """Cohorts that appear and vanish, additions, stated ends, missing rows, names, and rows that nobody can map."""
    site = blocked(at_work())
    rows = site.database.rows
    rows[1] = changed(rows[1], status="D")  # s1 is no member of A, and a row says so
    del rows[2]  # s2's row in A is gone
    del rows[6]  # C has no row any more
    rows[4], rows[5] = (changed(rows[n], title="Other") for n in (4, 5))
    site.database.put(20, "s6", "B", title="Other")
    site.database.put(21, "s6", "D")
    site.database.put(22, "s7", None)
    seen = prospect(site)

    assert [("D", ("s6",))] == [(one.cohort, one.sample) for one in seen.appearing.first]
    assert [("C", ("s5",))] == [(one.cohort, one.sample) for one in seen.vanishing.first]
    assert [("B", ("s6",))] == [(one.cohort, one.sample) for one in seen.added.first]
    assert [("A", ("s1",))] == [(one.cohort, one.sample) for one in seen.ended.first]
    assert [("A", ("s2",))] == [(one.cohort, one.sample) for one in seen.missing.first]
    assert [("B", "Group", "Other")] == [(one.cohort, one.before, one.now) for one in seen.renamed[1]]
    assert (1, {"GRP is NULL": 1}) == (seen.unknown_students, dict(seen.unmappable))
    assert (7, 5, 1, 20) == (seen.rows, seen.students, seen.pressure, seen.limit)

    accept(site)
    assert {"A": {"s3"}, "B": {"s3", "s4", "s6"}, "C": {"s5"}, "D": {"s6"}} == site.members()
    assert CohortState.VANISHED is site.cohort("C").state
    assert "Other" == site.cohort("B").name


def test_changed_patterns_make_new_cohorts_beside_the_old() -> None:
    """Whose members stay."""
    site = at_work()
    site.sources = {"apogee": settings(cohort={"idnumber": "2026-{GRP}", "name": "{TITLE}"})}
    site.restart()
    site.run(5)
    seen = prospect(site)

    assert (3, 6) == (seen.appearing.cohorts, seen.appearing.memberships)
    assert (3, 6) == (seen.vanishing.cohorts, seen.vanishing.memberships)
    assert 0 == seen.missing.memberships + seen.ended.memberships + seen.added.memberships


def test_more_absences_than_the_limit_are_told() -> None:
    """They would wait for a person once more."""
    site = at_work()
    for number in range(30):
        site.database.put(100 + number, f"t{number:02}", "A")
    site.run(10)
    for number in range(30):
        del site.database.rows[100 + number]
    blocked(site)
    found = looked(site)

    assert found.prospect is not None
    assert (30, True) == (found.prospect.missing.memberships, found.prospect.withheld)
    assert any("more than the limit of 20" in line for line in as_lines(found))

    accept(site)
    assert 33 == len(site.members()["A"])


def test_a_student_of_several_values_is_read_at_once() -> None:
    """Its rows come apart in the order of the column; none of them looks missing for that."""
    site = at_work(membership={"table": "ENROLMENTS", "student": "{STUDENT|trim|upper}"})
    site.database.put(50, "s1 ", "B")
    site.database.put(51, "S1", "C")
    site.run(10)
    assert {"S3", "S4", "S1"} == site.members()["B"]
    blocked(site)
    seen = prospect(site)

    assert 0 == seen.missing.memberships + seen.added.memberships + seen.vanishing.cohorts
    site.database.rows.pop(51)
    site.database.rows.pop(1)
    assert [("A", ("S1",)), ("C", ("S1",))] == [(one.cohort, one.sample) for one in prospect(site).missing.first]


def test_a_cohort_that_is_back_shows_whose_rows_are_missing() -> None:
    """While it had vanished their absence meant nothing."""
    site = at_work()
    del site.database.rows[4], site.database.rows[5]
    site.signal("snapshot", source="apogee")
    site.run(200)
    assert CohortState.VANISHED is site.cohort("B").state
    blocked(site)
    site.database.put(30, "s4", "B")
    seen = prospect(site)

    assert ["B"] == [one.cohort for one in seen.returning.first]
    assert [("B", ("s3",))] == [(one.cohort, one.sample) for one in seen.missing.first]

    accept(site)
    assert {"s4"} == site.members()["B"]


def test_cohorts_that_are_listed_do_not_vanish() -> None:
    """The cohort query names them, so their members are suspects."""
    site = at_work()
    site.database.listed = ["A", "B", "C"]
    del site.database.rows[6]
    blocked(site)
    seen = prospect(site)

    assert (0, ["C"]) == (seen.vanishing.cohorts, [one.cohort for one in seen.missing.first])


def test_what_another_source_supports_neither_appears_nor_ends() -> None:
    """But its absence counts against the limit of this one."""
    site = Site(apogee=settings(), other=settings())
    for name in ("apogee", "other"):
        site.databases[name].put(1, "s1", "A")
        site.databases[name].put(2, "s2", "A")
    site.clock.sleep(100)
    site.run(20)
    del site.database.rows[1]
    blocked(site)
    seen = prospect(site)

    assert (0, 1) == (seen.missing.memberships, seen.pressure)


def test_lists_are_cut_and_counts_are_not() -> None:
    """The rest is for --json."""
    site = at_work()
    site.sources = {"apogee": settings(cohort={"idnumber": "2026-{GRP}", "name": "{TITLE}"})}
    site.restart()
    site.run(5)
    found = looked(site, most=2)

    assert found.prospect is not None
    assert (3, 2) == (found.prospect.appearing.cohorts, len(found.prospect.appearing.first))
    assert "    … and 1 more; --cohorts or --json shows them" in as_lines(found)


def test_machines_hear_the_same() -> None:
    """With everything that a script needs to decide."""
    site = blocked(at_work())
    site.database.put(21, "s6", "D")
    plain = as_plain(looked(site))

    assert plain["waits"]
    assert plain["hash"] == plain["connector_waits_for"]
    assert {"cohorts": 1, "memberships": 1} == {
        name: plain["prospect"]["appearing"][name] for name in ("cohorts", "memberships")
    }
    assert {"cohorts": 0, "first": ()} == plain["prospect"]["renamed"]
    assert plain["prospect"]["withheld"] is False


@pytest.mark.parametrize("behind", [timedelta(minutes=10), timedelta(days=9)])
def test_a_clock_that_is_behind_is_a_reason(behind: timedelta) -> None:
    """If nothing else is strange, nothing else need change."""
    site = at_work()
    site.database.skew = -behind
    site.run(90)
    found = looked(site)

    assert [True] == ["clock" in reason for reason in found.reasons]
    assert "  nothing: every cohort and membership stays as it is" in as_lines(found)


def test_rows_out_of_order_stop_the_look_as_they_stop_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compared until then would be told as a whole."""
    site = blocked(at_work())
    source = site.poller.workers["apogee"].feed.source
    batches = [batch[::-1] for batch in source.snapshot()]
    monkeypatch.setattr(source, "snapshot", lambda: iter(batches))

    with pytest.raises(Halted, match="CS2012"):
        looked(site)
