"""What is withheld is shown as the connector will take it."""

from __future__ import annotations

from connector.commands.release import as_lines, as_plain, limit_told, mark_of, withheld
from tests.unit.commands.test_sources_status import at_work, compacted
from tests.unit.source.world import Site

ALERT = "connector/apogee/suspects"


def half_a_table() -> Site:
    """A view that has lost most of its rows for longer than the source settles."""
    site = at_work(30)
    for number in range(25):
        del site.database.rows[number]
    site.signal("snapshot", source="apogee")
    site.run(200)
    return site


def test_the_list_has_the_hash_that_releases_it() -> None:
    """Who, where, since when, why; the connector takes exactly these."""
    site = half_a_table()
    found = withheld(compacted(site, site.topics.checkpoints), "apogee")
    text = "\n".join(as_lines("apogee", found, limit_told(site.alerts()[ALERT].parameters)))

    assert site.alerts()[ALERT].parameters["hash"] == mark_of(found)
    assert [f"s{number:02}" for number in range(25)] == [case.student for case, _ in found]
    assert "A  s00  deleted, missing since 2026-09-01 08:0" in text
    assert "25 memberships of 1 cohorts are missing and withheld." in text
    assert "5 more than the 20" in text
    assert f"cohortstream release apogee --hash {mark_of(found)}" in text

    asked = site.signal("release", source="apogee", hash=mark_of(found))
    site.run(10)
    assert "finished" == site.notifications(asked)[-1].phase
    assert 5 == len(site.members()["A"])
    assert [] == withheld(compacted(site, site.topics.checkpoints), "apogee")


def test_a_list_within_the_limit_needs_no_release() -> None:
    """No hash is offered, since nothing waits for a person."""
    site = half_a_table()
    found = withheld(compacted(site, site.topics.checkpoints), "apogee")

    assert not [line for line in as_lines("apogee", found, None) if "--hash" in line]
    assert ["Nothing of apogee is withheld."] == as_lines("apogee", [], 20)
    assert (None, []) == (as_plain([], None)["hash"], as_plain([], None)["withheld"])


def test_machines_hear_the_same() -> None:
    """With both times of each."""
    site = half_a_table()
    found = withheld(compacted(site, site.topics.checkpoints), "apogee")
    plain = as_plain(found, 20)

    assert (mark_of(found), 20, 25) == (plain["hash"], plain["limit"], len(plain["withheld"]))
    assert {"cohort", "student", "cause", "first_missed_at", "missed_again_at"} == plain["withheld"][0].keys()
    assert plain["withheld"][0]["first_missed_at"] < plain["withheld"][0]["missed_again_at"]


def test_only_the_named_source_is_listed() -> None:
    """Another one's suspects are its own."""
    site = half_a_table()

    assert [] == withheld(compacted(site, site.topics.checkpoints), "banner")
