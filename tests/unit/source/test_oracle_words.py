"""Names in the text of a query: a link or a materialised view must not hide in it."""

from __future__ import annotations

import pytest

from connector.source.oracle.words import words_of


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("select a from t", {("SELECT",), ("A",), ("FROM",), ("T",)}),
        ('select "a b".C from s . "t"', {("SELECT",), ("a b", "C"), ("FROM",), ("S", "t")}),
        ("x$ -- t1\n y# /* t2 \n */ z", {("X$",), ("Y#",), ("Z",)}),
        ("a 'it''s t1' b n'é' c", {("A",), ("B",), ("C",)}),
        ("a q'[it's]' b q'(x)y)' c Q'{'}' d nq'<'>' e q'!'!' f", {("A",), ("B",), ("C",), ("D",), ("E",), ("F",)}),
        ("a '--' b '/*' c \"--\" d", {("A",), ("B",), ("C",), ("--",), ("D",)}),
        ("a 'never closed", {("A",)}),
        ("a /* never closed", {("A",)}),
        ("q from été", {("Q",), ("FROM",), ("ÉTÉ",)}),
        ("12e3 + :bind", {("E3",), ("BIND",)}),
    ],
)
def test_names_stand_outside_texts_and_comments(query: str, names: set[tuple[str, ...]]) -> None:
    """In capitals unless they are quoted; one too many does no harm, one too few would."""
    assert names == set(words_of(query).names)
    assert () == words_of(query).links


@pytest.mark.parametrize(
    ("query", "link"),
    [
        ("select 1 from t@far", "FAR"),
        ("select 1 from s.t @ far.example.edu f", "FAR.EXAMPLE.EDU"),
        ('select 1 from "T"@"far"', "far"),
        ("select 1 from t/**/@/**/far", "?"),
        ("select 1 from t@far@instance", "FAR"),
    ],
)
def test_links_are_found(query: str, link: str) -> None:
    """Even where one is written oddly."""
    assert link in words_of(query).links


def test_an_at_sign_in_a_text_is_no_link() -> None:
    """Addresses are."""
    assert () == words_of("select 'a@b.edu' from t -- x@y\n where m like q'[@]'").links
