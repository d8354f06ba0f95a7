"""What telemetry hears of memberships that wait."""

from __future__ import annotations

import pytest

from connector.runtime.telemetry import MemoryMetrics, MemoryTracer, Pseudonym
from connector.source.causes import MISSES, Cause
from consumers.cohorts.witness import Witness
from tests.unit.cohorts.values import NOW, entry


@pytest.mark.parametrize(
    ("cause", "spans"),
    [
        (Cause.ENROLLED, 1),
        (Cause.ROW_INACTIVE, 1),
        (Cause.FIRST_LOAD, 0),
        (Cause.SNAPSHOT, 0),
        *[(cause, 0) for cause in sorted(MISSES)],
    ],
)
def test_what_was_read_in_bulk_makes_no_trace_of_each_that_waits(cause: Cause, spans: int) -> None:
    """A snapshot may find a hundred thousand at once."""
    metrics, tracer = MemoryMetrics(), MemoryTracer()
    Witness(metrics, tracer, Pseudonym(b"k" * 32)).set_aside(entry(cause=cause.value), "held", "limit", NOW)

    assert spans == len(tracer.spans)
