"""Files of translations, as any gettext editor writes them: entries of an original and its translation.

Only what our texts need: no contexts and no plural forms.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoEntry:
    """A text and its translation. The entry whose original is empty holds the head of the file."""

    original: str
    translated: str
    comments: tuple[str, ...] = ()
    """The lines above it that begin with ``#``, as they are."""

    @property
    def fuzzy(self) -> bool:
        """Marked by an editor as not looked through, so not to be used."""
        return any(line.startswith("#,") and "fuzzy" in line for line in self.comments)

    @property
    def notes(self) -> tuple[str, ...]:
        """What translators wrote to each other; not what is made from the code, nor what editors keep of old texts."""
        return tuple(line for line in self.comments if line == "#" or line.startswith("# "))


def read_entries(text: str) -> Iterator[PoEntry]:
    """The entries in their order, also those that are fuzzy or empty.

    Raises:
        ValueError: a line is none of a ``.po`` file; it is named.
    """
    fields: dict[str, str] = {}
    comments: list[str] = []
    current = ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.strip()  # noqa: PLW2901 -- white space never matters
        keyword, quoted = ("", line) if line.startswith('"') else _split(line)
        if "msgstr" in fields and (not line or line.startswith("#") or keyword == "msgid"):
            yield PoEntry(fields["msgid"], fields["msgstr"], tuple(comments))
            fields, comments, current = {}, [], ""
        if line.startswith("#"):
            comments.append(line)
            continue
        if not line:
            continue
        current = keyword or current
        in_place = current == "msgid" or (current == "msgstr" and "msgid" in fields)
        if not in_place or not (quoted.startswith('"') and quoted.endswith('"') and len(quoted) > 1):
            raise ValueError(f'line {number}: expected msgid or msgstr and a text in quotes, found "{line}"')
        fields[current] = fields.get(current, "") + str(ast.literal_eval(quoted))


def _split(line: str) -> tuple[str, str]:
    keyword, _, quoted = line.partition(" ")
    return keyword, quoted.strip()


def write_entries(entries: Iterable[PoEntry]) -> str:
    """A file that holds these."""
    return "\n".join("\n".join(_lines(entry)) + "\n" for entry in entries)


def _lines(entry: PoEntry) -> Iterator[str]:
    yield from entry.comments
    for keyword, text in (("msgid", entry.original), ("msgstr", entry.translated)):
        if text.endswith("\n"):  # a head: one of its lines on each line, so that it can be read
            yield f'{keyword} ""'
            yield from (_quote(line) for line in text.splitlines(keepends=True))
        else:
            yield f"{keyword} {_quote(text)}"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
