"""How the Moodle stand-in reads forms: PHP's rules, as properties."""

from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.moodle import params
from tests.standins.moodle.client import flatten
from tests.standins.moodle.forms import FormLimits, merge, parse_body, parse_query, variable_path

URLENCODED = "application/x-www-form-urlencoded"
LIMITS = FormLimits()

words = st.text("abcxyz", min_size=1, max_size=4)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
trees: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    words,
    st.recursive(
        values,
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(words, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def encoded(fields: list[tuple[str, str]]) -> bytes:
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields).encode()


def as_php(value: Any) -> Any:
    """Lists as PHP holds them: arrays with integer keys."""
    if isinstance(value, list):
        return {index: as_php(inner) for index, inner in enumerate(value)}
    if isinstance(value, dict):
        return {key: as_php(inner) for key, inner in value.items()}
    return value


@given(trees)
def test_nested_values_survive_the_form(tree: dict[str, Any]) -> None:
    """What was flattened into bracketed names comes back nested, from a body as from a query."""
    body = encoded(list(flatten(tree)))

    assert parse_body(URLENCODED, body, LIMITS) == as_php(tree)
    assert parse_query(body, LIMITS) == as_php(tree)


@given(trees)
def test_multipart_reads_like_urlencoded(tree: dict[str, Any]) -> None:
    """Both kinds of form give the same values."""
    fields = list(flatten(tree))
    parts = "".join(
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    )
    body = (parts + "--frontier--\r\n").encode()

    assert parse_body("multipart/form-data; boundary=frontier", body, LIMITS) == as_php(tree)


@given(st.integers(1, 40), st.integers(1, 60))
def test_forms_are_cut_without_a_word(limit: int, count: int) -> None:
    """A query keeps as many fields as the limit says, a body one more, a multipart body exactly as many."""
    limits = FormLimits(max_input_vars=limit)
    form = encoded([(f"v{number}", "x") for number in range(count)])
    multipart = "".join(
        f'--f\r\nContent-Disposition: form-data; name="v{number}"\r\n\r\nx\r\n' for number in range(count)
    )

    assert len(parse_query(form, limits)) == min(count, limit)
    assert len(parse_body(URLENCODED, form, limits)) == min(count, limit + 1)
    assert len(parse_body("multipart/form-data; boundary=f", multipart.encode() + b"--f--", limits)) == min(
        count, limit
    )


@given(words, values, values)
def test_the_last_of_two_equal_names_wins_in_the_first_place(name: str, first: str, last: str) -> None:
    """A repeated field changes the value, not the order."""
    parsed = parse_body(URLENCODED, encoded([(name, first), ("other_", "1"), (name, last)]), LIMITS)

    assert next(iter(parsed.items())) == (name, last)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", ["a"]),
        (" a", ["a"]),
        ("a.b c", ["a_b_c"]),
        ("a[b]", ["a", "b"]),
        ("a[b.c]", ["a", "b.c"]),
        ("a[]", ["a", ""]),
        ("a[ b]", ["a", "b"]),
        ("a[b]rest", ["a", "b"]),
        ("a[b]rest[c]", ["a", "b"]),
        ("a[b", ["a_b"]),
        ("a[b.c", ["a_b_c"]),
        ("a[b][c", ["a", "b"]),
        ("[a]", None),
        ("", None),
        ("a\0b", ["a"]),
    ],
)
def test_names_become_paths(name: str, path: list[str] | None) -> None:
    """The odd corners of PHP's field names."""
    assert variable_path(name) == path


@pytest.mark.parametrize(
    ("form", "parsed"),
    [
        (b"a[]=1&a[]=2", {"a": {0: "1", 1: "2"}}),
        (b"a[5]=1&a[]=2", {"a": {5: "1", 6: "2"}}),
        (b"a[05]=1&a[5]=2", {"a": {"05": "1", 5: "2"}}),
        (b"a[-1]=1&a[]=2", {"a": {-1: "1", 0: "2"}}),
        (b"a[" + b"9" * 5000 + b"]=1", {"a": {"9" * 5000: "1"}}),
        (b"a=1&a[b]=2", {"a": {"b": "2"}}),
        (b"a[b]=1&a=2", {"a": "2"}),
        (b"a", {"a": ""}),
        (b"a=%zz%41", {"a": "%zzA"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=1+2%2B", {"a": "1 2+"}),
        (b"a=%ff", {"a": "\udcff"}),
        (b"a" + b"[x]" * 70 + b"=1", {}),
    ],
)
def test_forms_become_arrays(form: bytes, parsed: dict[str, Any]) -> None:
    """Appending, integer keys, overwriting and decoding as PHP does them."""
    assert parse_body(URLENCODED, form, LIMITS) == parsed


def test_bodies_that_php_does_not_read() -> None:
    """Other content types, and a body over ``post_max_size`` as a whole."""
    assert parse_body("application/json", b"a=1", LIMITS) == {}
    assert parse_body("", b"a=1", LIMITS) == {}
    assert parse_body(URLENCODED, b"a=12345", FormLimits(post_max_size=6)) == {}
    assert parse_body(URLENCODED, b"a=1234", FormLimits(post_max_size=6)) == {"a": "1234"}
    assert parse_body(URLENCODED + "; charset=utf-8", b"a=1", LIMITS) == {"a": "1"}


def test_body_wins_over_query_and_integers_are_numbered_anew() -> None:
    """``array_merge``: names are overwritten in place, integer names never are."""
    merged = merge({"a": "1", 7: "x"}, {"a": "2", 7: "y", "b": "3"})

    assert list(merged.items()) == [("a", "2"), (0, "x"), (1, "y"), ("b", "3")]


@pytest.mark.parametrize(
    ("kind", "accepted", "refused"),
    [
        (
            "int",
            ["0", "-1", "9223372036854775807"],
            ["", "1 ", " 1", "+1", "01", "1.0", "1e3", "9223372036854775808", "9" * 5000],
        ),
        ("alphanumext", ["id", "a_b-C9"], ["id number", "é", "a.b"]),
        ("alpha", ["abc", ""], ["a1", "a_b"]),
        ("raw", ["", " é😀<b>", "0"], ["a\0", "\udcff", "a\uffff"]),
        ("text", ["system", "a < b"], ["<b>x</b>"]),
        ("theme", ["boost", ""], ["nope", "../boost"]),
        ("username", ["stu.dot-dash_0046@uni.example"], ["STU", " stu", "stú"]),
        ("raw_trimmed", ["a b"], [" a", "a\n"]),
    ],
)
def test_parameter_types(kind: str, accepted: list[str], refused: list[str]) -> None:
    """A value is accepted only when cleaning changes nothing."""
    assert [value for value in accepted if not params.is_clean(value, kind)] == []
    assert [value for value in refused if params.is_clean(value, kind)] == []
