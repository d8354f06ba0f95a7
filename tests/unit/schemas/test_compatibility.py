"""Every schema that a release has shipped can be read by this one, and this one's by it, so that they run side by side.

``schemas/avro/earlier`` holds the schemas of each release, unchanged for ever. A change of ``schemas/avro`` that breaks
this needs another way: a new field with a default, a new record.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import KINDS, SingleObjectCodec, definition, schema_fingerprint
from schemas.mapping import to_plain
from tests.unit.schemas.test_codec import anything  # with it, the strategies of the records' types

EARLIER = sorted(Path("schemas/avro/earlier").glob("*/*.avsc"))
assert anything is not None


def test_there_is_an_earlier_release() -> None:
    """Otherwise nothing below would be tested. Two records are new since."""
    assert len(EARLIER) >= len(KINDS) - 2


@pytest.mark.parametrize("file", EARLIER, ids=lambda file: f"{file.parent.name}/{file.stem}")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_both_releases_read_each_other(file: Path, data: st.DataObject) -> None:
    """What the earlier release wrote is a record of this one; what this one writes is a record of the earlier."""
    earlier = json.loads(file.read_text(encoding="utf-8"))
    record: Any = data.draw(st.builds(KINDS[file.stem]))
    known = {field["name"] for field in earlier["fields"]}
    written = io.BytesIO()
    plain = _as_known(earlier, to_plain(record))
    fastavro.schemaless_writer(written, fastavro.parse_schema(earlier), plain)
    told = SingleObjectCodec().decode(b"\xc3\x01" + schema_fingerprint(earlier) + written.getvalue())

    assert plain == _as_known(earlier, to_plain(told))

    ours = io.BytesIO()
    fastavro.schemaless_writer(ours, fastavro.parse_schema(definition(file.stem)), to_plain(record))
    ours.seek(0)
    read: Any = fastavro.schemaless_reader(
        ours, fastavro.parse_schema(definition(file.stem)), fastavro.parse_schema(earlier)
    )

    assert read.keys() == known


def _as_known(kind: Any, value: Any) -> Any:
    """The value with no other fields than those that a schema has, at any depth."""
    match kind, value:
        case {"type": "record", "fields": fields}, dict():
            return {field["name"]: _as_known(field["type"], value[field["name"]]) for field in fields}
        case {"type": "array", "items": items}, list():
            return [_as_known(items, item) for item in value]
        case [*_], dict():
            (only,) = (branch for branch in kind if branch != "null")
            return _as_known(only, value)
        case _:
            return value
