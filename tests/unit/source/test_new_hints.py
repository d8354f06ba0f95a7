"""Hints that stand nowhere yet: new ones, others under a new name, and all in a database that was accepted."""

from __future__ import annotations

from typing import Any

import pytest

from connector.runtime.errors import Halted, Unavailable
from connector.runtime.messages import OracleMessage, message
from tests.unit.source.world import FakeSource, Site, populated, settings


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
