"""The consumer without Moodle: from the topic's bytes to the ledger, and from the ledger to the plan, against a bare
decode of the same bytes.

``fold`` decodes, folds batches to the last word per membership, and takes them into the local store, which a commit keeps;
the topic's part of the commit is left out. ``plan`` makes the plan for what then waits, call by call.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.commands.process import collecting_rarely
from consumers.cohorts import transitions
from consumers.cohorts.fold import Received, fold
from consumers.cohorts.ledger import Ledger, Outgoing
from consumers.cohorts.plan import Doubt, build_plan
from consumers.cohorts.settings import SinkSettings
from consumers.cohorts.store import Store
from consumers.moodle.settings import MoodleSettings
from schemas.codec import SingleObjectCodec
from schemas.keys import partition_of
from schemas.records import (
    CohortEntry,
    CohortState,
    EntryStatus,
    LedgerEntry,
    MembershipChanged,
    PartitionMarker,
    Presence,
)
from tests.bench.measure import Measure
from tests.bench.stage import Bench

NAMES = ("fold", "plan")
_TIMES = 3
_MEMBERS = 30
"""Of each cohort."""
_PARTITIONS = 12
_GOALS = (0.15, 1.0)
"""Reading and writing the local store is most of it; planning is to be cheaper than decoding."""
_NOW = datetime(2026, 9, 1, tzinfo=UTC)
_SETTLE = timedelta(minutes=1)
Value = tuple[int, bytes]
"""A record's bytes and the partition that they stand in."""


class _NoLog:
    """Commits that cost nothing."""

    def commit(self, records: Sequence[Outgoing], positions: Mapping[int, int]) -> bool:
        return True


class _Accounts:
    """Every student's account is known."""

    def account_of(self, student: str) -> int | Doubt | None:
        return int(student)


def take(bench: Bench) -> Sequence[Measure]:
    """The medians of some, taken in turns."""
    poll = SinkSettings.model_fields["poll_records"].default
    rows = MoodleSettings.model_fields["max_rows"].default
    values = list(_values(bench.options.records))
    decoded, folded, planned = [], [], []
    with collecting_rarely():
        for turn in range(_TIMES):
            decoded.append(len(values) / _decode(values))
            directory = bench.options.directory / "fold" / str(turn)
            took, ledger = _fold(values, directory, poll)
            folded.append(len(values) / took)
            planned.append(len(values) / _plan(ledger, rows))
            ledger.drop(range(_PARTITIONS))
            shutil.rmtree(directory)
    bare = statistics.median(decoded)
    note = f"{len(values):,} memberships of {_MEMBERS} a cohort, {poll} at once, medians of {_TIMES}; the bare decode: {1e6 / bare:.1f} µs"
    return [
        Measure(name, "records/s", statistics.median(rates), bare, goal, at_least=True, note=note)
        for name, rates, goal in zip(NAMES, (folded, planned), _GOALS, strict=True)
    ]


def _values(count: int) -> Iterator[Value]:
    codec = SingleObjectCodec()
    for number in range(count):
        cohort = f"2026-SCI-L1INF-TD{number // _MEMBERS:05d}"
        record = MembershipChanged(
            cohort=cohort,
            student=f"{number:08d}",
            state=Presence.PRESENT,
            sources=(),
            cause="first_load",
            revision=number + 1,
            source="bench",
            observed_at=_NOW,
            fingerprint="0123456789abcdef",
        )
        yield partition_of(cohort, _PARTITIONS), codec.encode("memberships", record)


def _decode(values: Sequence[Value]) -> float:
    codec = SingleObjectCodec()
    began = time.perf_counter()
    for _, value in values:
        codec.decode(value)
    return time.perf_counter() - began


def _fold(values: Sequence[Value], directory: Path, poll: int) -> tuple[float, Ledger]:
    """Seconds until everything is in the ledger, and the ledger."""
    codec, ledger = SingleObjectCodec(), Ledger(_NoLog(), _PARTITIONS, lambda _: None)
    for partition in range(_PARTITIONS):
        marker = PartitionMarker(partition, "topic", 0, 0, 0, "", _NOW, clean=False)
        ledger.open(Store(directory / f"{partition}.sqlite", "bench"), marker)
    offset = 0
    began = time.perf_counter()
    for start in range(0, len(values), poll):
        batch = values[start : start + poll]
        received = []
        for partition, value in batch:
            record = codec.decode(value)
            assert isinstance(record, MembershipChanged)
            received.append(Received(record, partition, offset))
            offset += 1
        for word in fold(received, ledger).memberships:
            assert isinstance(word.record, MembershipChanged)
            before = ledger.entry(word.record.cohort, word.record.student)
            ledger.put(transitions.take_in(before, word.record, _NOW, _SETTLE))
        ledger.commit(_NOW)
    return time.perf_counter() - began, ledger


def _plan(ledger: Ledger, rows: int) -> float:
    """Seconds that the plans for everything pending take, so many memberships at once."""
    pending: list[LedgerEntry] = []
    for store in ledger.stores():
        pending += store.with_status(EntryStatus.PENDING)
    for number, cohort in enumerate(sorted({entry.cohort for entry in pending})):
        ledger.put_cohort(
            CohortEntry(cohort, cohort, CohortState.PRESENT, 1, EntryStatus.SETTLED, _NOW, moodle_id=number + 1)
        )
    additions = 0
    began = time.perf_counter()
    for start in range(0, len(pending), rows):
        plan = build_plan(pending[start : start + rows], ledger, _Accounts(), {}, now=_NOW, sibling_wait=_SETTLE)
        additions += len(plan.additions)
    took = time.perf_counter() - began
    assert additions == len(pending)
    return took
