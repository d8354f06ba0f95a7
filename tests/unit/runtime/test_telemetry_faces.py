"""What loops see of telemetry: metrics by catalogue, trace contexts, pseudonyms, doubles."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.runtime.telemetry import (
    Count,
    Gauge,
    Histogram,
    Labelled,
    MemoryMetrics,
    MemoryTracer,
    Pseudonym,
    TraceContext,
)
from connector.runtime.telemetry.catalogue import Metric

ROOT = Path(__file__).parents[3]
METRICS: list[Metric] = [*Count, *Gauge, *Histogram]


def test_metric_names_are_unique_and_well_formed() -> None:
    """Each name is one metric, in the manner of OpenTelemetry."""
    names = [m.metric for m in METRICS]

    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"cohortstream(\.[a-z]+)+", name)] == []


def test_every_metric_says_what_it_means() -> None:
    """A meaning is a sentence, and a histogram has boundaries that rise."""
    assert [m.metric for m in METRICS if not m.meaning.endswith(".") or not m.unit] == []
    assert [m.metric for m in Histogram if not m.boundaries or list(m.boundaries) != sorted(set(m.boundaries))] == []


def _measurements() -> Iterator[tuple[str, Metric, set[str]]]:
    """Every ``x.count(Count.NAME, n, label=...)`` of the product: place, metric, labels."""
    tables: dict[str, type[Metric]] = {"Count": Count, "Gauge": Gauge, "Histogram": Histogram}
    for package in ("connector", "consumers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(attr="count" | "gauge" | "observe" | "forget"),
                        args=[ast.Attribute(value=ast.Name(id=table), attr=name), *_],
                        keywords=keywords,
                    ) if table in tables:
                        labels = {keyword.arg for keyword in keywords if keyword.arg}
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", tables[table][name], labels


def test_measurements_use_the_labels_of_the_catalogue() -> None:
    """A label that the catalogue does not know is found without running the line."""
    assert [(place, m.metric, labels - m.labels) for place, m, labels in _measurements() if labels - m.labels] == []


def test_memory_metrics_remember() -> None:
    """Counters add up, gauges stand until forgotten, observations keep their order."""
    metrics = MemoryMetrics()
    metrics.count(Count.APPLIED, 2, sink="a", op="added")
    metrics.count(Count.APPLIED, sink="b", op="added")
    metrics.gauge(Gauge.HELD, 3, sink="a")
    metrics.observe(Histogram.TRUTH_DURATION, 0.5, source="a")
    metrics.observe(Histogram.TRUTH_DURATION, 0.25, source="a")

    assert metrics.total(Count.APPLIED, op="added") == 3
    assert metrics.total(Count.APPLIED, sink="a") == 2
    assert metrics.value(Gauge.HELD, sink="a") == 3
    assert metrics.values(Histogram.TRUTH_DURATION) == [0.5, 0.25]

    metrics.forget(Gauge.HELD, sink="a")

    assert metrics.value(Gauge.HELD, sink="a") is None


def test_memory_metrics_refuse_other_labels() -> None:
    """A test fails where production would have a series that nobody documented."""
    with pytest.raises(TypeError, match="has the labels"):
        MemoryMetrics().count(Count.APPLIED, sink="a")


def test_labels_are_filled_in_where_a_metric_has_them() -> None:
    """A consumer says once which sink it serves."""
    metrics = MemoryMetrics()
    labelled = Labelled(metrics, sink="moodle", role="consume")
    labelled.count(Count.APPLIED, op="added")
    labelled.gauge(Gauge.ACTIVE, 1)
    labelled.observe(Histogram.FRESHNESS, 0.5, op="added")
    labelled.gauge(Gauge.LAG, 7, partition="3")
    labelled.forget(Gauge.LAG, partition="3")

    assert metrics.total(Count.APPLIED, sink="moodle") == 1
    assert metrics.value(Gauge.ACTIVE, role="consume") == 1
    assert metrics.values(Histogram.FRESHNESS, sink="moodle", op="added") == [0.5]
    assert metrics.value(Gauge.LAG, sink="moodle", partition="3") is None


ids = st.integers(1, 2**128 - 1).map("{:032x}".format), st.integers(1, 2**64 - 1).map("{:016x}".format)
contexts = st.builds(TraceContext, *ids, st.booleans())


@given(contexts)
def test_a_context_survives_the_headers(context: TraceContext) -> None:
    """What the poller sends is what the consumer continues."""
    assert context == TraceContext.from_headers([("other", b"x"), *context.headers()])


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    ],
)
def test_a_malformed_context_is_none(value: bytes | None) -> None:
    """A foreign header never stops a record."""
    assert TraceContext.from_headers([("traceparent", value)]) is None
    assert TraceContext.from_headers(None) is None


def test_a_context_of_a_later_version_is_understood() -> None:
    """The standard lets later versions append fields."""
    value = b"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what"

    assert TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=False) == (
        TraceContext.from_headers([("traceparent", value)])
    )


def test_memory_spans_nest_and_link() -> None:
    """The span around is the parent unless another one, or none, is asked for."""
    tracer = MemoryTracer()
    with tracer.span("outer", attributes={"n": 1}) as outer:
        with tracer.span("inner") as inner, pytest.raises(ValueError, match="x"), tracer.span("failing"):
            raise ValueError("x")
        with tracer.span("root", links=[inner.context], root=True):
            pass
    by_name = {span.name: span for span in tracer.spans}

    assert [span.name for span in tracer.spans] == ["failing", "inner", "root", "outer"]
    assert by_name["inner"].parent == outer.context
    assert by_name["failing"].failed == "ValueError"
    assert by_name["root"].parent is None
    assert by_name["root"].links == (inner.context,)
    assert by_name["root"].context.trace_id != outer.context.trace_id
    assert tracer.current() is None


def test_a_pseudonym_is_stable_and_tells_nothing() -> None:
    """The same person reads the same; kinds and keys make other hashes."""
    pseudonym = Pseudonym(b"k" * 16)

    assert pseudonym.of("student", "0042") == "student-4b1f6ff78e93a1e5"
    assert pseudonym.of("student", 42) != pseudonym.of("user", 42).replace("user", "student")
    assert pseudonym.of("student", "0042") != Pseudonym(b"q" * 16).of("student", "0042")


def test_a_pseudonym_needs_a_key() -> None:
    """Without a key anybody could try out all student numbers."""
    with pytest.raises(ValueError, match="empty"):
        Pseudonym(b"")
