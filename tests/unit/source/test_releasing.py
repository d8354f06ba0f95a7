"""Cohorts that vanished long ago are released: at the end of a snapshot, whole, and never one that is not vanished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from connector.source.publisher import Transaction
from connector.source.settings import SourceSettings
from schemas.keys import decode_key, encode_key, partition_of
from schemas.records import CohortChanged, CohortState, MembershipChanged, Presence
from tests.unit.source.world import CODEC, MemoryLog, Site, Written, populated, settings

DAY = 86_400.0
A = {"s1", "s2", "s3", "s4"}
RELEASING = {"vanished_after": "100d", "snapshot_at": []}


def vanished(**more: object) -> Site:
    """A site of which the cohort A has vanished."""
    site = populated(Site(apogee=settings(**(RELEASING | more))), 10)
    for number in range(1, 5):
        site.database.delete(number)
    snapshot(site)
    assert (site.cohort("A").state, site.members()["A"]) == (CohortState.VANISHED, A)
    return site


def snapshot(site: Site, **more: object) -> dict[str, int]:
    """Take one to its end, and some time for second looks; its counts."""
    asked = site.signal("snapshot", **more)
    site.run(120)
    (last,) = [said for said in site.notifications(asked) if said.phase == "finished"]
    return dict(last.counts)


def topic(site: Site) -> dict[tuple[object, ...], MembershipChanged | CohortChanged]:
    """What compaction leaves of the memberships topic."""
    found = {}
    for written in site.log.records:
        if written.topic == site.topics.memberships:
            found[decode_key(written.key)] = None if written.value is None else CODEC.decode(written.value)
    return {key: record for key, record in found.items() if isinstance(record, MembershipChanged | CohortChanged)}


def tombstones(site: Site) -> list[tuple[object, ...]]:
    mine = [w for w in site.log.records if w.topic == site.topics.memberships and w.value is None]
    assert {partition_of("A", 4)} >= {written.partition for written in mine}
    return [decode_key(written.key) for written in mine]


def cohorts_of(site: Site) -> set[object]:
    return {key[0] for key in topic(site)}


def test_a_cohort_is_released_when_its_time_has_come() -> None:
    """Its records are taken back, the cohort's first, in one transaction; the others stay. The snapshot counts it."""
    site = vanished()
    site.clock.sleep(99 * DAY)
    assert "released" not in snapshot(site)
    assert not tombstones(site)
    site.clock.sleep(2 * DAY)
    began = len(site.log.sizes)
    counts = snapshot(site)

    assert counts["released"] == 1
    assert tombstones(site) == [("A", None), *(("A", student) for student in sorted(A))]
    assert cohorts_of(site) == {"B"}
    assert 6 in site.log.sizes[began:], "five tombstones and the publisher's state are one transaction"
    assert (site.state.counts()["vanished"], site.state.supported("apogee"), site.state.memberships) == (0, 4, 4)


@pytest.mark.parametrize("moved", [False, True])
def test_the_age_counts_from_when_the_last_of_its_rows_was_gone(moved: bool) -> None:  # noqa: FBT001 - a column
    """Not from when somebody was missed whose removal has been waiting for a person since. It may be ``absence_settle``, a
    minute here, too early.
    """
    site = populated(Site(apogee=settings(**RELEASING)), 10)
    for number in range(100, 160):
        site.database.put(number, f"m{number}", "M")
    site.run(60)
    for number in range(100, 140):
        site.database.delete(number)
    snapshot(site)
    site.clock.sleep(200 * DAY)
    site.run(5)
    for number in range(140, 160):
        if moved:
            site.database.put(number, f"m{number}", "N")
        else:
            site.database.delete(number)
    gone = site.clock.now()
    snapshot(site)
    counts = snapshot(site)

    assert (site.cohort("M").state, len(site.members()["M"])) == (CohortState.VANISHED, 40 if moved else 60)
    assert gone - timedelta(seconds=60) <= site.cohort("M").last_seen <= gone + timedelta(seconds=10)
    assert "released" not in counts


def test_nothing_is_released_unless_the_settings_say_so() -> None:
    """However long it has been gone."""
    site = vanished(vanished_after=None)
    site.clock.sleep(2000 * DAY)
    snapshot(site)

    assert not tombstones(site)


def test_a_state_from_the_topic_has_forgotten_it_too() -> None:
    """Another process that takes over says nothing about it, and gives no number twice."""
    site = vanished()
    site.clock.sleep(101 * DAY)
    snapshot(site)
    highest = site.state.highest_revision
    site.restart()
    written = len(site.published())
    snapshot(site)
    site.run(300)

    assert site.state.highest_revision >= highest
    assert len(site.published()) == written
    assert site.state.known(["s1"], ["A"]).cohorts == {}
    assert (site.state.supported("apogee"), site.state.memberships) == (4, 4)


@pytest.mark.parametrize("restart", [False, True])
def test_one_that_comes_back_after_its_release_is_a_new_one(restart: bool) -> None:  # noqa: FBT001 - a column
    """With its members of now, and with higher revisions than anything before."""
    site = vanished()
    site.clock.sleep(101 * DAY)
    snapshot(site)
    before = site.state.highest_revision
    if restart:
        site.restart()
    site.database.put(50, "s2", "A")
    site.database.put(51, "s9", "A")
    site.run(60)
    record = topic(site)["A", None]

    assert isinstance(record, CohortChanged)
    assert (record.state, record.cause) == (CohortState.PRESENT, "new_cohort")
    assert {key[1] for key in topic(site) if key[0] == "A"} == {None, "s2", "s9"}
    assert all(r.revision > before for key, r in topic(site).items() if key[0] == "A")
    site.database.delete(50)
    snapshot(site)
    site.run(120)
    left = topic(site)["A", "s2"]
    assert isinstance(left, MembershipChanged)
    assert left.state is Presence.ABSENT


def test_one_that_comes_back_before_its_release_is_kept() -> None:
    """Even if only the snapshot that would have released it finds so."""
    site = vanished()
    site.clock.sleep(101 * DAY)
    site.database.put(50, "s2", "A", stamp=site.clock.now() - timedelta(days=30))
    counts = snapshot(site)
    site.run(120)

    assert "released" not in counts
    assert not tombstones(site)
    assert (site.cohort("A").state, site.members()["A"]) == (CohortState.PRESENT, {"s2"})


def test_an_empty_view_releases_nothing() -> None:
    """It says more of the view than of the cohorts."""
    site = vanished()
    site.clock.sleep(101 * DAY)
    site.database.hidden = True
    snapshot(site)
    assert not tombstones(site)

    site.database.hidden = False
    snapshot(site)
    assert ("A", None) in tombstones(site)
    assert cohorts_of(site) == {"B"}


def test_a_cohort_that_the_cohort_query_names_is_kept() -> None:
    """It has lost its members, and has not vanished."""
    site = vanished()
    site.clock.sleep(101 * DAY)
    site.database.listed = ["A"]
    snapshot(site)

    assert not tombstones(site)


def test_a_cohort_that_another_source_supports_is_kept() -> None:
    """A source forgets only what it alone has said."""
    site = Site(apogee=settings(**RELEASING), banner=settings(**RELEASING))
    for number, database in enumerate(site.databases.values()):
        database.put(number, f"s{number}", "A")
        database.put(10 + number, f"s{number}", "B")
    site.clock.sleep(3600)
    site.run(10)
    site.databases["apogee"].delete(0)
    snapshot(site, source="apogee")
    site.clock.sleep(101 * DAY)
    snapshot(site, source="apogee")

    assert not tombstones(site)
    assert site.members()["A"] == {"s0", "s1"}


def test_a_vanished_cohort_with_a_member_of_another_source_is_kept() -> None:
    """Whatever led to it: what another source has said is not ours to forget."""
    site = vanished()
    record = replace(site.changes()[0], cohort="A", student="s9", sources=("banner",), source="banner", revision=900)
    key = encode_key("A", "s9")
    value = CODEC.encode(site.topics.memberships, record)
    site.log.records.append(Written(site.topics.memberships, partition_of("A", 4), key, value, None))
    site.restart()
    site.clock.sleep(101 * DAY)
    snapshot(site)

    assert site.cohort("A").state is CohortState.VANISHED
    assert not tombstones(site)


def test_a_release_that_fails_is_none() -> None:
    """Nothing is forgotten of a transaction that was rolled back; the snapshot comes again and releases."""
    site = vanished()
    site.clock.sleep(101 * DAY)
    log = _FailingAtTombstones(site.log)
    site.publisher._log = log
    site.signal("snapshot")
    with pytest.raises(_Lost):
        site.run(120)
    assert not tombstones(site)
    assert site.state.counts()["vanished"] == 1

    site.restart()
    site.run(120)
    assert cohorts_of(site) == {"B"}
    assert len(tombstones(site)) == 5


def test_a_tombstone_of_what_is_there_is_passed_over() -> None:
    """Whoever wrote it: the state goes on knowing the membership, or nobody would miss it when it ends."""
    site = populated(Site(), 10)
    for student in (None, "s5"):
        key = encode_key("B", student)
        site.log.records.append(Written(site.topics.memberships, partition_of("B", 4), key, None, None))
    site.restart()

    assert site.state.members("apogee", "B") == ["s5", "s6", "s7", "s8"]
    assert site.state.cohort_records(["B"])["B"].state is CohortState.PRESENT


def test_a_member_is_forgotten_where_only_its_tombstone_is_left() -> None:
    """The cohort's own is compacted away when it comes back."""
    site = vanished()
    key = encode_key("A", "s1")
    site.log.records.append(Written(site.topics.memberships, partition_of("A", 4), key, None, None))
    site.restart()

    assert site.state.members("apogee", "A") == ["s2", "s3", "s4"]
    assert (site.state.supported("apogee"), site.state.memberships) == (7, 7)


@pytest.mark.parametrize(("age", "valid"), [("1d", True), ("400d", True), ("23h", False), ("0s", False)])
def test_the_age_is_a_day_at_least(age: str, valid: bool) -> None:  # noqa: FBT001 - a column of the table
    """A shorter one would forget what a reload brings back."""
    if valid:
        assert isinstance(settings(vanished_after=age), SourceSettings)
    else:
        with pytest.raises(ValidationError):
            settings(vanished_after=age)


class _Lost(Exception):
    """The log is gone."""


class _FailingAtTombstones:
    """A log that fails at the end of a transaction that forgets something."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._log.transaction() as open_:
            yield open_
            if any(written.value is None and written.topic == "enrollment.memberships" for written in open_.records):
                raise _Lost
