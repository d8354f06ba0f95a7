"""Transactions: what belongs together, in which size and order, under which keys."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.runtime.kafka.topics import Topics
from connector.runtime.telemetry import Count, MemoryMetrics, MemoryTracer, Pseudonym
from connector.source.difference import Change
from connector.source.publisher import MOST_RECORDS, Batch, Publisher
from connector.source.state import State
from connector.source.store import open_store
from schemas.keys import decode_key, partition_of
from schemas.records import (
    Checkpoint,
    CohortChanged,
    CohortState,
    MembershipChanged,
    Presence,
    PublisherState,
    StudentValues,
    Suspect,
    Suspects,
)
from tests.unit.source.world import CODEC, HandClock, MemoryLog

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
COHORT = CohortChanged("A", "A", CohortState.PRESENT, NOW, NOW, 0, "new_cohort", "one", "f")
CHECKPOINT = Checkpoint("one", loaded=True, hints=(), fingerprint="f")


class Desk:
    """A publisher with its log and state."""

    def __init__(self) -> None:
        self.log, self.metrics, self.topics = MemoryLog(), MemoryMetrics(), Topics("t.")
        self.state = State(open_store(None, "x"))
        self.publisher = Publisher(
            self.log,
            CODEC,
            self.topics,
            12,
            self.state,
            HandClock(),
            self.metrics,
            MemoryTracer(),
            Pseudonym(b"k" * 32),
        )


def member(student: str, cohort: str = "A") -> MembershipChanged:
    return MembershipChanged(cohort, student, Presence.PRESENT, ("one",), "enrolled", 0, "one", NOW, "f")


def test_a_large_batch_is_cut_between_students() -> None:
    """The cohort is in the first transaction, the checkpoint in the last one."""
    desk = Desk()
    changes: list[Change] = [COHORT, *(member(f"s{n:04}", c) for n in range(1500) for c in ("A", "B", "C"))]
    suspects = [Suspects("one", f"s{n:04}", (Suspect("Z", NOW, "deleted"),)) for n in range(1500)]

    desk.publisher.publish(Batch(changes, suspects, checkpoint=CHECKPOINT))

    pieces, start = [], 0
    for size in desk.log.sizes:
        pieces.append([decode_key(written.key) for written in desk.log.records[start : start + size]])
        start += size
    assert max(desk.log.sizes) <= MOST_RECORDS + 2
    assert ("A", None) == pieces[0][0]
    assert [False, False, False, True] == [("checkpoint", "one") in piece for piece in pieces]
    students = [{key[-1] for key in piece if key[0] in ("A", "B", "C", "suspects")} for piece in pieces]
    assert 1501 == sum(map(len, students))  # nobody is in two of them; and the cohort itself


def test_every_record_has_its_key_and_partition() -> None:
    """As the contract says; a settled suspicion is a tombstone."""
    desk = Desk()
    values = StudentValues("one", "s", ("s ",))
    desk.publisher.publish(Batch([COHORT, member("s")], [Suspects("one", "s", ())], [values], CHECKPOINT))

    found = {decode_key(w.key): (w.topic, w.partition, w.value is None) for w in desk.log.records}
    here = ("t.enrollment.memberships", partition_of("A", 12), False)
    assert {
        ("A", None): here,
        ("A", "s"): here,
        ("suspects", "one", "s"): ("t.enrollment.checkpoints", 0, True),
        ("values", "one", "s"): ("t.enrollment.checkpoints", 0, False),
        ("checkpoint", "one"): ("t.enrollment.checkpoints", 0, False),
        ("publisher",): ("t.enrollment.checkpoints", 0, False),
    } == found


def test_revisions_go_on_above_everything_seen() -> None:
    """Also when the publisher's own record was lost, and memberships alone tell how far it was."""
    desk = Desk()
    with desk.state.writing():
        desk.state.apply(("A", "x"), CODEC.decode(CODEC.encode("", member("x"))))
        desk.state.highest_revision = 41
    desk.publisher.publish(Batch([member("s"), member("t")]))

    records = [CODEC.decode(written.value or b"") for written in desk.log.records]
    assert [42, 43] == [record.revision for record in records if isinstance(record, MembershipChanged)]
    assert PublisherState(44, 12, 3, 0) == records[-1]
    assert 2 == desk.metrics.total(Count.PUBLISHED, source="one", op="present", cause="enrolled")
