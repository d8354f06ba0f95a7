"""What waits in the stores comes into the backlog as there is room."""

from __future__ import annotations

from dataclasses import replace

from consumers.cohorts.backlog import Backlog
from consumers.cohorts.ledger import Ledger
from consumers.cohorts.reasons import Reason
from consumers.cohorts.refill import Refill
from consumers.cohorts.store import Store
from schemas.keys import partition_of
from schemas.records import EntryStatus, LedgerEntry, PartitionMarker
from tests.unit.cohorts.test_ledger import MemoryLog
from tests.unit.cohorts.values import NOW, entry, leaver, member

PARTITIONS, MOST = 3, 100


def filled(entries: list[LedgerEntry]) -> tuple[Ledger, Backlog, Refill]:
    """A ledger with these entries, found at a take-over."""
    backlog = Backlog()
    ledger = Ledger(MemoryLog(), PARTITIONS, lambda _: None)
    for partition in range(PARTITIONS):
        store = Store(None, "x")
        for one in entries:
            if partition_of(one.cohort, PARTITIONS) == partition:
                store.put(one)
        ledger.open(store, PartitionMarker(partition, "topic", 0, 0, 0, "f", NOW))
    return ledger, backlog, Refill(ledger, backlog, MOST)


def test_all_that_waits_passes_through_a_backlog_that_stays_small() -> None:
    """Once each, the partitions by turns, and never more than half of what the topic is held back for."""
    waiting = [entry(f"C{cohort}", f"s{student}") for cohort in range(20) for student in range(50)]
    others = [member("C1", "m"), leaver("C1", "l"), entry("C2", "p", status=EntryStatus.PARKED, reason="r")]
    _, backlog, refill = filled([*waiting, *others])
    for partition in range(PARTITIONS):
        refill.begin(partition)
    worked_off: list[tuple[str, str]] = []
    while refill.waiting or len(backlog):
        refill.turn()
        assert len(backlog) <= MOST // 2
        for cohort in backlog.cohorts():
            for student in backlog.students(cohort)[:7]:
                worked_off.append((cohort, student))
                backlog.note(member(cohort, student))

    assert sorted((one.cohort, one.student) for one in waiting) == sorted(worked_off)


def test_an_addition_whose_outcome_is_open_may_be_repeated_at_once() -> None:
    """It stands in quarantine, not among those that wait."""
    doubtful = replace(entry("A", "s"), status=EntryStatus.QUARANTINED, reason=Reason.ADD_UNKNOWN)
    ledger, backlog, refill = filled([doubtful])
    refill.begin(ledger.partition_of("A"))

    assert backlog.students("A") == ["s"]


def test_a_partition_that_goes_is_forgotten() -> None:
    """Its store is closed by then."""
    ledger, backlog, refill = filled([entry("A", "s")])
    partition = ledger.partition_of("A")
    refill.begin(partition)
    refill.forget({partition})
    ledger.drop([partition])
    refill.turn()

    assert (refill.waiting, len(backlog)) == (False, 0)
