"""Records to bytes and back, in both forms."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import records, registry
from schemas.codec import (
    KINDS,
    Codec,
    RegistryCodec,
    SingleObjectCodec,
    Undecodable,
    definition,
    schema_fingerprint,
)
from schemas.mapping import to_plain
from schemas.records import MembershipChanged, Presence

WHEN = datetime(2026, 11, 23, 8, 30, 1, 250_000, UTC)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
anything = st.sampled_from(sorted(KINDS.values(), key=lambda kind: kind.__name__)).flatmap(st.builds)
st.register_type_strategy(datetime, moments)
st.register_type_strategy(int, st.integers(0, 2**31 - 1))
st.register_type_strategy(str, st.text(st.characters(codec="utf-8"), max_size=30))


def both() -> list[Codec]:
    return [SingleObjectCodec(), RegistryCodec(registry.connect({"url": "mock://tests"}, auto_register=True))]


@settings(deadline=None)  # a loaded machine is no fault
@given(record=anything)
def test_what_is_encoded_is_decoded(record: Any) -> None:
    """Every record of every type survives both forms."""
    for codec in both():
        assert record == codec.decode(codec.encode("topic", record))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_types_mirror_schemas(name: str) -> None:
    """A field has the same name in both, and every field of a schema is documented."""

    def check(schema: Any, kind: type) -> None:
        assert {field.name for field in dataclasses.fields(kind)} == {field["name"] for field in schema["fields"]}
        for field in schema["fields"]:
            assert field["doc"].strip()
            for inner in _records_in(field["type"]):
                check(inner, getattr(records, inner["name"]))

    check(definition(name), KINDS[name])


def _records_in(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return [found for option in schema for found in _records_in(option)]
    if isinstance(schema, dict):
        if schema["type"] == "record":
            return [schema]
        return [found for key in ("items", "values") if key in schema for found in _records_in(schema[key])]
    return []


@settings(deadline=None)  # a loaded machine is no fault
@given(junk=st.binary(max_size=80))
def test_poison_is_told_apart(junk: bytes) -> None:
    """Any bytes either decode or are ``Undecodable``; no other exception escapes."""
    for codec in both():
        good = codec.encode("topic", MEMBERSHIP)
        for data in (junk, good[:10] + junk, good[: len(good) // 2]):
            with contextlib.suppress(Undecodable):
                codec.decode(data)
        with pytest.raises(Undecodable):
            codec.decode(good + b"\0" + junk)


MEMBERSHIP = MembershipChanged(
    cohort="2026-INFO-L1",
    student="21900001",
    state=Presence.PRESENT,
    sources=("apogee",),
    cause="enrolled",
    revision=7,
    source="apogee",
    observed_at=WHEN,
    fingerprint="f",
)


def _later_release(name: str) -> dict[str, Any]:
    """The schema as a later release might have it: one more field, one more symbol."""
    later: dict[str, Any] = {**definition(name), "fields": [*definition(name)["fields"]]}
    later["fields"].append({"name": "added", "type": "string", "default": "", "doc": "New."})
    for position, field in enumerate(later["fields"]):
        if isinstance(field["type"], dict) and field["type"].get("type") == "enum":
            kind = {**field["type"], "symbols": [*field["type"]["symbols"], "suspended"]}
            later["fields"][position] = {**field, "type": kind}
    return later


def test_a_later_release_can_be_read() -> None:
    """An unknown field is ignored, an unknown symbol becomes ``unknown``: neither is a dead letter."""
    later = _later_release("MembershipChanged")
    mark = schema_fingerprint(later)
    body = _body(later, {**to_plain(MEMBERSHIP), "state": "suspended", "added": "x"})
    codec = SingleObjectCodec({mark: later}.get)

    assert dataclasses.replace(MEMBERSHIP, state=Presence.UNKNOWN) == codec.decode(b"\xc3\x01" + mark + body)


def test_an_unknown_schema_is_named() -> None:
    """The operator learns that it is the schema that is not known, not that the bytes are bad."""
    with pytest.raises(Undecodable, match="fingerprint 3132333435363738 is not known"):
        SingleObjectCodec().decode(b"\xc3\x0112345678rest")


def test_the_two_forms_are_not_taken_for_each_other() -> None:
    """A registry that was switched on or off is named as the likely cause."""
    single, confluent = both()
    with pytest.raises(Undecodable, match="is a schema registry in use"):
        single.decode(confluent.encode("topic", MEMBERSHIP))
    with pytest.raises(Undecodable, match="written without a registry"):
        confluent.decode(single.encode("topic", MEMBERSHIP))


def test_a_registry_that_lacks_a_schema_is_named_with_the_fix() -> None:
    """With registering off, nothing is registered behind the administrator's back."""
    codec = RegistryCodec(registry.connect({"url": "mock://empty"}, auto_register=False))

    with pytest.raises(registry.SchemaMissing, match=r"register schemas/avro/MembershipChanged\.avsc under it"):
        codec.encode("topic", MEMBERSHIP)


def _body(schema: Any, plain: Any) -> bytes:
    import io

    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), plain)
    return buffer.getvalue()
