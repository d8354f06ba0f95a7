"""Settings as text, without their secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connector.runtime.settings import Secret, Section

HIDDEN = "<secret>"
_SENSITIVE = re.compile(r"password|passwd|secret|token|\.pem$|authorization", re.IGNORECASE)


def visible(value: Any) -> Any:
    """``value`` as plain data; a secret shows its file, never its content. What is absent is left out."""
    if isinstance(value, Secret):
        return HIDDEN if value.file is None else {"file": str(value.file)}
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Section):
        plain = value.model_dump(mode="json", exclude_none=True)
        shown = {}
        for name in type(value).model_fields:
            own = getattr(value, name)
            if isinstance(own, Section | Mapping | tuple | list):
                shown[name] = visible(own)
            elif name in plain:
                shown[name] = plain[name]
        return shown
    if isinstance(value, Mapping):
        # Settings that are passed on as they are, such as librdkafka's, may hold what belongs among the secrets.
        return {
            str(k): HIDDEN if _SENSITIVE.search(str(k)) and isinstance(v, str) else visible(v) for k, v in value.items()
        }
    if isinstance(value, tuple | list | set | frozenset):
        return [visible(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def to_toml(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """Plain data as TOML: values first, then the tables."""
    tables = {key: value for key, value in data.items() if isinstance(value, Mapping) and not _is_inline(value)}
    arrays = {key: value for key, value in data.items() if _is_array_of_tables(value)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in data.items() if k not in tables and k not in arrays]
    text = "\n".join([*([f"[{'.'.join(map(_key, path))}]"] if path and lines else []), *lines])
    parts = [text] if text else []
    parts += [to_toml(value, (*path, key)) for key, value in tables.items()]
    for key, value in arrays.items():
        name = ".".join(map(_key, (*path, key)))
        for table in value:
            parts.append(f"[[{name}]]\n" + "\n".join(f"{_key(k)} = {_value(v)}" for k, v in table.items()))
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _is_inline(value: Mapping[str, Any]) -> bool:
    """Empty, or a secret in a file: these read better as values."""
    return not value or value.keys() == {"file"}


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)
