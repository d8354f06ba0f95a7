"""How a column's value reads as text, before any filter of a pattern.

The rules: text keeps its characters in Unicode NFC and loses trailing blanks, because Oracle pads CHAR columns with
them and the driver does not say which columns are CHAR; numbers are written in full without a superfluous fraction
(``12``, never ``12.0`` nor ``1.2E+1``); dates and times are ISO 8601; everything else is refused.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Decimal


def text_of(value: object) -> str | None:
    """The text of ``value``; None for NULL.

    A DATE column arrives as a date with a time, so it always reads ``2026-09-01T00:00:00``: ``slice:0:10`` is its day.

    Raises:
        TypeError: the type has no agreed text; the message says what to select instead.
    """
    match value:
        case None:
            return None
        case str():
            return unicodedata.normalize("NFC", value).rstrip(" ")
        case bool():  # before int, of which it is one
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            return _number(Decimal(repr(value)))
        case Decimal():
            return _number(value)
        case datetime() | date():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            raise TypeError("holds bytes; select RAWTOHEX(column), or a text column")
        case _:
            raise TypeError(f"holds a {type(value).__name__}; select it as text, with TO_CHAR(column)")


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise TypeError(f"holds {value}, which is not a number")
    if not value:
        return "0"  # also for a negative zero
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
