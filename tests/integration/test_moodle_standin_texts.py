"""How the Moodle stand-in compares, sorts and cleans texts."""

import pytest

from tests.standins.moodle.collation import loose_key, sort_key
from tests.standins.moodle.richtext import clean_html, format_string, format_text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("a < b & c", "a &lt; b &amp; c"),
        ('<p onclick="x()">Hi<script>1</script></p>', "<p>Hi</p>"),
        ("<b>open", "<b>open</b>"),
        ("<br>&eacute;", "<br />é"),
        ('<a href="javascript:x">y</a>', "<a>y</a>"),
        (
            '<a href="https://x" target="_blank">y</a>',
            '<a href="https://x" target="_blank" rel="noreferrer noopener">y</a>',
        ),
        ('<img src="a/b.png" onerror="x">', '<img src="a/b.png" alt="b.png" />'),
        ("<iframe src='x'></iframe>z", "z"),
    ],
)
def test_html_is_cleaned(text: str, cleaned: str) -> None:
    """Harmful markup goes, harmless markup is made well-formed."""
    assert clean_html(text) == cleaned


def test_formats_become_html() -> None:
    """Plain text is escaped with its breaks, Moodle's own format keeps markup, short texts lose it."""
    assert format_text("a  <b>\nc", 2) == "a&nbsp; &lt;b&gt;<br />\nc"
    assert format_text("<b>x</b>\ny", 0) == "<b>x</b> y"
    assert format_text("x", 4) == "<p>x</p>\n"
    assert format_string("R&D <b>x</b> &amp; 1 > 0") == "R&amp;D x &amp; 1 &gt; 0"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Straße", "STRASSE", True),
        ("Œuvre", "oeuvre", True),
        ("😀", "😁", True),
        ("ｆｕｌｌ", "full", True),
        ("カ", "か", True),
        ("a-b", "a b", False),
        ("a\t", "a", False),
    ],
)
def test_loose_comparison_of_texts(*, one: str, other: str, same: bool) -> None:
    """What ``utf8mb4_unicode_ci`` holds to be equal."""
    assert (loose_key(one) == loose_key(other)) is same


def test_order_of_texts() -> None:
    """Blanks, punctuation, digits, letters whatever their case or accent."""
    texts = ["b", "A", "é", "Z", "1", "_x", " x", "$", "ab", "a b"]

    assert sorted(texts, key=sort_key) == [" x", "_x", "$", "1", "A", "a b", "ab", "b", "é", "Z"]
