"""How the two databases compare and sort.

MariaDB with ``utf8mb4_unicode_ci`` ignores case, accents and trailing blanks and takes a number from the front of a
text; PostgreSQL compares exactly and refuses a text that is not a number. Sort weights follow the Unicode collation
algorithm as far as Latin text needs it: blanks, punctuation, symbols, digits, letters.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tests.standins.moodle import php

# ASCII punctuation in the order of utf8mb4_unicode_ci; digits and letters follow.
_ASCII_ORDER = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"
_WEIGHTS = {char: chr(index + 1) for index, char in enumerate(_ASCII_ORDER)}
_TRANSLATION = str.maketrans({**_WEIGHTS, **{char.upper(): weight for char, weight in _WEIGHTS.items()}})
_KATAKANA = {chr(code): chr(code - 0x60) for code in range(0x30A1, 0x30F7)}
_LETTERS = str.maketrans(
    {**_KATAKANA, "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i"}
)


class CastError(ValueError):
    """PostgreSQL refuses to read a text as a number."""


def loose_key(text: str) -> str:
    """Equal for texts that ``utf8mb4_unicode_ci`` holds to be equal."""
    if text.isascii() and text.isprintable():
        return text.rstrip(" ").lower()
    return _folded(text)


@lru_cache(maxsize=65536)
def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    kept: list[str] = []
    for char in decomposed:
        category = unicodedata.category(char)
        if category in {"Mn", "Me", "Cf"} or (category == "Cc" and char not in "\t\n\v\f\r"):
            continue
        kept.append("\ufffd" if char > "\uffff" else char)
    return "".join(kept).rstrip(" ")


@lru_cache(maxsize=262144)
def sort_key(text: str) -> str:
    """Orders texts as ``ORDER BY`` does under ``utf8mb4_unicode_ci``."""
    return loose_key(text).translate(_TRANSLATION)


def like_pattern(pattern: str) -> re.Pattern[str]:
    r"""A ``LIKE`` pattern with ``\`` as escape character, as a regular expression for whole texts."""
    parts: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == "\\":
            parts.append(re.escape(next(chars, "\\")))
        elif char == "%":
            parts.append(".*")
        elif char == "_":
            parts.append(".")
        else:
            parts.append(re.escape(char))
    return re.compile("".join(parts), re.DOTALL)


def like_escape(text: str) -> str:
    r"""Moodle's ``sql_like_escape``: a backslash of the text itself is not escaped."""
    return text.replace("_", "\\_").replace("%", "\\%")


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between the databases."""

    name: str
    text_key: Callable[[str], str]
    """Texts are equal when their keys are."""
    accent_key: Callable[[str], str]
    """The same for comparisons that ignore case and, on MariaDB, accents."""

    def same_text(self, left: str, right: str) -> bool:
        return self.text_key(left) == self.text_key(right)

    def contains(self, pattern: str) -> Callable[[str], bool]:
        """``LIKE``, regardless of case, sensitive to accents."""
        matcher = like_pattern(pattern.lower())
        return lambda text: matcher.fullmatch(text.lower()) is not None

    def contains_loosely(self, pattern: str) -> Callable[[str], bool]:
        """``LIKE``, regardless of case, and of accents where the database can."""
        if self.name == "mariadb":
            matcher = like_pattern(_like_folded(pattern))
            return lambda text: matcher.fullmatch(_like_folded(text)) is not None
        return self.contains(pattern)

    def number(self, text: str) -> float | int:
        """The number that a text stands for when compared with a numeric column."""
        if self.name == "mariadb":
            return _leading_number(text)
        stripped = text.strip(" \t\n\r\v\f")
        if not re.fullmatch(r"[+-]?[0-9]{1,30}", stripped) or not php.INT_MIN <= int(stripped) <= php.INT_MAX:
            raise CastError(text)
        return int(stripped)

    def insertable(self, text: str, limit: int) -> str | None:
        """The text as a column of *limit* characters keeps it; ``None`` when it is too long."""
        if len(text) <= limit:
            return text
        return text[:limit] if text[limit:].strip(" ") == "" else None


def _leading_number(text: str) -> float | int:
    found = re.match(r"[ \t\n\r\v\f]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)", text)
    if found is None:
        return 0
    return int(found[1]) if re.fullmatch(r"[+-]?\d{1,30}", found[1]) else float(found[1])


def _like_folded(text: str) -> str:
    """Per character, without the padding rule: ``LIKE`` compares character by character."""
    if text.isascii():
        return text.lower()
    return "".join(loose_key(char) or char for char in text)


MARIADB = Flavour("mariadb", loose_key, loose_key)
POSTGRESQL = Flavour("postgresql", lambda text: text, str.lower)
FLAVOURS = {flavour.name: flavour for flavour in (MARIADB, POSTGRESQL)}
