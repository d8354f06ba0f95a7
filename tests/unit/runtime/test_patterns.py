"""The pattern language: what it makes of rows, and how it names its faults."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.runtime.pattern_filters import FILTERS
from connector.runtime.patterns import Pattern, PatternFault, Unmappable

MIDNIGHT = datetime(2026, 9, 1)  # noqa: DTZ001 -- as the driver hands out a DATE
MAPS = {"level": {"L": "bachelor", "M": "master", "X": ""}, "été": {"é": "summer"}}


@pytest.mark.parametrize(
    ("pattern", "row", "expected"),
    [
        ("{CODE}", {"CODE": "L1INFO"}, "L1INFO"),
        ("{code}", {"CODE": "L1INFO"}, "L1INFO"),
        ('{"Code étape"}', {"Code étape": "E1"}, "E1"),
        ("{YEAR}-{CODE}", {"YEAR": 2026, "CODE": "A"}, "2026-A"),
        ("{{{A}}}", {"A": "x"}, "{x}"),
        ("constant", {}, "constant"),
        ("ends with a line break\n", {}, "ends with a line break\n"),
        ("", {}, ""),
        ("{ A | trim | upper }", {"A": " x "}, "X"),
        # CHAR columns arrive padded; leading blanks are the data's own
        ("{A}", {"A": "ab   "}, "ab"),
        ("{A}", {"A": " ab"}, " ab"),
        ("{A}", {"A": "ab\t"}, "ab\t"),
        # numbers
        ("{A}", {"A": 12.0}, "12"),
        ("{A}", {"A": Decimal(12)}, "12"),
        ("{A}", {"A": Decimal("12.50")}, "12.5"),
        ("{A}", {"A": Decimal("1E+3")}, "1000"),
        ("{A}", {"A": Decimal("-0")}, "0"),
        ("{A}", {"A": -0.0}, "0"),
        ("{A}", {"A": 1e22}, "10000000000000000000000"),
        ("{A}", {"A": 0.1}, "0.1"),
        ("{A}", {"A": 10**30}, "1" + "0" * 30),
        ("{A}", {"A": True}, "TRUE"),
        # dates
        ("{A}", {"A": MIDNIGHT}, "2026-09-01T00:00:00"),
        ("{A|slice:0:4}", {"A": MIDNIGHT}, "2026"),
        ("{A}", {"A": date(2026, 9, 1)}, "2026-09-01"),
        # filters
        ("{A|pad:8}", {"A": 4711}, "00004711"),
        ("{A|pad:2}", {"A": 4711}, "4711"),
        ("{A|pad:4: }", {"A": 7}, "   7"),
        ("{A|ltrim:0}", {"A": "0042"}, "42"),
        ("{A|rtrim:.}", {"A": "42.."}, "42"),
        ("{A|trim:*}", {"A": "**x*"}, "x"),
        ("{A|lower}", {"A": "ÉTÉ"}, "été"),
        ("{A|ascii|upper}", {"A": "Œuvre d’été, Straße"}, "OEUVRE D'ETE, STRASSE"),
        ("{A|slice:0:3}", {"A": "abcdef"}, "abc"),
        ("{A|slice:-2:}", {"A": "abcdef"}, "ef"),
        ("{A|replace:-:}", {"A": "a-b-c"}, "abc"),
        (r"{A|replace:\::\|}", {"A": "a:b"}, "a|b"),
        (r"{A|replace:\}:\\}", {"A": "a}b"}, "a\\b"),
        ("{A|trim|map:level}", {"A": " M "}, "master"),
        ("{A|map:été}", {"A": "e\u0301"}, "summer"),
        ("{A|default:none}", {"A": None}, "none"),
        ("{A|trim|default:none}", {"A": " \t"}, "none"),
        ("{A|default:none|upper}", {"A": None}, "NONE"),
        ("a{A|default:}b", {"A": None}, "ab"),
        ("{A|map:level|default:other}", {"A": "X"}, "other"),
    ],
)
def test_it_renders(pattern: str, row: dict[str, object], expected: str) -> None:
    """A pattern and a row make one text."""
    assert expected == Pattern.parse(pattern, MAPS).render(row)


@pytest.mark.parametrize(
    ("pattern", "value", "reason"),
    [
        ("{A}", None, "is NULL"),
        ("{A|trim|upper}", None, "is NULL"),
        ("{A}", "", "is blank"),
        ("{A}", "   ", "is blank"),
        ("{A}", "\u00a0", "is blank"),
        ("{A|slice:5:}", "abc", "is blank"),
        ("{A|map:level}", "D", 'value map "level"'),
        ("{A|map:level}", "X", "is blank"),
        ("{A}", b"\x00", "RAWTOHEX"),
        ("{A}", timedelta(1), "TO_CHAR"),
        ("{A}", float("nan"), "not a number"),
        ("{A}", Decimal("Infinity"), "not a number"),
        ("{A|default:x}", b"", "RAWTOHEX"),
    ],
)
def test_it_refuses_a_row_without_the_text(pattern: str, value: object, reason: str) -> None:
    """A required part that a row does not give is named with its column and the reason."""
    with pytest.raises(Unmappable) as caught:
        Pattern.parse(pattern, MAPS).render({"A": value})

    assert caught.value.column == "A"
    assert reason in caught.value.reason


def test_the_message_of_a_refusal_holds_no_value() -> None:
    """A student key that a map lacks does not get into logs."""
    with pytest.raises(Unmappable) as caught:
        Pattern.parse("{A|map:level}", MAPS).render({"A": "Rossi"})

    assert "Rossi" not in str(caught.value)
    assert caught.value.value == "Rossi"


def test_a_missing_column_is_no_matter_of_the_row() -> None:
    """A query that lacks the column is a fault of the settings, not of each of a million rows."""
    with pytest.raises(KeyError):
        Pattern.parse("{A|default:x}").render({"B": 1})


@pytest.mark.parametrize(
    ("pattern", "position", "words"),
    [
        ("a{", 3, "column name must follow"),
        ("{}", 2, "column name must follow"),
        ("ab{CODE", 3, "never closed"),
        ("ab{CODE|trim", 3, "never closed"),
        ("a}b", 2, "}}"),
        ("{CODE-X}", 6, "double quotes"),
        ("{CODE|trimm}", 7, 'did you mean "trim"'),
        ("{CODE|UPPER}", 7, 'did you mean "upper"'),
        ("{CODE|qqqq}", 7, "known filters: trim"),
        ("{CODE|}", 7, "known filters"),
        ("{A|pad}", 4, "pad:WIDTH"),
        ("{A|pad:x}", 4, "whole number"),
        ("{A|pad:0}", 4, "between 1 and 255"),
        ("{A|pad:3:ab}", 4, "one character"),
        ("{A|upper:3}", 4, "write upper"),
        ("{A|slice:1}", 4, "slice:START:END"),
        ("{A|slice::}", 4, "start, an end or both"),
        ("{A|slice:3:3}", 4, "after the start"),
        ("{A|slice:a:3}", 4, "whole number"),
        ("{A|replace::x}", 4, "empty"),
        ("{A|trim:}", 4, "leave out the colon"),
        ("{A|upper|map:levels}", 10, "level, été"),
    ],
)
def test_a_fault_names_place_and_fix(pattern: str, position: int, words: str) -> None:
    """Whoever wrote the pattern learns where it is wrong and what to write instead."""
    with pytest.raises(PatternFault, match=f"character {position}:") as caught:
        Pattern.parse(pattern, MAPS)

    assert position == caught.value.position
    assert words in str(caught.value)


def test_columns_are_each_named_once() -> None:
    """What must be selected is known before the first row."""
    assert Pattern.parse('{b|trim}{a}{B}{"b"}').columns == ("B", "A", "b")


def test_equality_is_that_of_meaning() -> None:
    """A changed value map is another pattern, an unused one is not."""
    one = Pattern.parse("{A|map:level}", MAPS)

    assert one == Pattern.parse("{A|map:level}", {"level": MAPS["level"]})
    assert one != Pattern.parse("{A|map:level}", {"level": {"L": "other"}})


@given(st.text().filter(lambda text: text.strip()))
def test_literal_text_comes_out_as_it_went_in(text: str) -> None:
    """Any text can be written literally, with doubled braces, and comes out in NFC."""
    written = text.replace("{", "{{").replace("}", "}}")

    assert unicodedata.normalize("NFC", text) == Pattern.parse(written).render({})


@given(st.text(min_size=1), st.text())
def test_any_argument_can_be_written(old: str, new: str) -> None:
    """A backslash makes every character usable in an argument."""

    def written(text: str) -> str:
        return "".join("\\" + c if c in ":|}\\" else c for c in text)

    pattern = Pattern.parse(f"{{A|replace:{written(old)}:{written(new)}|default:}}")
    nfc = [unicodedata.normalize("NFC", text) for text in (old, new)]

    assert unicodedata.normalize("NFC", f"<{nfc[1]}>") == pattern.render({"A": f"<{nfc[0]}>"}).strip() or nfc[0] in "<>"


@given(st.text(alphabet="{}|:\\ab\"' é09-", max_size=20))
def test_any_text_is_a_pattern_or_a_named_fault(text: str) -> None:
    """Nothing but PatternFault leaves the parser, and its position lies within the text."""
    position = 1
    try:
        Pattern.parse(text, MAPS)
    except PatternFault as fault:
        position = fault.position

    assert 1 <= position <= len(text) + 1


@given(st.integers(-(10**38), 10**38))
def test_a_whole_number_reads_the_same_whatever_its_type(number: int) -> None:
    """A NUMBER may come as int or Decimal, depending on the driver's settings."""
    pattern = Pattern.parse("{A}")

    assert str(number) == pattern.render({"A": number}) == pattern.render({"A": Decimal(number)})


def test_every_filter_says_how_it_is_written() -> None:
    """The usage line of a filter starts with its name, so that a suggestion can be typed in."""
    assert [name for name, kind in FILTERS.items() if not kind.usage.startswith(name) or not kind.meaning] == []
