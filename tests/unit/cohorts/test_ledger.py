"""The ledger: what is kept, when, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.cohorts import store as stores
from consumers.cohorts.ledger import Ledger, Outgoing, remember_marker, remembered_marker
from consumers.cohorts.reasons import Reason
from consumers.cohorts.store import Store
from schemas.codec import schema_fingerprint
from schemas.mapping import to_plain
from schemas.records import CohortEntry, EntryStatus, JournalEntry, LedgerEntry, PartitionMarker, SiteIdentity
from tests.unit.cohorts.values import MINUTE, NOW, cohort, entry, leaver, member

MARKER = PartitionMarker(0, "topic", 5, 9, 2, "f", NOW, SiteIdentity("https://m", 7, "u"), clean=True)


@dataclass
class MemoryLog:
    """Remembers what was committed; refuses while ``refusing``."""

    commits: list[tuple[list[Outgoing], dict[int, int]]] = field(default_factory=list)
    refusing: bool = False

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        if not self.refusing:
            self.commits.append((list(records), dict(positions)))
        return not self.refusing


def opened(log: MemoryLog) -> tuple[Ledger, list[LedgerEntry | CohortEntry]]:
    watched: list[LedgerEntry | CohortEntry] = []
    ledger = Ledger(log, 1, watched.append)
    ledger.open(Store(None, "x"), MARKER)
    return ledger, watched


def test_a_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    """Entries, cohorts and the marker come back whole, also after a restart."""
    store = Store(tmp_path / "p.sqlite", "x")
    full = leaver(siblings=("B", "C"), changed_at=NOW - MINUTE, cause="row_moved", reason="r")
    place = cohort(category="SCI", colliding_with="a", reason="r", status=EntryStatus.PARKED)
    store.put(full)
    store.put_cohort(place)
    remember_marker(store, MARKER)
    store.keep()
    store.close()
    again = Store(tmp_path / "p.sqlite", "x")

    assert (full, place, MARKER) == (again.entry("A", "s1"), again.cohort("A"), remembered_marker(again))
    again.close()


def test_what_was_not_kept_is_forgotten(tmp_path: Path) -> None:
    """A crash before the topic has it leaves the file as it was."""
    store = Store(tmp_path / "p.sqlite", "x")
    store.put(entry())
    store.keep()
    store.put(member())
    store.close()
    again = Store(tmp_path / "p.sqlite", "x")

    assert entry() == again.entry("A", "s1")
    again.close()


def test_a_file_of_other_topics_or_no_database_is_thrown_away(tmp_path: Path) -> None:
    """The file is a cache; the topic has the truth."""
    path = tmp_path / "p.sqlite"
    store = Store(path, "x")
    store.put(entry())
    store.keep()
    store.close()
    other = Store(path, "y")
    assert other.entry("A", "s1") is None
    other.close()
    path.write_bytes(b"not a database at all" * 100)
    fresh = Store(path, "y")

    assert fresh.fact("marker") is None
    fresh.close()


@pytest.mark.parametrize("release", sorted(Path("schemas/avro/earlier").iterdir()), ids=lambda folder: folder.name)
def test_a_file_whose_marker_has_the_fields_of_another_release_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: Path
) -> None:
    """What it lacks cannot be made up, and the topic has all of it."""
    earlier = json.loads((release / "PartitionMarker.avsc").read_text(encoding="utf-8"))
    names = {one["name"] for one in earlier["fields"]}
    kept = {name: value for name, value in to_plain(MARKER).items() if name in names} | {"at": NOW.isoformat()}
    with monkeypatch.context() as patch:
        patch.setattr(stores, "MARKER", schema_fingerprint(earlier).hex())
        store = Store(tmp_path / "p.sqlite", "x")
        store.set_fact("marker", json.dumps(kept))
        store.keep()
        store.close()
    again = Store(tmp_path / "p.sqlite", "x")

    assert remembered_marker(again) is None
    again.close()


def test_a_file_in_use_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """A process that has not noticed that it lost the partition does not stop the next owner."""
    first = Store(tmp_path / "p.sqlite", "x")
    first.put(entry())
    second = Store(tmp_path / "p.sqlite", "x")
    second.put(member())
    second.keep()

    assert (entry(), member()) == (first.entry("A", "s1"), second.entry("A", "s1"))
    second.close()
    first.close()


def test_the_store_finds_what_has_to_be_worked_on() -> None:
    """Due removals in order, quarantines by age, parked students, counts."""
    store = Store(None, "x")
    for one in (
        leaver("A", "s1", due_at=NOW + MINUTE),
        leaver("A", "s2", due_at=NOW),
        leaver("A", "s3", due_at=NOW + 2 * MINUTE),
        entry("A", "s4", status=EntryStatus.QUARANTINED),
        entry("B", "s5", status=EntryStatus.PARKED, reason=Reason.NO_ACCOUNT),
        entry("C", "s5", status=EntryStatus.PARKED, reason=Reason.NO_ACCOUNT),
        entry("C", "s6", status=EntryStatus.PARKED, reason=Reason.AMBIGUOUS),
        member("C", "s7", 7),
    ):
        store.put(one)

    assert ["s2", "s1"] == [one.student for one in store.due(NOW + MINUTE, 9)]
    assert ["s2"] == [one.student for one in store.due(NOW + MINUTE, 1)]
    assert ["s4"] == [one.student for one in store.quarantined_before(NOW)]
    assert not list(store.quarantined_before(NOW - timedelta(seconds=1)))
    assert (["s5"], ["s6"]) == (store.parked(Reason.NO_ACCOUNT, "", 9), store.parked(Reason.AMBIGUOUS, "", 9))
    assert [] == store.parked(Reason.NO_ACCOUNT, "s5", 9)
    assert ["B", "C"] == [one.cohort for one in store.parked_students(["s5", "s7"])]
    assert {("due", ""): 3, ("quarantined", ""): 1} | {
        ("parked", Reason.NO_ACCOUNT): 2,
        ("parked", Reason.AMBIGUOUS): 1,
    } == store.counts()
    assert (["s7"], 7) == ([one.student for one in store.named("C", 7)], store.site_users()[-1])
    store.close()


def test_a_commit_carries_everything_once() -> None:
    """The last state of each entry, the journal, the marker and the position, in one go; then nothing is left."""
    log = MemoryLog()
    ledger, watched = opened(log)
    ledger.put(entry())
    ledger.put(member())
    ledger.note(JournalEntry(at=NOW, kind="outcome", run="r", cohort="A"))
    ledger.advance(0, next_offset=8)
    ledger.records(0).read_to(8)

    assert ledger.commit(NOW + MINUTE)
    ((records, positions),) = log.commits
    assert [member(), "JournalEntry", replace(MARKER, next_offset=8, at=NOW + MINUTE, clean=False)] == [
        type(one.record).__name__ if isinstance(one.record, JournalEntry) else one.record for one in records
    ]
    assert ({0: 8}, False, 2) == (positions, ledger.dirty, len(watched))


def test_a_commit_that_failed_is_made_again_whole() -> None:
    """Nothing is lost, and the marker stays where it is."""
    log = MemoryLog(refusing=True)
    ledger, _ = opened(log)
    ledger.put(entry())
    assert not ledger.commit(NOW)
    log.refusing = False

    assert ledger.commit(NOW)
    assert entry() in [one.record for one in log.commits[0][0]]


def test_a_commit_without_changes_still_proves_the_generation() -> None:
    """A lease needs a commit even when there is nothing to say; without partitions it proves nothing."""
    log = MemoryLog()
    ledger, _ = opened(log)
    assert ledger.commit(NOW)
    ledger.drop([0])

    assert [{0: 5}] == [positions for _, positions in log.commits]
    assert not ledger.commit(NOW)


def test_a_clean_release_says_so() -> None:
    """The next owner need not wait for calls that may still arrive."""
    log = MemoryLog()
    ledger, _ = opened(log)
    ledger.commit(NOW, clean=frozenset({0}))

    assert [True] == [one.record.clean for one in log.commits[0][0] if isinstance(one.record, PartitionMarker)]
