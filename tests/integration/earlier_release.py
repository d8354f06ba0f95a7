"""An earlier release's eyes and hands: records as its schemas have them, and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro

from schemas.codec import KINDS, SingleObjectCodec, Undecodable, definition, schema_fingerprint
from schemas.mapping import to_plain
from schemas.records import Record

EARLIER = Path("schemas/avro/earlier")


class EarlierCodec:
    """Writes with the schemas of a release, and reads what any release wrote with them: what it does not know of a
    record is gone, and a kind of record that it does not know cannot be decoded.
    """

    def __init__(self, release: str) -> None:
        files = (EARLIER / release).glob("*.avsc")
        self._schemas = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
        self._names = {schema_fingerprint(definition(name)): name for name in KINDS}
        self._names |= {schema_fingerprint(schema): name for name, schema in self._schemas.items()}
        self._ours = SingleObjectCodec()

    def encode(self, topic: str, record: Record) -> bytes:
        schema = self._schemas[type(record).__name__]
        return self._bytes(schema, restrict(schema, to_plain(record)))

    def decode(self, data: bytes) -> Record:
        name = self._names.get(bytes(data[2:10]))
        if name not in self._schemas:
            raise Undecodable(f"a {name} is not known to this release")
        schema = self._schemas[name]
        return self._ours.decode(self._bytes(schema, restrict(schema, to_plain(self._ours.decode(data)))))

    @staticmethod
    def _bytes(schema: Any, plain: Any) -> bytes:
        body = io.BytesIO()
        fastavro.schemaless_writer(body, fastavro.parse_schema(schema), plain)
        return b"\xc3\x01" + schema_fingerprint(schema) + body.getvalue()


def restrict(kind: Any, value: Any) -> Any:
    """The value with no other fields than those that a schema has, at any depth."""
    match kind, value:
        case {"type": "record", "fields": fields}, dict():
            return {field["name"]: restrict(field["type"], value[field["name"]]) for field in fields}
        case {"type": "array", "items": items}, list():
            return [restrict(items, item) for item in value]
        case {"type": "map", "values": values}, dict():
            return {name: restrict(values, item) for name, item in value.items()}
        case [*_], dict():
            (only,) = (branch for branch in kind if branch != "null")
            return restrict(only, value)
        case _:
            return value
