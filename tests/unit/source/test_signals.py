"""Signals are answered once, whatever is read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connector.runtime.kafka.signals import Followed
from connector.runtime.telemetry import Count
from connector.source.signals_topic import SignalsTopic
from schemas.records import Notification
from tests.unit.source.world import Site, settings

IDENTITY = "connector/apogee/identity"


def two_sources() -> Site:
    """A cohort that each of two sources has a member of."""
    site = Site(one=settings(), two=settings())
    site.databases["two"].put(1, "s1", "A")
    site.databases["one"].put(2, "s2", "A")
    site.clock.sleep(100)
    site.run(5)
    return site


def test_a_refused_retirement_is_not_carried_out_later() -> None:
    """The source left the settings after it was refused, and nobody has asked again."""
    site = two_sources()
    asked = site.signal("retire", source="two")
    site.run(3)
    del site.sources["two"]
    site.restart()
    site.run(5)
    site.restart()
    site.run(5)

    assert ["refused"] == [said.phase for said in site.notifications(asked)]
    assert {"A": {"s1", "s2"}} == site.members()


def test_a_retirement_is_carried_out_once() -> None:
    """A source that is named again after it keeps what it then publishes."""
    site = two_sources()
    del site.sources["two"]
    site.restart()
    asked = site.signal("retire", source="two")
    site.run(3)
    site.sources["two"] = settings()
    site.restart()
    site.run(5)
    del site.sources["two"]
    site.restart()
    site.run(5)

    assert ["finished"] == [said.phase for said in site.notifications(asked)]
    assert {"A": {"s1", "s2"}} == site.members()


def test_a_signal_for_an_unknown_source_is_refused_once() -> None:
    """Reading it again says nothing more."""
    site = two_sources()
    asked = site.signal("look", source="three", students=("s1",))
    site.run(3)
    site.restart()
    site.run(3)

    assert ["refused"] == [said.phase for said in site.notifications(asked)]


def test_what_a_person_asked_long_ago_is_refused() -> None:
    """A connector that was down for days does not let memberships end on what was known then; it still looks."""
    site = two_sources()
    del site.sources["two"]
    site.restart()
    asked = [site.signal(kind, source=source) for kind, source in (("retire", "two"), ("release", "one"))]
    look = site.signal("look", source="one", students=("s2",))
    site.clock.sleep(timedelta(hours=25).total_seconds())
    site.run(5)

    assert [["refused"], ["refused"], ["finished"]] == [
        [s.phase for s in site.notifications(i)] for i in [*asked, look]
    ]
    assert all("CS2027" in (site.notifications(signal_id)[0].reason or "") for signal_id in asked)
    assert {"A": {"s1", "s2"}} == site.members()


def test_signals_of_a_topic_that_was_made_anew_are_answered() -> None:
    """Its offsets begin again; those of the other topic say nothing of them."""
    site = two_sources()
    for _ in range(5):
        site.signal("look", source="one", students=("s2",))
    site.signal("retire", source="one")
    site.run(8)
    site.make_signals_anew()
    del site.sources["two"]
    site.restart()
    asked = [site.signal("look", source="one", students=("s2",)), site.signal("retire", source="two")]
    site.run(5)
    site.restart()
    site.run(5)

    assert [["finished"], ["finished"]] == [[s.phase for s in site.notifications(i)] for i in asked]
    assert {"A": {"s2"}} == site.members()


def test_an_offset_without_a_topic_counts_if_it_can_be_of_this_one() -> None:
    """Earlier releases noted offsets alone."""
    topic = SignalsTopic("a", 10)

    assert [10, 0, 10, 12, 0] == [
        topic.answered(10, None),
        topic.answered(11, None),
        topic.answered(10, "a"),
        topic.answered(12, "a"),
        topic.answered(3, "b"),
    ]
    assert 0 == topic.answered(None, None)


def enrolled(rows: int) -> Site:
    """A source whose snapshot takes some steps."""
    site = Site(apogee=settings())
    for number in range(rows):
        site.database.put(number, f"s{number:04}", "A")
    site.clock.sleep(3600)
    site.run(60)
    return site


def test_who_waits_for_a_snapshot_is_told_that_another_one_takes_its_place() -> None:
    """Or they would wait for ever."""
    site = enrolled(100)
    first = site.signal("snapshot", source="apogee")
    site.run(3)
    second = site.signal("snapshot", source="apogee")
    site.run(60)

    assert ["started", "refused"] == [said.phase for said in site.notifications(first)]
    assert second in (site.notifications(first)[-1].reason or "")
    assert ["started", "finished"] == [s.phase for s in site.notifications(second) if s.phase != "progress"]


def test_who_was_displaced_hears_of_the_one_that_took_its_place() -> None:
    """Reconciliations of two sinks ask at the same time, and both come to their end by the later snapshot; by none of the
    two is another one begun.
    """
    site = enrolled(100)
    asked = [site.signal("snapshot", source="apogee")]
    for _ in range(2):
        site.run(2)
        asked.append(site.signal("snapshot", source="apogee"))
    site.run(60)
    said = [n for n in site._of(site.topics.notifications) if isinstance(n, Notification)]
    heard = [[followed.as_ours(one) for one in said] for followed in (Followed({signal}) for signal in asked)]
    phases = [[n.phase for n in all_ if n.signal_id == ours] for ours, all_ in zip(asked, heard, strict=True)]

    assert [told[-1] for told in phases] == ["finished"] * 3
    assert ["refused" in told for told in phases] == [False] * 3
    assert [told.count("restarting") for told in phases] == [2, 1, 0]


def test_who_is_displaced_is_told_before_the_other_begins() -> None:
    """A connector that ends between the two begins with the other one, and would not know of the first any more."""
    site = enrolled(100)
    first = site.signal("snapshot", source="apogee")
    site.run(2)
    second = site.signal("snapshot", source="apogee")
    site.run(2)
    said = [n for n in site._of(site.topics.notifications) if isinstance(n, Notification)]

    assert said.index(site.notifications(first)[-1]) < said.index(site.notifications(second)[0])


def test_what_others_hear_is_not_told_as_ours() -> None:
    """A refusal for another reason stays one, and one of our own is heard under its own name."""
    when = datetime(2026, 11, 23, tzinfo=UTC)
    followed = Followed({"ours", "also ours"})
    strange = Notification("theirs", "apogee", "refused", 1, when, instead="another")
    refused = Notification("ours", "apogee", "refused", 1, when, reason="settings changed")
    own = Notification("ours", "apogee", "refused", 1, when, instead="also ours")
    gone = Notification("ours", "apogee", "refused", 1, when, instead="theirs")

    assert [followed.as_ours(one) for one in (strange, refused, own)] == [strange, refused, own]
    assert followed.as_ours(gone).phase == "restarting"
    assert followed.as_ours(replace(refused, signal_id="theirs", source="banner")).signal_id == "theirs"
    assert followed.as_ours(replace(refused, signal_id="theirs")) == refused


def test_a_snapshot_that_is_asked_for_after_an_acceptance_blames_nobody() -> None:
    """What the acceptance changes was not missed, whoever's snapshot finds it."""
    site = enrolled(100)
    asked = site.signal("snapshot", source="apogee")
    site.run(3)
    site.database.name = "CLONE"
    site.run(70, step=5)
    for number in range(0, 100, 2):
        site.database.rows[number] = replace(site.database.rows[number], grp="B")
    accepted = site.signal("accept", source="apogee", hash=site.alerts()[IDENTITY].parameters["hash"])
    site.run(3)
    again = site.signal("snapshot", source="apogee")
    site.run(60)

    assert "B" in site.members()
    assert {("B", "present", "snapshot")} == {found for found in site.causes("s0000") if found[:2] == ("B", "present")}
    assert ["refused", "refused", "finished"] == [site.notifications(s)[-1].phase for s in (asked, accepted, again)]
    assert 0 == site.metrics.total(Count.SNAPSHOT_DIFFERENCES)
