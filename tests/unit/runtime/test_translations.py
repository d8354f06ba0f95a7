"""The languages that are there: whole, with nothing left over, and shipped."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from connector.commands.main import COMMANDS
from connector.runtime.messages import (
    AREAS,
    CliMessage,
    message,
)
from connector.runtime.messages.catalogue import placeholders_of
from connector.runtime.messages.phrases import JOINED, PHRASES
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
ORIGINALS = [text for area in AREAS.values() for entry in area for text in (entry.text, entry.fix) if text] + [
    *PHRASES,
    JOINED,
]
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


def test_french_has_its_spaces_and_quotes() -> None:
    """A sign of punctuation never begins a line: the blank before it does not break. Commands stand in guillemets."""
    loose = [
        e.translated for e in entries_of("fr") if re.search(r" [:;?!»](\s|$)|« |[^\s:/{\[(\"][;?!](\s|$)", e.translated)
    ]

    assert loose == []
    assert [e.translated for e in entries_of("fr") if '"cohortstream' in e.translated] == []


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
