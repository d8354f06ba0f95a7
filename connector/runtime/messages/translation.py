"""Messages in the language of the person who reads them.

The files are read as ``.po``: one file is a language, with no build step between the translator and the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from connector.runtime.messages import find
from connector.runtime.messages.catalogue import Entry, Message, parts_of, placeholders_of
from connector.runtime.messages.phrases import JOINED, PHRASES
from connector.runtime.messages.po import PoEntry, read_entries, write_entries

_ENGLISH = ("en", "C", "POSIX")
_LEADING = (".", ":")
_CODED = re.compile(r"(?P<code>CS\d{4}) (?P<rest>.+)", re.DOTALL)


@dataclass(frozen=True)
class Translation:
    """Texts by their English original. What it lacks stays English."""

    texts: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    """Its name, as in ``languages()``."""

    def text(self, message: Message) -> str:
        """What happened."""
        return self._fill(message.entry.text, message.parameters)

    def fix(self, message: Message) -> str:
        """What to do."""
        return self._fill(message.entry.fix, message.parameters)

    def words(self, text: str) -> str:
        """A text that is known by its form: a message with its code, or one of our phrases. Another stays as it is."""
        return self._say(text, ()) if self.texts else text

    def _fill(self, original: str, parameters: Mapping[str, str]) -> str:
        if not self.texts:
            return original.format_map(parameters)
        causes = [entry for value in parameters.values() if (entry := _entry_of(value))]
        said = {name: self._say(value, causes) for name, value in parameters.items()}
        return self._translated(original).format_map(said)

    def _translated(self, original: str) -> str:
        translated = self.texts.get(original) or original
        # A slip of the translator must not hide the message.
        return original if placeholders_of(translated) - placeholders_of(original) else translated

    def _say(self, value: str, causes: Iterable[Entry]) -> str:
        """What was filled in, if it is a message itself (the cause of a pause, and its fix beside it) or one of our
        phrases. Parameters are English text, since they travel in alerts; so they are known by their form.
        """
        if (entry := _entry_of(value)) and (coded := _CODED.fullmatch(value)):
            for originals in ((entry.text, entry.fix), (entry.text,)):
                if (given := _read(" ".join(filter(None, originals)), coded["rest"])) is not None:
                    told = [self._fill(original, given) for original in originals if original]
                    return f"{entry.code} {' '.join(told)}"
        for cause in causes:
            if cause.fix and (given := _read(cause.fix, value)) is not None:
                return self._fill(cause.fix, given)
        return self._say_phrases(value)

    def _say_phrases(self, value: str) -> str:
        """Phrases one after the other, as far as they are known."""
        known = [(found, phrase) for phrase in PHRASES if (found := _leading(phrase).fullmatch(value))]
        if not known:
            return value
        # The one that ends first: a placeholder must not swallow the next phrase.
        found, phrase = min(known, key=lambda one: len(value) - len(one[0]["rest_"] or ""))
        given = {name: text for name, text in found.groupdict().items() if not name.endswith("_")}
        said = found["before_"] + self._translated(phrase).format_map(given)
        if not found["rest_"]:
            return said
        rest = self._say_phrases(found["rest_"])
        return (
            f"{said} {rest}" if phrase.endswith(_LEADING) else self._translated(JOINED).format(one=said, another=rest)
        )


ENGLISH = Translation()
"""The originals."""


def _entry_of(value: str) -> Entry | None:
    """The entry of a message that was filled in with its code."""
    coded = _CODED.fullmatch(value)
    return find(coded["code"]) if coded else None


def _read(original: str, filled: str) -> dict[str, str] | None:
    """With what ``original`` was filled; None if it was not."""
    found = _pattern(original).fullmatch(filled)
    return found.groupdict() if found else None


@cache
def _pattern(original: str) -> re.Pattern[str]:
    return re.compile(_expression(original), re.DOTALL)


@cache
def _leading(phrase: str) -> re.Pattern[str]:
    between = " " if phrase.endswith(_LEADING) else "; "
    followed = f"(?:{between}(?P<rest_>.+))?"
    # Faults of a section name the setting first.
    return re.compile(rf"(?P<before_>(?:[\w.]+: )?){_expression(phrase)}{followed}", re.DOTALL)


def _expression(original: str) -> str:
    expression, seen = "", set[str]()
    for literal, name in parts_of(original):
        expression += re.escape(literal)
        if name is not None:
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>.+?)"
            seen.add(name)
    return expression


def translation_for(environment: Mapping[str, str]) -> Translation:
    """The language that the environment asks for, in gettext's order: LANGUAGE, LC_ALL, LC_MESSAGES, LANG."""
    wanted = next((v for n in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(n))), "")
    for language in wanted.split(":"):
        name = language.partition(".")[0].partition("@")[0]
        for candidate in (name, name.partition("_")[0]):
            if candidate in _ENGLISH:
                return ENGLISH  # the originals: whoever prefers English does not want what comes next
            if candidate in languages():
                return translation_in(candidate)
    return ENGLISH


def languages() -> tuple[str, ...]:
    """The languages besides English, by the names of their files."""
    found = files("connector.runtime.locale").iterdir()
    return tuple(sorted(file.name.removesuffix(".po") for file in found if file.name.endswith(".po")))


@cache
def translation_in(language: str) -> Translation:
    """The translation into one of ``languages()``; English for ``en``.

    Raises:
        ValueError: there is none, or its file is broken; the line is named.
    """
    if language in _ENGLISH:
        return ENGLISH
    if language not in languages():
        raise ValueError(f'there is no translation "{language}"; there are: {", ".join(("en", *languages()))}')
    text = (files("connector.runtime.locale") / f"{language}.po").read_text(encoding="utf-8")
    return Translation(read_po(text), language)


def read_po(text: str) -> dict[str, str]:
    """Translations by original. Entries marked fuzzy are left out, as gettext does.

    Raises:
        ValueError: a line is none of a ``.po`` file; it is named.
    """
    return {one.original: one.translated for one in read_entries(text) if one.original and not one.fuzzy}


def write_template(areas: Iterable[type[Entry]]) -> str:
    """The template for translators, with the code above each text."""
    return write_entries([PoEntry("", "Content-Type: text/plain; charset=UTF-8\n"), *_originals(areas)])


def renew_po(text: str, areas: Iterable[type[Entry]]) -> str:
    """A translator's file in the order of the template: without texts that are gone, with new ones left empty.
    Head, notes and marks of the translator stay.

    Raises:
        ValueError: a line is none of a ``.po`` file; it is named.
    """
    before = {one.original: one for one in read_entries(text)}
    renewed = [before.get("", PoEntry("", "Content-Type: text/plain; charset=UTF-8\n"))]
    for one in _originals(areas):
        old = before.get(one.original, one)
        made = tuple(f"{line}, fuzzy" if old.fuzzy and line.startswith("#,") else line for line in one.comments)
        renewed.append(PoEntry(one.original, old.translated, (*old.notes, *made)))
    return write_entries(renewed)


def _originals(areas: Iterable[type[Entry]]) -> list[PoEntry]:
    codes: dict[str, list[str]] = {}
    for entry in (entry for area in areas for entry in area):
        for original in (entry.text, entry.fix):
            if original:
                codes.setdefault(original, []).append(entry.code)
    for phrase in (*PHRASES, JOINED):
        codes.setdefault(phrase, []).append("filled in")
    return [PoEntry(text, "", (f"#. {', '.join(of)}", "#, python-brace-format")) for text, of in codes.items()]
