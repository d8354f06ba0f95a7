"""PHP's own rules, as far as they show in Moodle's answers.

Conversions, comparisons, escaping and printing of scalar values. Text is ``str``; bytes that are not UTF-8 are
carried as surrogate escapes, so a value that came in broken can be recognised later.
"""

import json
import re
from typing import Any

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)
_LEADING_NUMBER = re.compile(r"[ \t\n\r\v\f]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)")
_NUMERIC = re.compile(r"[ \t\n\r\v\f]*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[ \t\n\r\v\f]*\Z")
_WHITE = " \t\n\r\0\x0b"


def to_int(text: str) -> int:
    """``(int)$text``: the leading number, cut to 64 bits; 0 when there is none."""
    found = _LEADING_NUMBER.match(text)
    if found is None:
        return 0
    number = found[1]
    if re.fullmatch(r"[+-]?\d{1,30}", number):
        return max(INT_MIN, min(INT_MAX, int(number)))
    value = float(number)
    if re.fullmatch(r"[+-]?\d+", number):
        return INT_MAX if value > 0 else INT_MIN if value < 0 else 0
    if value != value or abs(value) == float("inf"):  # noqa: PLR0124 - NaN differs from itself
        return 0
    return int(value) if INT_MIN <= value <= INT_MAX else 0


def is_canonical_int(text: str) -> bool:
    """``(string)(int)$text === $text``."""
    return str(to_int(text)) == text


def is_numeric(text: str) -> bool:
    return _NUMERIC.match(text) is not None


def loosely_equal(left: str, right: str | int) -> bool:
    """``$left == $right`` of PHP 8: numeric strings compare as numbers, everything else as text."""
    other = str(right)
    if is_numeric(left) and is_numeric(other):
        if is_canonical_int(left.strip()) and is_canonical_int(other.strip()):
            return to_int(left) == to_int(other)
        return float(left) == float(other)
    return left == other


def is_empty(value: object) -> bool:
    """``empty($value)``."""
    return not value or value == "0"


def trim(text: str) -> str:
    return text.strip(_WHITE)


def is_valid_utf8(text: str) -> bool:
    """Whether the bytes behind *text* were UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text) if not text.isascii() else True


def json_encode(value: object) -> str:
    """``json_encode($value)`` with default flags: ASCII only, slashes escaped."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/")


def html_escape(text: str) -> str:
    """``htmlspecialchars($text, ENT_COMPAT)``."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def to_string(value: object) -> str:
    """``(string)$value`` of a scalar."""
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def var_export(values: list[Any]) -> str:
    """``var_export`` of a list of scalars, as it stands in database exceptions."""
    lines = [f"  {index} => {_exported(value)},\n" for index, value in enumerate(values)]
    return "array (\n" + "".join(lines) + ")"


def _exported(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return "'" + escaped + "'"
    return str(value)


_STRIP_TAGS = re.compile(r"<(?![\s])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*(?:>|\Z)", re.DOTALL)


def strip_tags(text: str) -> str:
    """``strip_tags($text)``: a ``<`` before a blank stays, an unclosed tag swallows the rest."""
    return _STRIP_TAGS.sub("", re.sub(r"<!--.*?(?:-->|\Z)", "", text, flags=re.DOTALL)).replace("\0", "")
