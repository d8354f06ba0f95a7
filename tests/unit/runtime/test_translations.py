"""The languages that are there: whole, with nothing left over, and shipped."""

from __future__ import annotations

import ast
import re
import shutil
import string
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.commands.main import COMMANDS
from connector.runtime.messages import (
    AREAS,
    CliMessage,
    ConsumerMessage,
    Message,
    MoodleMessage,
    OracleMessage,
    message,
)
from connector.runtime.messages.catalogue import placeholders_of
from connector.runtime.messages.phrases import PHRASES
from connector.runtime.messages.po import PoEntry, read_entries
from connector.runtime.messages.translation import (
    Translation,
    languages,
    renew_po,
    translation_for,
    translation_in,
    write_template,
)

ROOT = Path(__file__).parents[3]
LOCALE = ROOT / "connector" / "runtime" / "locale"
ORIGINALS = [text for area in AREAS.values() for entry in area for text in (entry.text, entry.fix) if text] + [*PHRASES]
TYPED = re.compile(
    rf"cohortstream (?:{'|'.join(sorted(COMMANDS, reverse=True))})|"
    r"--[a-z-]+|/[a-z]+\b|\b\w+:\w+\b|\b[a-z]+[._][a-z_.]+\w|\w+ = [\w\"]+|\b[A-Z][A-Z0-9_]+\b|\d+"
)
"""What a reader types or searches for: commands, options, settings, functions, capabilities, Oracle's words, numbers."""


def entries_of(language: str) -> list[PoEntry]:
    text = (LOCALE / f"{language}.po").read_text(encoding="utf-8")
    return [entry for entry in read_entries(text) if entry.original]


# --- what is in the files ---------------------------------------------------------------------------------------------


def test_french_is_there() -> None:
    """Besides English, which needs no file."""
    assert "fr" in languages()


@pytest.mark.parametrize("language", languages())
def test_a_language_is_complete(language: str) -> None:
    """Every message and phrase is translated, and none is left that no longer exists; a fuzzy one is not translated."""
    entries = entries_of(language)
    translated = [entry.original for entry in entries if entry.translated and not entry.fuzzy]

    assert [text for text in ORIGINALS if text not in translated] == []
    assert [entry.original for entry in entries if entry.original not in ORIGINALS] == []
    assert len(translated) == len(set(translated))


@pytest.mark.parametrize("language", languages())
def test_a_translation_fills_in_the_same(language: str) -> None:
    """No value is lost and none is awaited that nobody gives."""
    assert [
        e.translated for e in entries_of(language) if placeholders_of(e.translated) != placeholders_of(e.original)
    ] == []


@pytest.mark.parametrize("language", languages())
def test_what_is_typed_is_not_translated(language: str) -> None:
    """Commands, options, settings and names of other systems' things can be copied from any language."""
    wrong = {}
    for entry in entries_of(language):
        wanted, found = ({*TYPED.findall(text)} for text in (entry.original, entry.translated))
        if missing := wanted - found:
            wrong[entry.original] = sorted(missing)

    assert wrong == {}


def test_french_has_its_spaces() -> None:
    """A sign of punctuation never begins a line: the blank before it does not break."""
    loose = [
        e.translated for e in entries_of("fr") if re.search(r" [:;?!»](\s|$)|« |[^\s:/{\[(\"][;?!](\s|$)", e.translated)
    ]

    assert loose == []


# --- which language ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "fr_FR.UTF-8"},
        {"LANG": "fr_CA"},
        {"LANG": "en_GB.UTF-8", "LC_ALL": "fr_FR@euro"},
        {"LANGUAGE": "xx:fr:en", "LANG": "en_GB.UTF-8"},
    ],
)
def test_the_environment_asks_for_french(environment: dict[str, str]) -> None:
    """In gettext's order, whatever the country."""
    assert translation_for(environment) == translation_in("fr")


@pytest.mark.parametrize(
    "environment", [{"LANGUAGE": "en_GB:fr"}, {"LC_ALL": "C.UTF-8", "LANG": "fr_FR.UTF-8"}, {"LANGUAGE": "C:fr"}]
)
def test_who_prefers_english_gets_it(environment: dict[str, str]) -> None:
    """English has no file, and is not passed over for that."""
    assert translation_for(environment) == Translation()


def test_a_language_can_be_named() -> None:
    """A recipient of alerts has a language of their own; one that is not there is named with those that are."""
    made = message(CliMessage.INTERRUPTED)

    assert translation_in("fr").text(made) == "Arrêté à votre demande."
    assert translation_in("en").text(made) == made.text
    with pytest.raises(ValueError, match=r'no translation "\.\./fr"; there are: en, fr'):
        translation_in("../fr")


# --- what is filled in ------------------------------------------------------------------------------------------------


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
        }
    )
    made = message(
        OracleMessage.UNPROVED,
        source="s",
        hint="h",
        reasons="A is in another database; B cannot be looked into; ORA-00942: no such table",
        advice="GRANT SELECT ON sys.gv_$transaction TO u. Ask somebody.",
    )

    assert "A : autre base; B : opaque; ORA-00942: no such table." in french.text(made)
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

    assert [phrase for phrase in PHRASES if _skeleton(phrase) not in made] == []


# --- the work of translators ------------------------------------------------------------------------------------------


def test_renewing_keeps_what_translators_wrote() -> None:
    """Head, notes, marks and translations stay; what is gone goes, and what is new is empty."""
    template = [entry for entry in read_entries(write_template(AREAS.values())) if entry.original]
    kept = next(entry for entry in template if entry.original == CliMessage.INTERRUPTED.text)
    before = (
        '# Glossary\nmsgid ""\nmsgstr "Language: xx\\n"\n\nmsgid "gone"\nmsgstr "weg"\n\n#~ msgid "older"\n'
        f'#~ msgstr "x"\n\n# a note\n#, fuzzy\nmsgid "{kept.original}"\nmsgstr "so"\n'
    )
    after = renew_po(before, AREAS.values())
    head, *renewed = read_entries(after)

    assert (head.translated, head.notes) == ("Language: xx\n", ("# Glossary",))
    assert [entry.original for entry in renewed] == [entry.original for entry in template]
    (same,) = [entry for entry in renewed if entry.translated]
    assert (same.original, same.translated, same.notes, same.fuzzy) == (kept.original, "so", ("# a note",), True)
    assert "#~" not in after
    assert renew_po(after, AREAS.values()) == after


# --- the package ------------------------------------------------------------------------------------------------------


def test_the_wheel_ships_every_language(tmp_path: Path) -> None:
    """The image is made from the wheel, too."""
    source = tmp_path / "source"
    for package in ("connector", "consumers", "schemas"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    build = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    shipped = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if "/locale/" in name}
    assert {f"{language}.po" for language in languages()} <= shipped
