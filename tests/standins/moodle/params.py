"""Moodle's parameter types: what each one leaves of a value.

A value is accepted only when cleaning it changes nothing, so these functions are also the rules of what is refused.
"""

import re
from collections.abc import Callable

from tests.standins.moodle import php

THEMES = frozenset({"boost", "classic"})
AUTH_PLUGINS = frozenset(
    "cas db email ldap lti manual mnet nologin none oauth2 shibboleth webservice".split()  # noqa: SIM905 - a list of words
)
_TIMEZONE = re.compile(r"(([+-]?(0?[0-9](\.[5|0])?|1[0-3](\.0)?|1[0-2]\.5))|(99)|[A-Za-z0-9]+(/?[A-Za-z_-])+)\Z")


def fix_utf8(text: str) -> str:
    """Drop NUL bytes, the two non-characters and whatever is not UTF-8."""
    if php.is_canonical_int(text):
        return text
    if text.isascii():
        return text.replace("\0", "")
    return re.sub("[\0\ufffe\uffff\ud800-\udfff]", "", text)


def _only(allowed: str) -> Callable[[str], str]:
    refused = re.compile(f"[^{allowed}]")

    def clean(text: str) -> str:
        return refused.sub("", text)

    return clean


def _boolean(text: str) -> str:
    lowered = text.lower()
    if lowered in {"on", "yes", "true"}:
        return "1"
    if lowered in {"off", "no", "false"}:
        return "0"
    return "0" if php.is_empty(text) else "1"


def _plugin(text: str) -> str:
    if not re.fullmatch(r"[a-z](?:[a-z0-9_](?!__))*[a-z0-9]+", text) or "__" in text:
        return ""
    return text


def _theme(text: str) -> str:
    return text if _plugin(text) in THEMES else ""


def _auth(text: str) -> str:
    return text if _plugin(text) in AUTH_PLUGINS else ""


def _language(text: str) -> str:
    """Only the language that every site has."""
    return "en" if re.sub(r"[^a-zA-Z0-9_-]", "", text) == "en" else ""


def _username(text: str) -> str:
    return re.sub(r"[^-.@_a-z0-9]", "", php.trim(fix_utf8(text)).lower())


def _multilang(text: str) -> str:
    """PARAM_TEXT: all tags go, except a well-formed multi-language block."""
    text = fix_utf8(text)
    block = r'<span(?:\s+lang="[a-zA-Z0-9_-]+"|\s+class="multilang"){2}\s*>[^<]*</span>'
    if re.fullmatch(rf"(?:[^<]|{block})*", text):
        return text
    return php.strip_tags(text)


def _timezone(text: str) -> str:
    text = fix_utf8(text)
    return text if _TIMEZONE.match(text) else ""


CLEANERS: dict[str, Callable[[str], str]] = {
    "raw": fix_utf8,
    "raw_trimmed": lambda text: php.trim(fix_utf8(text)),
    "int": lambda text: str(php.to_int(text)),
    "bool": _boolean,
    "alpha": _only("a-zA-Z"),
    "alphanum": _only("a-zA-Z0-9"),
    "alphanumext": _only("A-Za-z0-9_-"),
    "text": _multilang,
    "notags": lambda text: php.strip_tags(fix_utf8(text)),
    "url": fix_utf8,
    "theme": _theme,
    "auth": _auth,
    "lang": _language,
    "username": _username,
    "timezone": _timezone,
}
"""Parameter type to its cleaning function; numbers come back as text."""


def clean(text: str, kind: str) -> str:
    return CLEANERS[kind](text)


def is_clean(text: str, kind: str) -> bool:
    """Whether Moodle accepts *text* for a parameter of this type."""
    return CLEANERS[kind](text) == text
