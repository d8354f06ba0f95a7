"""Which texts Moodle's database may hold to be equal.

Moodle compares cohort idnumbers by its database's collation. The loosest that it supports in the field is
``utf8mb4_unicode_ci`` of MariaDB and MySQL: the primary weights of the Unicode Collation Algorithm 4.0.0 with trailing
blanks ignored and all characters beyond the basic plane held equal. Two idnumbers with one key would be one cohort
there.

The key errs on one side: it may unite texts that the database tells apart (``й`` and ``и``, ``ð`` and ``d``), since the
price is a cohort that waits for a person. It is no order, and it is no substitute for the text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BEYOND_THE_BASIC_PLANE = re.compile(r"[^\u0000-\uffff]")

# Letters that are drawn, not composed: Unicode has no decomposition for these, but their names tell the base letter.
_DRAWN = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER (?:DOTLESS )?([A-Z]{1,2})(?: WITH .*)?")
_SPELT_OUT = {"ð": "d", "þ": "th", "œ": "oe", "ŋ": "n"}
_WHITE_WITH_WEIGHT = "\t\n\v\f\r\u0085"
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(c) for c in range(0xFE00, 0xFE10)}


def loose_key(text: str) -> str:
    """A key that is the same for any two texts which the loosest collation holds equal."""
    folded = _BEYOND_THE_BASIC_PLANE.sub("\ufffd", unicodedata.normalize("NFC", text))
    for _ in range(2):  # folding may compose anew what was taken apart, and the other way round
        folded = unicodedata.normalize("NFKD", folded).casefold()
    return "".join(map(_weight, folded)).rstrip(" ")


@lru_cache(maxsize=4096)
def _weight(character: str) -> str:
    """What one character of a decomposed, folded text contributes."""
    if "!" <= character <= "~" or character == " ":
        return character
    category = unicodedata.category(character)
    ignorable = unicodedata.combining(character) or category in ("Cf", "Cc", "Me") or character in _INVISIBLE
    if ignorable and character not in _WHITE_WITH_WEIGHT:
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    if character in _SPELT_OUT:
        return _SPELT_OUT[character]
    if "\u30a1" <= character <= "\u30f6":  # katakana reads as hiragana
        return chr(ord(character) - 0x60)
    drawn = _DRAWN.fullmatch(unicodedata.name(character, ""))
    return drawn[1].lower() if drawn else character
