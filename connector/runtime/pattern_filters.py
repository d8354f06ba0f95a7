"""The filters of a pattern: what ``{COLUMN|filter:argument}`` may do to a text.

Every filter is a pure function from text to text. The table at the end is the whole language; the reference
documentation and the suggestions for misspelt names are made from it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Filter = Callable[[str], "str | None"]
"""From text to text; None where a value map does not list the text."""

ValueMaps = Mapping[str, Mapping[str, str]]
"""Value maps by name."""

# Letters that Unicode does not take apart, in the Latin spellings of universities' data.
_LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ł": "l", "Ł": "L", "þ": "th", "Þ": "TH", "ı": "i"}
    | {"’": "'", "‘": "'", "–": "-", "—": "-", "\u00a0": " "}
)


@dataclass(frozen=True)
class FilterKind:
    """One filter of the language: how it is written, what it does, how it is built from its arguments."""

    usage: str
    meaning: str
    arguments: range
    """How many arguments it takes, as a range of counts."""
    build: Callable[[list[str], ValueMaps], Filter]
    """Raises ValueError, with a fix, for arguments that make no sense."""


def fold_accents(text: str) -> str:
    """``text`` without accents, and with the ligatures of European languages spelt out. Other letters stay."""
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def _trimmer(strip: Callable[[str, str | None], str]) -> Callable[[list[str], ValueMaps], Filter]:
    def build(arguments: list[str], _: ValueMaps) -> Filter:
        characters = arguments[0] if arguments else None
        if characters == "":
            raise ValueError("give the characters to remove, or leave out the colon to remove white space")
        return lambda text: strip(text, characters)

    return build


def _plain(function: Callable[[str], str]) -> Callable[[list[str], ValueMaps], Filter]:
    return lambda _arguments, _maps: function


def _pad(arguments: list[str], _: ValueMaps) -> Filter:
    width = _whole_number(arguments[0], "the width")
    fill = arguments[1] if len(arguments) > 1 else "0"
    if not 0 < width <= 255:
        raise ValueError("the width must be between 1 and 255, for example pad:8")
    if len(fill) != 1:
        raise ValueError("the fill must be one character, for example pad:8:0")
    return lambda text: text.rjust(width, fill)


def _slice(arguments: list[str], _: ValueMaps) -> Filter:
    start, end = (_whole_number(text, "each end of a slice") if text else None for text in arguments)
    if start is None and end is None:
        raise ValueError("give a start, an end or both, for example slice:0:3 for the first three characters")
    if start is not None and end is not None and (start < 0) == (end < 0) and end <= start:
        raise ValueError("the end must lie after the start; slice:0:3 means the first three characters")
    return lambda text: text[start:end]


def _replace(arguments: list[str], _: ValueMaps) -> Filter:
    old, new = (unicodedata.normalize("NFC", text) for text in arguments)
    if not old:
        raise ValueError("the text to look for is empty; write replace:OLD:NEW")
    return lambda text: text.replace(old, new)


def _map(arguments: list[str], maps: ValueMaps) -> Filter:
    name = arguments[0]
    if name not in maps:
        known = ", ".join(sorted(maps)) or "none is defined"
        raise ValueError(f'there is no value map "{name}" ({known}); define it as a table "maps.{name}" of the section')
    entries = {unicodedata.normalize("NFC", key): value for key, value in maps[name].items()}
    return entries.get


def _whole_number(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'{what} must be a whole number, not "{text}"') from None


DEFAULT = "default"
"""The one filter that works on NULL, hence known to the pattern itself."""

FILTERS: Mapping[str, FilterKind] = {
    "trim": FilterKind(
        "trim, trim:CHARACTERS", "without white space (or these characters) at both ends", range(2), _trimmer(str.strip)
    ),
    "ltrim": FilterKind(
        "ltrim, ltrim:CHARACTERS",
        "the same at the left; `ltrim:0` removes leading zeros",
        range(2),
        _trimmer(str.lstrip),
    ),
    "rtrim": FilterKind("rtrim, rtrim:CHARACTERS", "the same at the right", range(2), _trimmer(str.rstrip)),
    "upper": FilterKind("upper", "in capitals", range(1), _plain(str.upper)),
    "lower": FilterKind("lower", "in small letters", range(1), _plain(str.lower)),
    "ascii": FilterKind(
        "ascii", "without accents; letters that have no ASCII spelling stay", range(1), _plain(fold_accents)
    ),
    "pad": FilterKind("pad:WIDTH, pad:WIDTH:FILL", "filled up at the left, with zeros unless told", range(1, 3), _pad),
    "slice": FilterKind(
        "slice:START:END",
        "characters START (from 0) up to, not including, END; either may be empty; negative ones count from the end",
        range(2, 3),
        _slice,
    ),
    "replace": FilterKind("replace:OLD:NEW", "every OLD replaced by NEW, which may be empty", range(2, 3), _replace),
    "map": FilterKind(
        "map:NAME",
        "what the value map NAME says; a value that it does not list is a fault of the row",
        range(1, 2),
        _map,
    ),
    DEFAULT: FilterKind(
        "default:TEXT",
        "TEXT where the column is NULL or blank; an empty TEXT makes the part optional",
        range(1, 2),
        lambda arguments, _: lambda text: text if text.strip() else arguments[0],
    ),
}
