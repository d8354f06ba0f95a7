"""Records to bytes and back.

Two forms, one code path: Avro's single-object encoding (``C3 01``, the schema's CRC-64-AVRO fingerprint, the body), and
the Confluent wire format (``00``, the registry's schema id, the body). They differ only in how a schema is named.

A reader resolves the writer's schema against its own, so that it reads what an earlier release wrote and, where it can
learn the schema, what a later one wrote.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Protocol

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas import records
from schemas.mapping import from_plain, to_plain
from schemas.records import Record

_SINGLE_OBJECT = b"\xc3\x01"
_CONFLUENT = b"\x00"
_NAMESPACE = "cohortstream."
KINDS: dict[str, type] = {
    kind.__name__: kind for kind in vars(records).values() if isinstance(kind, type) and kind in records.Record.__args__
}
"""Record types by their schema's name."""


class Undecodable(Exception):
    """These bytes are not a record that this release can read. The text says why."""


class Codec(Protocol):
    """How values become bytes on a topic."""

    def encode(self, topic: str, record: Record) -> bytes:
        """The bytes of a record for this topic."""
        ...

    def decode(self, data: bytes) -> Record:
        """The record in these bytes.

        Raises:
            Undecodable: never worth trying again with the same bytes.
        """
        ...


def _folder() -> Traversable:
    return files("schemas") / "avro"


@cache
def definition(name: str) -> dict[str, Any]:
    """This release's schema of a record, as JSON values."""
    loaded: dict[str, Any] = json.loads((_folder() / f"{name}.avsc").read_text(encoding="utf-8"))
    return loaded


@cache
def _parsed(name: str) -> Any:
    return fastavro.parse_schema(definition(name))


def schema_fingerprint(schema: Any) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, little-endian, as the single-object encoding carries it."""
    text = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(text)


def _body(record: Record) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, _parsed(type(record).__name__), to_plain(record))
    return buffer.getvalue()


def _read(body: memoryview | bytes, writer: Any) -> Record:
    name = str(writer["name"]).removeprefix(_NAMESPACE)
    kind = KINDS.get(name)
    if kind is None:
        raise Undecodable(f"records of type {name} are not known to this release")
    buffer = io.BytesIO(body)
    try:
        plain: Any = fastavro.schemaless_reader(buffer, writer, _parsed(name))
        record: Record = from_plain(plain, kind)
    except Exception as error:  # fastavro raises whatever the bytes lead it into
        # Not the error's own text: it may quote the bytes, and they name people.
        raise Undecodable(f"the body is not a {name} ({type(error).__name__})") from error
    if buffer.read(1):
        raise Undecodable(f"bytes are left over after a {name}")
    return record


class SingleObjectCodec:
    """Avro single-object encoding against the bundled schemas.

    ``lookup`` finds the definition of a fingerprint that is not bundled (one of another release), or None.
    """

    def __init__(self, lookup: Callable[[bytes], dict[str, Any] | None] = lambda _: None) -> None:
        self._lookup = lookup
        self._writers = dict(_bundled())

    def encode(self, topic: str, record: Record) -> bytes:  # noqa: ARG002 - the registry's form needs it
        return _prefix(type(record).__name__) + _body(record)

    def decode(self, data: bytes) -> Record:
        if data[:2] != _SINGLE_OBJECT or len(data) < 10:
            raise Undecodable("not in Avro's single-object encoding (it begins C3 01); is a schema registry in use?")
        mark = bytes(data[2:10])
        writer = self._writers.get(mark)
        if writer is None:
            found = self._lookup(mark)
            if found is None:
                raise Undecodable(f"the schema with fingerprint {mark.hex()} is not known")
            writer = self._writers[mark] = fastavro.parse_schema(found)
        return _read(memoryview(data)[10:], writer)


@cache
def _prefix(name: str) -> bytes:
    return _SINGLE_OBJECT + schema_fingerprint(definition(name))


@cache
def _bundled() -> dict[bytes, Any]:
    """Every schema that ships with this release: the current ones, and earlier ones under ``avro/earlier``."""
    found = {schema_fingerprint(definition(name)): _parsed(name) for name in KINDS}
    earlier = _folder() / "earlier"
    for release in earlier.iterdir() if earlier.is_dir() else ():
        for file in release.iterdir():
            schema = json.loads(file.read_text(encoding="utf-8"))
            found.setdefault(schema_fingerprint(schema), fastavro.parse_schema(schema))
    return found


class SchemaIds(Protocol):
    """A schema registry, as far as the codec needs one."""

    def id_of(self, topic: str, name: str, definition: dict[str, Any]) -> int:
        """The id under which the schema of this record is registered for the topic."""
        ...

    def schema_of(self, schema_id: int) -> dict[str, Any] | None:
        """The schema with this id, or None when the registry has none."""
        ...


class RegistryCodec:
    """Confluent wire format: the registry gives schemas their ids."""

    def __init__(self, registry: SchemaIds) -> None:
        self._registry = registry
        self._ids: dict[tuple[str, str], bytes] = {}
        self._writers: dict[int, Any] = {}

    def encode(self, topic: str, record: Record) -> bytes:
        name = type(record).__name__
        prefix = self._ids.get((topic, name))
        if prefix is None:
            number = self._registry.id_of(topic, name, definition(name))
            prefix = self._ids[topic, name] = _CONFLUENT + number.to_bytes(4, "big")
        return prefix + _body(record)

    def decode(self, data: bytes) -> Record:
        if data[:1] != _CONFLUENT or len(data) < 5:
            raise Undecodable("not in the Confluent wire format (it begins 00); was it written without a registry?")
        number = int.from_bytes(data[1:5], "big")
        writer = self._writers.get(number)
        if writer is None:
            found = self._registry.schema_of(number)
            if found is None:
                raise Undecodable(f"the schema registry has no schema with id {number}")
            writer = self._writers[number] = fastavro.parse_schema(found)
        return _read(memoryview(data)[5:], writer)
