"""Transcript files (``moodle-ws-transcript/1``) and the requests that they stand for."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.standins.moodle.web import Request

SCHEMA = "moodle-ws-transcript/1"
_BOUNDARY = "----------------stand-in-replay"
_INDEXED = re.compile(r"([^\[]*)\[([^\]]*)\](.*)", re.DOTALL)
_COUNTED = re.compile(r"(.*?)(\d+)\Z", re.DOTALL)
Pairs = list[tuple[str, str]]


class CannotContinueError(ValueError):
    """The fields that a transcript shows do not tell how the left-out ones go on."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """One scenario; ``document`` is the whole file."""

    path: Path
    document: Mapping[str, Any]

    @property
    def scenario(self) -> str:
        return str(self.document["scenario"])

    @property
    def exchanges(self) -> list[Mapping[str, Any]]:
        return list(self.document["exchanges"])

    @property
    def text(self) -> str:
        """Name and title in lower case: the only place where states of the site are told."""
        return f"{self.scenario} {self.document['title']}".lower()


def read_folder(folder: Path) -> Iterator[Transcript]:
    """All transcripts of a folder and those below it, by name; other JSON files are passed over."""
    for path in sorted(folder.rglob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("schema") == SCHEMA:
            yield Transcript(path, document)


def fields_of(exchange: Mapping[str, Any]) -> Pairs:
    """All form fields of a request, the left-out ones continued by their pattern."""
    shown = list(exchange["params"].items())
    left_out = int(exchange["params_elided"] or 0)
    return shown + continue_fields(shown, left_out) if left_out else shown


def continue_fields(shown: Pairs, left_out: int) -> Pairs:
    """The next fields of a list of rows: indexes count on, values are constant or count on as well."""
    rows: dict[str, dict[str, str]] = {}
    prefix = ""
    for name, value in shown:
        found = _INDEXED.fullmatch(name)
        if found is not None:
            prefix = found[1]
            rows.setdefault(found[2], {})[found[3]] = value
    if len(rows) < 2 or not all(index.isdecimal() for index in rows):
        raise CannotContinueError("no rows with counted indexes")
    indexes = [int(index) for index in rows]
    columns = list(next(iter(rows.values())))
    first_rows = list(rows.values())
    whole = [row for row in first_rows if len(row) == len(columns)]
    started = first_rows[-1] if len(first_rows[-1]) < len(columns) else {}
    fields: Pairs = []
    number = len(whole) - 1
    while len(fields) < left_out:
        number += 1
        for column in columns:
            if not (number == len(whole) and column in started):
                value = _value(number, [row[column] for row in whole])
                fields.append((f"{prefix}[{indexes[0] + number}]{column}", value))
    return fields[:left_out]


def _value(number: int, known: list[str]) -> str:
    if len(set(known)) == 1:
        return known[0]
    counted = [_COUNTED.fullmatch(value) for value in known]
    if not all(counted):
        raise CannotContinueError(f"no pattern in {known[:3]}")
    stems = {found[1] for found in counted if found}
    digits = [found[2] for found in counted if found]
    steps = {int(after) - int(before) for before, after in pairwise(digits)}
    if len(stems) != 1 or len(steps) != 1:
        raise CannotContinueError(f"no pattern in {known[:3]}")
    width = len(digits[0]) if digits[0].startswith("0") or len({len(text) for text in digits}) == 1 else 0
    return stems.pop() + str(int(digits[0]) + number * steps.pop()).zfill(width)


def build_request(exchange: Mapping[str, Any], fields: Pairs, token: str, host: str) -> Request:
    """The request with its control fields where they stood; *token* takes the place of ``TOKEN``."""
    told = exchange["request"]
    control = [(name, token if value == "TOKEN" else value) for name, value in told["control_fields"].items()]
    in_query, in_body = _placed(told, control, fields)
    kind = told["content_type"] or ""
    if told.get("raw_body") is not None:
        body = str(told["raw_body"]).encode("utf-8", "surrogateescape")
    elif kind.startswith("multipart/"):
        body, kind = _multipart(in_body), f"multipart/form-data; boundary={_BOUNDARY}"
    else:
        body = _urlencoded(in_body, told["body_bytes"])
    if told["method"] == "GET":
        body = b""
    return Request(told["method"], told["path"], _urlencoded(in_query, None), body, kind, host)


def _placed(told: Mapping[str, Any], control: Pairs, fields: Pairs) -> tuple[Pairs, Pairs]:
    """Fields of the query and of the body."""
    where = told["control_fields_in"]
    has_body_fields = told["method"] != "GET" and told.get("raw_body") is None
    if told["method"] == "GET":
        return control + fields, []
    if where == "query":
        return control, fields if has_body_fields else []
    # "wstoken in body, wsfunction and moodlewsrestformat in query", in any order of the clauses.
    places = {
        name: place
        for names, place in re.findall(r"([\w, ]+?) in (body|query)", where)
        for name in re.split(r",\s*|\s+and\s+", names.strip(", "))
    }
    query = [pair for pair in control if places.get(pair[0]) == "query"]
    body_control = [pair for pair in control if pair not in query]
    if told["control_fields_position"] == "last":
        return query, fields + body_control
    return query, body_control + fields


def _urlencoded(fields: Pairs, length: int | None) -> bytes:
    def encode(bad: str) -> bytes:
        def one(text: str) -> str:
            return quote_plus(text.encode("utf-8", "surrogateescape").replace("\ufffd".encode(), bad.encode("latin-1")))

        return "&".join(f"{one(name)}={one(value)}" for name, value in fields).encode()

    body = encode("\xef\xbf\xbd")
    if length is not None and len(body) != length and any("\ufffd" in value for _, value in fields):
        # A replacement character in a transcript may stand for a byte that was not UTF-8; the length tells.
        broken = encode("\xff")
        return broken if len(broken) == length else body
    return body


def _multipart(fields: Pairs) -> bytes:
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{quote(name, safe="[]:-_. ")}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return ("".join(parts) + f"--{_BOUNDARY}--\r\n").encode("utf-8", "surrogateescape")
