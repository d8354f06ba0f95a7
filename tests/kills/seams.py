"""Wraps the seams of the product from outside, so that a test hears of every step of the consumer's loop.

The product has no hooks for it: methods of its classes are replaced in this process before it starts.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.runtime.kafka import producer
from consumers.cohorts import intake, ledger, log, store, tenancy
from consumers.moodle import writing
from schemas.records import JournalEntry

Arrive = Callable[[str], None]
"""Told the name of a place whenever the process comes by."""

_INTO_THE_CALL = 0.004
"""Seconds: a call takes some 10 ms, so that Moodle may have it, be at it, or have answered."""


def wrap(arrive: Arrive) -> None:
    """Have ``arrive`` hear of every place in ``places.PLACES``."""
    _around(producer.Transaction, "offsets", arrive, "in transaction", "offsets in transaction")
    _around(ledger.Ledger, "put", arrive, None, "entry put")
    _around(store.Store, "keep", arrive, "before keep", "after keep")
    _around(intake.Intake, "take", arrive, None, "records taken")
    _around(log.KafkaRestorer, "restore", arrive, "before restore", "after restore")
    _around(tenancy.Tenancy, "release", arrive, "before release", "after release")
    for call, name in (("add", "add_members"), ("remove", "remove_members"), ("create", "create_cohorts")):
        _around(writing.MoodleWriter, name, arrive, f"before {call}", f"after {call}", f"during {call}")
    _wrap_commits(arrive)


def _wrap_commits(arrive: Arrive) -> None:
    commit = log.KafkaLog.commit

    def wrapped(self: log.KafkaLog, records: Sequence[ledger.Outgoing], positions: Mapping[int, int]) -> bool:
        kind = _kind(records)
        arrive(f"before {kind} commit")
        done = commit(self, records, positions)
        arrive(f"after {kind} commit")
        return done

    log.KafkaLog.commit = wrapped  # type: ignore[method-assign]


def _kind(records: Sequence[ledger.Outgoing]) -> str:
    kinds = {outgoing.record.kind for outgoing in records if isinstance(outgoing.record, JournalEntry)}
    if "intent" in kinds:
        return "intent"
    return "outcome" if kinds & {"outcome", "unknown_outcome", "created"} else "intake"


def _around(
    owner: type, name: str, arrive: Arrive, before: str | None, after: str | None, during: str | None = None
) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **more: Any) -> Any:
        if before is not None:
            arrive(before)
        if during is not None:
            timer = threading.Timer(_INTO_THE_CALL, arrive, [during])
            timer.daemon = True
            timer.start()
        found = original(*arguments, **more)
        if after is not None:
            arrive(after)
        return found

    setattr(owner, name, wrapped)
