"""What is filled into messages is translated with them: messages inside messages, and the product's own phrases."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from connector.runtime.config.faults import explain
from connector.runtime.messages import (
    AREAS,
    CliMessage,
    ConsumerMessage,
    Message,
    MoodleMessage,
    OracleMessage,
    SettingsMessage,
    message,
)
from connector.runtime.messages.phrases import OF_TYPES, PHRASES
from connector.runtime.messages.translation import Translation, translation_in
from connector.runtime.patterns import Pattern
from connector.runtime.settings import Section

ROOT = Path(__file__).parents[3]


def test_a_cause_is_translated_with_its_alert() -> None:
    """An alert carries its cause as English text; the reader gets cause and fix in their language all the same."""
    cause = message(MoodleMessage.GARBLED, function="core_x", reason="not JSON", url="https://m.example.org")
    alert = message(ConsumerMessage.PAUSED, cause=f"{cause.code} {cause.text}", fix=cause.fix)
    french = translation_in("fr")

    assert french.text(alert).endswith(f": {cause.code} {french.text(cause)}")
    assert french.fix(alert).endswith(f". {french.fix(cause)}")
    assert french.fix(cause) != cause.fix


def test_a_whole_message_is_translated_where_it_is_the_reason() -> None:
    """Code, text and fix, with what was filled into it."""
    cause = message(OracleMessage.BLOCKED, source="a", what="its clock is 900 s behind what was read last", hash="0af")
    french = translation_in("fr")
    said = french.text(message(CliMessage.PART_FAILS, part="a", seconds=60, reason=str(cause)))

    assert said.endswith(f"{cause.code} {french.text(cause)} {french.fix(cause)}")
    assert "son horloge retarde de 900 s sur la dernière lecture" in said


def test_phrases_are_translated_one_by_one() -> None:
    """What is known of a list of reasons and of advice; what other programs say stays as it is."""
    french = Translation(
        {
            "{name} is in another database": "{name} : autre base",
            "{name} cannot be looked into": "{name} : opaque",
            "GRANT SELECT ON sys.gv_$transaction TO {user}.": "Droit pour {user}.",
            "{one}; {another}": "{one} ; {another}",
        }
    )
    made = message(
        OracleMessage.UNPROVED,
        source="s",
        hint="h",
        reasons="A is in another database; B cannot be looked into; ORA-00942: no such table",
        advice="GRANT SELECT ON sys.gv_$transaction TO u. Ask somebody.",
    )

    assert "A : autre base ; B : opaque ; ORA-00942: no such table." in french.text(made)
    assert french.fix(made).endswith("Droit pour u. Ask somebody.")


@pytest.mark.parametrize("value", ["", "CS4001", "CS9999 of a later release", "CS4001 in other words", "a\nb"])
def test_what_is_not_ours_is_filled_in_as_it_is(value: str) -> None:
    """Also a message of another release."""
    assert value in translation_in("fr").text(message(CliMessage.UNEXPECTED, reason=value))


def test_every_message_can_be_read_back_as_a_cause() -> None:
    """No text of the catalogue is lost or mixed up on its way through another one's parameter."""
    french = translation_in("fr")
    for entry in (entry for area in AREAS.values() for entry in area):
        cause = Message(entry, {name: f"<{name}>" for name in entry.placeholders})
        told = french.text(message(CliMessage.UNEXPECTED, reason=f"{cause.code} {cause.text}"))

        assert f"{cause.code} {french.text(cause)}" in told


def _skeleton(text: str) -> str:
    return "".join(literal + ("" if name is None else "{}") for literal, name, _, _ in string.Formatter().parse(text))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
            yield re.sub(r"\{\w+\}", "{}", node.value)
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def test_phrases_are_those_of_the_product() -> None:
    """One that was reworded where it is made would no longer be found."""
    made = {
        text
        for package in ("connector", "consumers")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "phrases.py"
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
    }

    begins = "\n".join(sorted(made))  # a phrase may be the first part of a text that goes on with another one

    for phrase in (phrase for phrase in PHRASES if phrase not in OF_TYPES):
        wanted = _skeleton(phrase)
        assert wanted in made or re.search(f"^{re.escape(wanted)};? ", begins, re.MULTILINE), phrase


class _Section(Section):
    """One setting of each kind."""

    number: int = Field(default=1, ge=1, le=9)
    share: float = Field(default=0.5, gt=0, lt=1)
    switch: bool = True
    text: str = Field(default="x", min_length=1)
    choice: Literal["a", "b"] = "a"
    listed: tuple[str, ...] = Field(default=("x",), min_length=1)
    table: dict[str, str] = Field(default_factory=dict)


@pytest.mark.parametrize(
    "given",
    [
        {"number": "many"},
        {"number": 1.5},
        {"number": 0},
        {"number": 10},
        {"number": []},
        {"share": "all"},
        {"share": 0},
        {"share": 1},
        {"share": []},
        {"switch": "perhaps"},
        {"switch": []},
        {"text": 1},
        {"text": ""},
        {"choice": "c"},
        {"listed": "x"},
        {"listed": []},
        {"table": "x"},
    ],
)
def test_faults_of_types_are_told_in_french(given: dict[str, object]) -> None:
    """Whatever a setting may be, and is not."""
    with pytest.raises(ValidationError) as refused:
        _Section.model_validate(given)
    ((_, told),) = explain(_Section, [dict(error) for error in refused.value.errors()])
    french = translation_in("fr").text(told)

    assert re.search(r" (it|should|valid|unable|be|at least) ", french) is None, french


def test_faults_of_a_pattern_are_told_in_french() -> None:
    """With the name of the setting, the place in the pattern, and another fault after it."""
    with pytest.raises(ValueError, match="never closed") as refused:
        Pattern.parse("{A}-{CODE|trim")
    reason = f"cohort.name: {refused.value}; membership.student must name exactly one column; join several in the query"

    told = translation_in("fr").text(message(SettingsMessage.BAD_TABLE, key="sources.a", reason=reason))

    assert told.replace("\N{NO-BREAK SPACE}", " ").endswith(
        "cohort.name: modèle « {A}-{CODE|trim », caractère 5 : cette accolade n'est jamais fermée ; terminez la partie par } ; "
        "membership.student doit nommer exactement une colonne ; réunissez-en plusieurs dans la requête."
    )
