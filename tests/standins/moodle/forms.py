"""How PHP turns a query string or a form body into nested values.

The rules that matter here: names with brackets nest, a name's dots and blanks become underscores, an empty index
appends, digits become integer keys, the last of two equal names wins but keeps the first one's place. Only
``max_input_vars`` fields of a query and one more of a body are kept; the rest is dropped without a word.
"""

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

# Plain aliases: the ``type`` statement needs Python 3.12.
Array: TypeAlias = "dict[str | int, Value]"
Value: TypeAlias = "str | Array"
Field: TypeAlias = tuple[str, str]

MAX_NESTING = 64
"""PHP's ``max_input_nesting_level``: deeper names are ignored."""
_DECIMAL = re.compile(r"(?:0|-?[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True)
class FormLimits:
    """The settings of PHP that bound a form."""

    max_input_vars: int = 5000
    """Fields kept; see the module's text for the one more of a body."""
    max_file_uploads: int = 20
    """Added to the fields for the number of parts of a multipart body that are looked at."""
    post_max_size: int = 64 * 1024 * 1024
    """Bytes; a larger body is thrown away as a whole. 0 switches the check off."""


def parse_query(query: bytes, limits: FormLimits) -> Array:
    """``$_GET``: empty chunks do not count, the first ``max_input_vars`` fields are kept."""
    variables: Array = {}
    chunks = [chunk for chunk in query.split(b"&") if chunk]
    for chunk in chunks[: limits.max_input_vars]:
        _register(variables, *_pair(chunk))
    return variables


def parse_body(content_type: str, body: bytes, limits: FormLimits) -> Array:
    """``$_POST``: empty for anything but the two kinds of form, and for a body that is too large."""
    if limits.post_max_size and len(body) > limits.post_max_size:
        return {}
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    variables: Array = {}
    if kind == "application/x-www-form-urlencoded":
        chunks = body.split(b"&") if body else []
        for chunk in chunks[: limits.max_input_vars + 1]:
            _register(variables, *_pair(chunk))
    elif kind == "multipart/form-data":
        parts = _parts(content_type, body)[: limits.max_input_vars + limits.max_file_uploads]
        for name, value in parts[: limits.max_input_vars]:
            _register(variables, name, value)
    return variables


def merge(query: Array, body: Array) -> Array:
    """``array_merge($_GET, $_POST)``: names of the body win, integer names are numbered anew."""
    merged: Array = {}
    number = 0
    for source in (query, body):
        for key, value in source.items():
            if isinstance(key, int):
                merged[number] = value
                number += 1
            else:
                merged[key] = value
    return merged


def _pair(chunk: bytes) -> Field:
    name, _, value = chunk.partition(b"=")
    return _decoded(name), _decoded(value)


def _decoded(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def _register(variables: Array, name: str, value: str) -> None:
    path = variable_path(name)
    if path is None or len(path) > MAX_NESTING:
        return
    node = variables
    for step in path[:-1]:
        key = _next_index(node) if step == "" else _key(step)
        child = node.get(key)
        if not isinstance(child, dict):
            child = {}
            node[key] = child
        node = child
    last = path[-1]
    node[_next_index(node) if last == "" and len(path) > 1 else _key(last)] = value


def variable_path(name: str) -> list[str] | None:
    """The keys that a field's name stands for, ``""`` for an append; ``None`` when PHP ignores the field."""
    name = name.lstrip(" ").split("\0")[0]
    base, bracket, rest = name.partition("[")
    base = base.replace(" ", "_").replace(".", "_")
    if not base:
        return None
    if not bracket:
        return [base]
    path = [base]
    while True:
        index, closed, tail = rest.partition("]")
        if not closed:
            if len(path) == 1:
                mangled = re.sub(r"[ .\[]", "_", rest)
                return [f"{base}_{mangled}"]
            return path
        path.append(index.lstrip(" \r\n\t"))
        if not tail.startswith("["):
            return path
        rest = tail[1:]


def _key(step: str) -> str | int:
    if _DECIMAL.match(step) and -(2**63) <= int(step) < 2**63:
        return int(step)
    return step


def _next_index(node: Array) -> int:
    numbers = [key for key in node if isinstance(key, int)]
    return max(numbers) + 1 if numbers and max(numbers) >= 0 else 0


def _parts(content_type: str, body: bytes) -> list[Field]:
    boundary = _boundary(content_type)
    if not boundary:
        return []
    fields: list[Field] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
        name = disposition.get_param("name", header="content-disposition")
        if isinstance(name, str) and disposition.get_filename() is None:
            fields.append((name, content.decode("utf-8", "surrogateescape")))
    return fields


def _boundary(content_type: str) -> bytes:
    found = re.search(r"boundary=(\"[^\"]+\"|[^;,\s]+)", content_type, re.IGNORECASE)
    return found[1].strip('"').encode() if found else b""
