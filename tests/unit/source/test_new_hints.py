"""Hints that stand nowhere yet: new ones, others under a new name or the old one, and all in a database that was accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.runtime.errors import Halted, Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.feed import Feed
from connector.source.identity import standing
from tests.unit.source.world import START, FakeSource, Site, populated, settings


def stamped(*names: str) -> Any:
    """Settings with hints of these names."""
    return settings(hints=[{"name": name, "cursor": "STAMP", "overlap": "30s", "interval": "1s"} for name in names])


def restarted(site: Site, *names: str) -> Site:
    """An hour later, with these hints."""
    site.clock.sleep(3600)
    site.sources = {"apogee": stamped(*names)}
    site.restart()
    return site


def passes(site: Site, *names: str) -> int:
    """Snapshots for the sake of these hints that came to their end."""
    said = site.notifications(f"new hints {', '.join(names)}")
    return [note.phase for note in said].count("finished")


@pytest.mark.parametrize(
    ("names", "new"),
    [(("other",), ("other",)), (("other", "first"), ("other",)), (("third", "first", "fourth"), ("third", "fourth"))],
)
def test_what_was_committed_before_a_hint_was_followed_is_found(names: tuple[str, ...], new: tuple[str, ...]) -> None:
    """By one snapshot, which no later start repeats."""
    site = populated(Site(apogee=stamped("first")), 30)
    site.database.put(50, "x", "A")
    restarted(site, *names).run(60)
    assert "x" in site.members()["A"]
    restarted(site, *names).run(60)

    assert 1 == passes(site, *new)


def test_hints_that_are_known_ask_for_no_snapshot() -> None:
    """Nor does one that is left out."""
    site = populated(Site(apogee=stamped("first", "second")), 30)
    before = len(site.log.records)
    restarted(site, "second").run(60)

    assert not any(record.topic == site.topics.notifications for record in site.log.records[before:])


def test_a_transaction_that_is_open_when_a_hint_is_new_is_its_to_find() -> None:
    """However much later it commits."""
    site = populated(Site(apogee=stamped("first")), 30)
    site.database.transactions_visible = True
    site.database.put(50, "x", "A", commit=False)
    restarted(site, "other").run(60)
    site.clock.sleep(7200)
    site.run(10)
    site.database.commit()
    site.run(30)

    assert ("A", "present", "enrolled") in site.causes("x")


def test_a_hint_that_cannot_be_followed_does_not_keep_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs a person; what the others' lack of a place may hide does not wait for that."""
    fault = Halted(message(OracleMessage.CURSOR_TYPE, source="s", hint="h", column="c", type="RAW", fitting="DATE"))
    known = FakeSource.cursor_column

    def broken(source: FakeSource, hint: str) -> Any:
        if hint == "broken":
            raise fault
        return known(source, hint)

    site = populated(Site(apogee=stamped("first")), 30)
    site.database.put(50, "x", "A")
    monkeypatch.setattr(FakeSource, "cursor_column", broken)
    # The stamps of the broken one cannot be told either, so it watches another table.
    hints = [{"name": "broken", "cursor": "C", "table": "T"}, {"name": "other", "cursor": "STAMP", "interval": "1s"}]
    site.clock.sleep(3600)
    site.sources = {"apogee": settings(hints=hints)}
    site.restart()
    site.run(90)

    assert "x" in site.members()["A"]
    assert 1 == passes(site, "broken", "other")


@pytest.mark.parametrize("accepts", [True, False])
def test_a_hint_whose_first_read_fails_for_long_misses_nothing(
    monkeypatch: pytest.MonkeyPatch, *, accepts: bool
) -> None:
    """It had its place before the snapshot that covers what came before."""
    site = populated(Site(apogee=stamped("first")), 30)
    works, failing = FakeSource.changed, Unavailable(message(OracleMessage.TIMED_OUT, source="apogee", query="hint"))

    def fails(*_: Any) -> Any:
        raise failing

    monkeypatch.setattr(FakeSource, "changed", fails)
    if accepts:
        site.database.name = "OTHER"
        site.run(70)
        (alert,) = site.alerts().values()
        site.signal("accept", source="apogee", hash=alert.parameters["hash"])
        site.run(60)
    else:
        restarted(site, "other").run(120)
    assert site.poller.workers["apogee"].feed.checkpoint.snapshot is None
    site.database.put(50, "x", "A")
    site.run(3600, step=5)
    assert "x" not in site.members()["A"]
    monkeypatch.setattr(FakeSource, "changed", works)
    site.run(60)

    assert ("A", "present", "enrolled") in site.causes("x")


WATCHED = "select * from ENROLMENTS"
FIRST: dict[str, Any] = {"name": "first", "cursor": "STAMP", "query": WATCHED, "overlap": "30s", "interval": "1s"}


def after_a_change_of_the_hint(change: Mapping[str, Any]) -> Site:
    """A site whose only hint is followed by other settings under its name, a minute after its start. Meanwhile a row was
    put in that bears an old stamp, as rows do in a column that nobody followed.
    """
    site = populated(Site(apogee=settings(hints=[FIRST])), 30)
    site.database.put(50, "x", "A", stamp=START - timedelta(hours=2))
    site.clock.sleep(3600)
    there = {key: value for key, value in change.items() if key in ("timezone", "fetch_rows")}
    hint = {key: value for key, value in {**FIRST, **change}.items() if value is not None and key not in there}
    site.sources = {"apogee": settings(hints=[hint], **there)}
    site.restart()
    site.run(60)
    return site


@pytest.mark.parametrize(
    "change",
    [
        {"cursor": "CHANGED_AT"},
        {"query": "select * from ENROLMENTS_OF_ALL_TERMS"},
        {"query": None, "table": "ENROLMENTS"},
        {"query": None},
        {"student": "NUMBER_OF_STUDENT"},
        {"by_cohort": True},
        {"kind": "due"},
        {"kind": "journal", "operation": "OP"},
        {"timezone": "Europe/Paris"},
    ],
    ids=str,
)
def test_a_hint_that_watches_something_else_begins_anew(change: Mapping[str, Any]) -> None:
    """Where the old one stood says nothing of what the new one has never read: a snapshot finds that, once."""
    site = after_a_change_of_the_hint(change)
    assert "x" in site.members()["A"]
    site.restart()
    site.run(60)

    assert 1 == passes(site, "first")


@pytest.mark.parametrize(
    "change",
    [
        {"overlap": "5min", "interval": "2s"},
        {"slack": "1min", "stamped_by": "database"},
        {"query": "select *\n  from ENROLMENTS"},
        {"by_cohort": False, "kind": "timestamp"},
        {"fetch_rows": 100},
    ],
    ids=str,
)
def test_a_hint_that_watches_the_same_goes_on(change: Mapping[str, Any]) -> None:
    """How it is followed, how its query is written, and what is left at its default begin nothing anew."""
    site = after_a_change_of_the_hint(change)

    assert "x" not in site.members()["A"]
    assert 0 == passes(site, "first")


def test_the_offset_of_dates_is_part_of_a_hint() -> None:
    """With a shorter one, dates that lie behind the place are due at once, and no read would bring them."""
    due = {"name": "ends", "kind": "due", "cursor": "STAMP", "offset": "1d"}
    site = populated(Site(apogee=settings(hints=[due])), 30)
    checkpoint = site.poller.workers["apogee"].feed.checkpoint

    assert checkpoint == standing(checkpoint, settings(hints=[due]))
    assert () == standing(checkpoint, settings(hints=[due | {"offset": "0s"}])).hints


def test_a_place_of_an_earlier_release_is_taken_for_unchanged() -> None:
    """Its checkpoint does not tell what the hint was."""
    site = populated(Site(apogee=settings(hints=[FIRST])), 30)
    checkpoint = site.poller.workers["apogee"].feed.checkpoint
    untold = replace(checkpoint, hints=tuple(replace(at, fingerprint=None) for at in checkpoint.hints))
    changed = settings(hints=[FIRST | {"cursor": "CHANGED_AT"}])

    assert untold == standing(untold, changed)
    assert () == standing(checkpoint, changed).hints


def test_a_hint_that_was_left_out_keeps_its_place() -> None:
    """It goes on from there once it is named again."""
    site = populated(Site(apogee=settings(hints=[FIRST])), 30)
    checkpoint = site.poller.workers["apogee"].feed.checkpoint

    assert checkpoint == standing(checkpoint, settings(hints=[]))


def test_a_new_hint_that_polls_before_its_snapshot_could_be_wanted_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database may go away between the look at what it is and the beginning of the snapshot; polling is back first,
    and has its place then, but nobody has read what lies before.
    """
    site = populated(Site(apogee=stamped("first")), 30)
    site.database.put(50, "x", "A", stamp=START - timedelta(hours=2))
    works, failing = Feed.now, Unavailable(message(OracleMessage.TIMED_OUT, source="apogee", query="clock"))
    times = iter([failing])

    def fails_once(feed: Feed) -> Any:
        if fault := next(times, None):
            raise fault
        return works(feed)

    restarted(site, "other")
    monkeypatch.setattr(Feed, "now", fails_once)
    site.run(120)

    assert "x" in site.members()["A"]
    assert 1 == passes(site, "other")
