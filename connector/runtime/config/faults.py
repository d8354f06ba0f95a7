"""The models' complaints, as faults that an operator can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from connector.runtime.config.fields import Known, follow
from connector.runtime.config.places import KeyPath
from connector.runtime.messages import Message, SettingsMessage, message
from connector.runtime.settings import Section


def explain(model: type[Section], errors: Iterable[Mapping[str, Any]]) -> list[tuple[KeyPath, Message]]:
    """Each complaint of pydantic as the path that it is about and a message; the same path is named once."""
    found: dict[tuple[KeyPath, str], Message] = {}
    for error in errors:
        path: KeyPath = tuple(error["loc"])
        # A union complains once for each of its arms, with the arm's name at the end of the path.
        known = follow(model, path)
        told = path if error["type"] in ("extra_forbidden", "missing") else known.path
        made = _explain(model, told, error, known)
        found.setdefault((told, "unknown" if error["type"] == "extra_forbidden" else "value"), made)
    return [(path, made) for (path, _), made in found.items()]


def dotted(path: KeyPath) -> str:
    """The path as an operator writes it: ``sources.apogee.hints[1].cursor``, arrays counted from 1."""
    text = ""
    for key in path:
        text += f"[{key + 1}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)), None)


def _explain(model: type[Section], path: KeyPath, error: Mapping[str, Any], known: Known) -> Message:
    key = dotted(path)
    if error["type"] == "extra_forbidden":
        around = follow(model, path[:-1])
        if instead := around.superseded.get(str(path[-1])):
            return message(SettingsMessage.SUPERSEDED_KEY, key=key, instead=instead)
        if near := nearest(str(path[-1]), around.keys):
            return message(SettingsMessage.UNKNOWN_KEY, key=key, near=near)
        return message(SettingsMessage.UNKNOWN_KEY_LISTED, key=key, known=", ".join(around.keys))
    if error["type"] == "missing":
        return message(SettingsMessage.MISSING_KEY, key=key, meaning=known.meaning)
    if error["type"] == "value_error" and known.keys:
        return message(SettingsMessage.BAD_TABLE, key=key or "the file", reason=_reason(error, known))
    return message(SettingsMessage.BAD_VALUE, key=key, reason=_reason(error, known), meaning=known.meaning)


def _reason(error: Mapping[str, Any], known: Known) -> str:
    if error["type"] in ("model_type", "model_attributes_type"):
        return 'it must be a text or { file = "..." }' if known.is_secret else "it must be a table"
    text = str(error["msg"]).removeprefix("Value error, ").strip().rstrip(".")
    return text.replace("Input should be", "it should be")
