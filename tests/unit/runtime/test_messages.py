"""The catalogue of messages: codes, placeholders, translations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.runtime.messages import AREAS, Entry, Message, ReportWord, SettingsMessage, find, message
from connector.runtime.messages.translation import Translation, read_po, translation_for, write_template

ROOT = Path(__file__).parents[3]
ENTRIES = [entry for area in AREAS.values() for entry in area]


def not_a_sentence(text: str) -> bool:
    """It ends in a full stop, a question mark, what is filled in, or a command to type."""
    return text[-1] not in ".?})"


def test_codes_are_unique_and_in_the_range_of_their_area() -> None:
    """A code names one message, and its number tells the area."""
    codes = [entry.code for entry in ENTRIES]

    assert len(codes) == len(set(codes))
    for start, area in AREAS.items():
        assert [e.code for e in area if not re.fullmatch(start + r"\d{3}", e.code)] == []


def test_a_text_is_a_sentence_and_a_fix_too() -> None:
    """Messages are for people. The words of a table are no messages."""
    assert [e.code for e in ENTRIES if not_a_sentence(e.text) and not isinstance(e, ReportWord)] == []
    assert [e.code for e in ENTRIES if e.fix and not_a_sentence(e.fix)] == []


def test_a_message_is_filled() -> None:
    """Text and fix share their parameters, which are text."""
    made = message(SettingsMessage.FILE_MISSING, path=Path("a.toml"))

    assert (made.code, made.text, made.fix) == (
        "CS1001",
        "The settings file a.toml does not exist.",
        'Name it with --config, or write one: "cohortstream config example > a.toml".',
    )
    assert made.parameters == {"path": "a.toml"}


@pytest.mark.parametrize("parameters", [{}, {"path": "t", "more": 1}, {"paht": "t"}])
def test_a_message_with_wrong_parameters_is_a_fault_of_the_program(parameters: dict[str, object]) -> None:
    """Nothing is left open and nothing is lost."""
    with pytest.raises(TypeError, match="wants path"):
        message(SettingsMessage.FILE_MISSING, **parameters)


def test_an_entry_is_found_by_its_code() -> None:
    """An alert carries the code; one of a later release is not known."""
    assert find("CS1001") is SettingsMessage.FILE_MISSING
    assert find("CS1999") is None


def _calls() -> Iterator[tuple[str, str, str, set[str] | None]]:
    """Every ``message(Area.NAME, key=...)`` of the product: place, area, name, keywords (None for ``**``)."""
    for package in ("connector", "consumers", "schemas"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Name(id="message") | ast.Attribute(attr="message"),
                        args=[ast.Attribute(value=ast.Name(id=area), attr=name)],
                        keywords=keywords,
                    ):
                        names = {keyword.arg for keyword in keywords}
                        known = None if None in names else {name for name in names if name}
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", area, name, known


def test_every_call_fills_every_placeholder() -> None:
    """An error path that is never run does not fail on its message."""
    entries = {(area.__name__, entry.name): entry for area in AREAS.values() for entry in area}
    wrong = [
        f"{place}: {area}.{name} wants {sorted(entries[area, name].placeholders)}"
        for place, area, name, given in _calls()
        if (area, name) in entries and given is not None and given != entries[area, name].placeholders
    ]

    assert wrong == []


def test_a_translation_is_one_file() -> None:
    """The template, filled in by a translator, gives every message in the other language."""
    filled = re.sub(
        r'msgid "(.+)"\nmsgstr ""', lambda m: f'msgid "{m[1]}"\nmsgstr "FR {m[1]}"', write_template(AREAS.values())
    )
    french = Translation(read_po(filled))

    for entry in ENTRIES:
        made = Message(entry, dict.fromkeys(entry.placeholders, "x"))
        assert french.text(made) == "FR " + made.text
        assert french.fix(made) == ("FR " + made.fix if made.fix else "")


def test_an_incomplete_translation_falls_back_to_english() -> None:
    """Missing, empty, fuzzy and wrongly filled translations show the original."""
    made = message(SettingsMessage.FILE_MISSING, path="t")
    fuzzy = f'#, fuzzy\nmsgid "{made.entry.text}"\nmsgstr "wrong"\n'

    assert made.text == Translation().text(made)
    assert made.text == Translation({made.entry.text: ""}).text(made)
    assert made.text == Translation({made.entry.text: "Il manque {sujet}"}).text(made)
    assert made.text == Translation(read_po(fuzzy)).text(made)


def test_a_po_file_may_continue_its_lines() -> None:
    """Editors break long lines, escape quotes, and leave blank lines out."""
    text = (
        'msgid ""\nmsgstr "Language: fr\\n"\n\nmsgid "a \\"b\\" "\n"c"\nmsgstr ""\n"A\\n"\n"B"\nmsgid "x"\nmsgstr "y"\n'
    )

    assert read_po(text) == {'a "b" c': "A\nB", "x": "y"}


@pytest.mark.parametrize("text", ['msgid "a\n', "msgplural 3\n", '"a"\n', "hello\n"])
def test_a_line_of_something_else_is_named(text: str) -> None:
    """A broken file says where."""
    with pytest.raises(ValueError, match="line 1"):
        read_po(text)


@pytest.mark.parametrize("environment", [{}, {"LANG": "C.UTF-8"}, {"LANGUAGE": "xx:../../etc:", "LANG": "en_GB.UTF-8"}])
def test_an_unknown_language_is_english(environment: dict[str, str]) -> None:
    """Nothing in the environment can break the messages."""
    assert translation_for(environment).texts == {}


def test_an_entry_without_members_cannot_be_mixed_up() -> None:
    """Areas are closed: a table cannot be extended elsewhere, so all messages are in the catalogue."""
    assert set(Entry.__subclasses__()) == set(AREAS.values())
