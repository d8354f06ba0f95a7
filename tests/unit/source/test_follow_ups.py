"""Members of a cohort that is back are read, whatever happens in between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connector.runtime.errors import Unavailable
from connector.runtime.messages import OracleMessage, message
from connector.source.mapping import Row
from schemas.records import CohortState
from tests.unit.source.world import Site, settings


def vanished() -> Site:
    """A cohort of three that has vanished, so that its members were kept."""
    site = Site()
    for number in (1, 2, 3):
        site.database.put(number, f"s{number}", "A")
    site.clock.sleep(100)
    site.run(5)
    for number in (1, 2, 3):
        site.database.delete(number)
    site.signal("snapshot")
    site.run(200)
    assert (CohortState.VANISHED, {"A": {"s1", "s2", "s3"}}) == (site.cohort("A").state, site.members())
    return site


def back(site: Site) -> None:
    """One of its members has a row again, and that is published, but the others are not read yet."""
    site.database.put(4, "s2", "A")
    (feed,) = (worker.feed for worker in site.poller.workers.values())
    (hint,) = next(iter(site.poller.workers.values()))._hints
    while not feed.follow_ups.returned:
        hint.step()
        site.clock.sleep(1)
    assert CohortState.PRESENT is site.cohort("A").state


def test_a_cohort_that_is_back_is_followed_up_after_a_crash() -> None:
    """The process died before it had read the members; the next one does, and once is enough."""
    site = vanished()
    back(site)
    site.restart()
    site.run(200)
    assert {"A": {"s2"}} == site.members()

    site.restart()
    (worker,) = site.poller.workers.values()
    assert [] == list(worker.feed.follow_ups.returned)


def test_a_cohort_that_is_back_is_followed_up_after_a_failed_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source was away just when the members were read."""
    site = vanished()
    back(site)
    (feed,) = (worker.feed for worker in site.poller.workers.values())
    failed = []

    def truth(values: Sequence[str]) -> list[Row]:
        failed.append(list(values))
        raise Unavailable(message(OracleMessage.UNREACHABLE, source="apogee", reason="gone"))

    with monkeypatch.context() as patch:
        patch.setattr(feed.source, "truth", truth)
        site.run(10)
    assert ["s1", "s2", "s3"] in failed
    site.run(200)

    assert {"A": {"s2"}} == site.members()


def test_nobody_is_read_again_when_no_cohort_was_back() -> None:
    """New cohorts owe nothing to a restart."""
    site = Site()
    site.database.put(1, "s1", "A")
    site.run(5)
    site.restart()

    (worker,) = site.poller.workers.values()
    assert [] == list(worker.feed.follow_ups.returned)


def test_two_sources_do_not_rename_a_cohort_in_turns() -> None:
    """The one that named it goes on to; once it supports nobody any more, the other one does."""
    site = Site(one=settings(), two=settings())
    one, two = site.databases["one"], site.databases["two"]
    one.put(1, "s1", "X", title="Alpha")
    site.run(20)
    two.put(2, "s2", "X", title="Beta")
    for number in range(3, 6):
        two.put(number, f"s{number}", "X", title="Beta")
        site.run(1300, step=5)
    assert ("Alpha", "new_cohort") == (site.cohort("X").name, site.cohort("X").cause)
    one.put(1, "s1", "X", title="Gamma")
    site.run(1300, step=5)
    assert ("Gamma", "one") == (site.cohort("X").name, site.cohort("X").source)
    one.put(1, "s1", "X", title="Gamma", status="W")
    site.run(20)
    two.put(9, "s9", "X", title="Beta")
    site.run(1300, step=5)

    assert ("Beta", "two") == (site.cohort("X").name, site.cohort("X").source)
