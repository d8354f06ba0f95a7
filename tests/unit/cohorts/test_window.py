"""Which memberships a replay is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.cohorts.window import Span, Window, parse_span, starts_of


@pytest.mark.parametrize(
    ("window", "covered"),
    [
        (Window(), {("A", "s1"), ("A", "s2"), ("B", "s1")}),
        (Window(cohorts=["A"]), {("A", "s1"), ("A", "s2")}),
        (Window(students=["s1"]), {("A", "s1"), ("B", "s1")}),
        (Window(cohorts=["A"], students=["s1"]), {("A", "s1")}),
        (Window(named={("A", "s2")}), {("A", "s2")}),
        (Window(named={("A", None)}), {("A", "s1"), ("A", "s2")}),  # the cohort's own record
        (Window(named={("A", None)}, students=["s1"]), {("A", "s1")}),
        (Window(named={("A", None)}, cohorts=["B"]), set()),
        (Window(named=set()), set()),  # nothing was said in that time
    ],
)
def test_a_window_covers_what_it_names(window: Window, covered: set[tuple[str, str]]) -> None:
    """Everything that is said narrows it further."""
    keys = {("A", "s1"), ("A", "s2"), ("B", "s1")}

    assert covered == {key for key in keys if window.covers(*key)}
    assert all(window.touches(cohort) for cohort, _ in covered)


@pytest.mark.parametrize(
    ("text", "span"), [("3:100", Span(3, 100)), ("0:5-9", Span(0, 5, 10)), ("0:5-5", Span(0, 5, 6))]
)
def test_spans_are_read(text: str, span: Span) -> None:
    """Both ends are included."""
    assert span == parse_span(text)


@pytest.mark.parametrize("text", ["", "3", "3:", "3:-5", "a:1", "3:9-5", "3:1-", "3:1-2-3", "-1:5"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Rather than taken for everything."""
    with pytest.raises(ValueError, match=r".*"):
        parse_span(text)


@given(st.lists(st.builds(Span, st.integers(0, 3), st.integers(0, 50), st.none() | st.integers(51, 60)), max_size=6))
def test_reading_begins_early_enough(spans: list[Span]) -> None:
    """No record that a span holds lies before the start of its partition."""
    starts = starts_of(spans)
    held = {(p, offset) for span in spans for p in range(4) for offset in range(60) if span.holds(p, offset)}

    assert all(offset >= starts[partition] for partition, offset in held)
    assert all((partition, start) in held for partition, start in starts.items())
