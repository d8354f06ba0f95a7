"""Messages in the language of the person who reads them.

The files are read as ``.po``: one file is a language, with no build step between the translator and the reader.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from connector.runtime.messages.catalogue import Entry, Message, placeholders_of


@dataclass(frozen=True)
class Translation:
    """Texts by their English original. What it lacks stays English."""

    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, message: Message) -> str:
        """What happened."""
        return self._fill(message.entry.text, message)

    def fix(self, message: Message) -> str:
        """What to do."""
        return self._fill(message.entry.fix, message)

    def _fill(self, original: str, message: Message) -> str:
        translated = self.texts.get(original) or original
        if placeholders_of(translated) - placeholders_of(original):
            translated = original  # a slip of the translator must not hide the message
        return translated.format_map(message.parameters)


def translation_for(environment: Mapping[str, str]) -> Translation:
    """The language that the environment asks for, in gettext's order: LANGUAGE, LC_ALL, LC_MESSAGES, LANG."""
    wanted = next((v for n in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG") if (v := environment.get(n))), "")
    for language in wanted.split(":"):
        name = language.partition(".")[0].partition("@")[0]
        for candidate in (name, name.partition("_")[0]):
            file = files("connector.runtime.locale") / f"{candidate}.po"
            if candidate.isidentifier() and file.is_file():
                return Translation(read_po(file.read_text(encoding="utf-8")))
    return Translation()


def read_po(text: str) -> dict[str, str]:
    """Translations by original. Entries marked fuzzy are left out, as gettext does.

    Raises:
        ValueError: a line is none of a ``.po`` file; it is named.
    """
    texts: dict[str, str] = {}
    entry = {"msgid": "", "msgstr": ""}
    field_name, fuzzy = "", False
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.strip()  # noqa: PLW2901 -- white space never matters
        if line.startswith("#"):
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        keyword, quoted = ("", line) if line.startswith('"') else _split(line)
        if not line or (keyword == "msgid" and field_name == "msgstr"):
            if entry["msgid"] and not fuzzy:
                texts[entry["msgid"]] = entry["msgstr"]
            if field_name == "msgstr":
                entry, field_name, fuzzy = {"msgid": "", "msgstr": ""}, "", False
        if not line:
            continue
        field_name = keyword or field_name
        if field_name not in entry or not (quoted.startswith('"') and quoted.endswith('"') and len(quoted) > 1):
            raise ValueError(f'line {number}: expected msgid or msgstr and a text in quotes, found "{line}"')
        entry[field_name] += str(ast.literal_eval(quoted))
    return texts


def _split(line: str) -> tuple[str, str]:
    keyword, _, quoted = line.partition(" ")
    return keyword, quoted.strip()


def write_template(areas: Iterable[type[Entry]]) -> str:
    """The template for translators, with the code above each text."""
    lines = ['msgid ""', 'msgstr ""', '"Content-Type: text/plain; charset=UTF-8\\n"']
    codes: dict[str, list[str]] = {}
    for entry in (entry for area in areas for entry in area):
        for original in (entry.text, entry.fix):
            if original:
                codes.setdefault(original, []).append(entry.code)
    for original, of in codes.items():
        lines += ["", f"#. {', '.join(of)}", "#, python-brace-format", f"msgid {_quote(original)}", 'msgstr ""']
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
