"""The poller with each kind of hint: what it finds without a snapshot, and why it may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.runtime.telemetry import Count
from connector.source.hint_settings import followed
from tests.unit.source.world import Site, changed, populated, settings

HOUR = 3600.0


def site_with(*hints: dict[str, Any], **changes: Any) -> Site:
    """Two groups of some students, loaded, with these hints."""
    return populated(Site(apogee=settings(hints=list(hints), **changes)), 10)


def stands(site: Site, hint: str) -> tuple[str | None, str | None]:
    """Safety and reason of a hint's cursor."""
    cursor = site.poller.workers["apogee"].feed.cursor(hint)
    return cursor.safety, cursor.reason


STAMPED = {"cursor": "STAMP", "stamped_by": "database", "slack": "2s", "overlap": "5s", "interval": "1s"}


def test_with_a_proof_a_transaction_may_stay_open_for_hours() -> None:
    """Its rows are published once it has ended, and what others change meanwhile is published at once."""
    site = Site(apogee=settings(hints=[STAMPED]))
    site.database.transactions_visible = True
    site.database.put(1, "s1", "A")
    site.run(10)
    site.database.put(2, "s2", "A", commit=False)
    site.run(20)
    site.database.rows[3] = changed(site.database.rows[1], student="s3", stamp=site.clock.now())
    site.run(2 * HOUR, step=5)
    assert {"A": {"s1", "s3"}} == site.members()
    assert ("proved", True) == (stands(site, "timestamp1")[0], "1 open" in str(stands(site, "timestamp1")[1]))
    site.restart()
    site.run(5)
    site.database.commit()
    site.run(5)

    assert {"A": {"s1", "s2", "s3"}} == site.members()
    assert "enrolled" == site.changes()[-1].cause


def test_a_proof_needs_everything_it_rests_on() -> None:
    """What speaks against it is told, and the overlap is read again."""
    site = Site(apogee=settings(hints=[STAMPED]))
    site.database.transactions_visible, site.database.against = True, ("it is a standby",)
    site.run(5)

    safety, reason = stands(site, "timestamp1")
    assert ("assumed", True) == (safety, "it is a standby" in str(reason))


def test_a_stamp_ahead_of_the_clock_ends_the_proof() -> None:
    """Another clock stamps; for an hour nothing is proved."""
    site = Site(apogee=settings(hints=[STAMPED]))
    site.database.transactions_visible = True
    site.run(5)
    site.database.put(1, "s1", "A", stamp=site.clock.now() + timedelta(seconds=30))
    site.run(5)
    assert "s ahead of the database's clock" in str(stands(site, "timestamp1")[1])
    site.run(HOUR + 60, step=5)

    assert "proved" == stands(site, "timestamp1")[0]


def test_a_sequence_finds_what_commits_out_of_order() -> None:
    """A lower number that comes later, and a number behind a hole."""
    site = site_with({"kind": "sequence", "cursor": "ID", "interval": "1s"})
    site.database.put(20, "s1", "B", commit=False)
    site.database.rows[25] = changed(site.database.rows[1], student="s9")
    site.run(60)
    assert "s9" in site.members()["A"]
    site.database.commit()
    site.run(5)

    assert "s1" in site.members()["B"]
    assert "assumed" == stands(site, "sequence1")[0]


def test_a_number_that_does_not_come_is_given_up_and_counted() -> None:
    """By its age; nothing is given up silently."""
    site = site_with({"kind": "sequence", "cursor": "ID", "interval": "1s", "overlap": "30s"})
    site.database.put(20, "s1", "B")
    site.run(120)

    assert 1 <= site.metrics.total(Count.GIVEN_UP)


def test_both_cursors_of_one_hint_are_followed() -> None:
    """What either finds is looked at: an update by its time, an insert without a time by its number."""
    site = site_with({"kind": "timestamp+sequence", "cursor": "STAMP", "sequence": "ID", "interval": "1s"})
    site.database.put(1, "s1", "B")
    site.database.rows[30] = changed(site.database.rows[1], student="s9", stamp=None)
    site.run(10)

    assert {"timestamp+sequence1", "timestamp+sequence1/sequence"} == set(followed(site.sources["apogee"].hints))
    assert {"s1", "s9"} <= site.members()["B"]


def test_a_scan_finds_whatever_changes() -> None:
    """Also a delete, and a change behind every cursor's back; by student or by cohort, over a restart as well."""
    for by_cohort in (False, True):
        site = site_with({"kind": "scan", "by_cohort": by_cohort, "interval": "10s"})
        site.database.rows[1] = changed(site.database.rows[1], grp="B")
        site.run(15)
        assert "s1" in site.members()["B"]
        site.database.delete(2)
        site.restart()
        site.run(120)

        assert site.database.truth_of() == site.members()


def test_a_date_that_has_come_is_looked_at() -> None:
    """Whatever made the rows different by then; the database's clock decides."""
    site = site_with({"kind": "due", "cursor": "STAMP", "offset": "1h", "interval": "1s"})
    site.database.put(20, "s9", "B")
    site.run(HOUR - 60, step=5)
    assert "s9" not in site.members()["B"]
    site.run(120)

    assert "s9" in site.members()["B"]


def test_a_date_that_came_during_an_outage_is_looked_at() -> None:
    """The cursor is in the checkpoint."""
    site = site_with({"kind": "due", "cursor": "STAMP", "offset": "1h", "interval": "1s"})
    site.database.put(20, "s9", "B")
    site.run(30)
    site.clock.sleep(5 * HOUR)
    site.restart()
    site.run(5)

    assert "s9" in site.members()["B"]


def test_the_trace_tells_the_hint_and_why_its_watermark_was_safe() -> None:
    """Every live change begins in a poll whose span says so."""
    site = site_with({"cursor": "STAMP", "interval": "1s"})
    site.database.put(20, "s1", "B")
    site.run(5)

    span = next(span for span in site.tracer.spans if span.name == "poll")
    assert "timestamp1" == span.attributes["hint"]
    assert str(span.attributes["watermark"]).startswith(("quick read", "assumed"))


def test_a_rush_of_cohorts_is_worked_off_bit_by_bit() -> None:
    """Signals and other sources get their turn in between, and a student of all of them is looked at once."""
    site = Site(apogee=settings(hints=[{"cursor": "STAMP", "by_cohort": True, "interval": "1h"}]))
    for number in range(200):
        site.database.put(number, f"s{number % 4}", f"G{number}")
    site.clock.sleep(HOUR)
    site.run(60)
    assert site.database.truth_of() == site.members()
    for number in range(200):
        site.database.put(number, f"s{number % 4}", f"G{number}")
    site.database.truths.clear()
    site.clock.sleep(HOUR)
    turns = 0
    while site.poller.run_once() == 0.0:
        turns += 1

    assert 9 <= turns
    looked_at = [value for values in site.database.truths for value in values]
    assert sorted(looked_at) == ["s0", "s1", "s2", "s3"]


def test_what_changes_during_a_rush_does_not_wait_for_its_end() -> None:
    """A quick read is put in between, and the rush goes on."""
    site = Site(apogee=settings(hints=[{"cursor": "STAMP", "interval": "1s"}]))
    for number in range(6000):
        site.database.put(number, f"s{number}", "A", commit=False)
    site.database.commit()
    site.clock.sleep(HOUR)
    site.run(30)
    assert 6000 == len(site.members()["A"])
    for number in range(6000):
        site.database.put(number, f"s{number}", "B", commit=False)
    site.database.commit()
    site.run(30, step=5)
    site.database.put(9000, "new", "B")
    site.run(30, step=5)
    assert "new" in site.members()["B"]
    assert "A" in site.members(), "the rush is over too early to tell anything"
    site.run(200, step=5)

    assert site.database.truth_of() == site.members()
