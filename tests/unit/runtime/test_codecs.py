"""Which codec the settings ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.runtime.clock import SystemClock
from connector.runtime.kafka.codecs import make_codec
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.settings import KafkaSettings, RegistrySettings
from connector.runtime.settings import Secret
from schemas.codec import RegistryCodec, SingleObjectCodec
from schemas.records import SchemaPublished
from schemas.registry import RegistryUnavailable

NOWHERE = Connection(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
RECORD = SchemaPublished("00", "Signal", "{}")


def test_without_a_registry_records_carry_a_fingerprint() -> None:
    """And no registry is needed, not even its library's settings."""
    codec = make_codec(NOWHERE, None, "schemas", SystemClock())

    assert isinstance(codec, SingleObjectCodec)
    assert RECORD == codec.decode(codec.encode("t", RECORD))


def test_with_a_registry_records_carry_its_number(tmp_path: Path) -> None:
    """Through the client library's own client, with the credentials of the settings."""
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    settings = RegistrySettings(url="mock://codecs", username="cohortstream", password=Secret(file=secret))
    codec = make_codec(NOWHERE, settings, "schemas", SystemClock())

    assert isinstance(codec, RegistryCodec)
    encoded = codec.encode("t", RECORD)
    assert encoded[0] == 0
    assert RECORD == codec.decode(encoded)


def test_a_registry_that_does_not_answer_is_named() -> None:
    """With the reason, and none of the HTTP library's own exceptions."""
    codec = make_codec(NOWHERE, RegistrySettings(url="http://127.0.0.1:1"), "schemas", SystemClock())

    with pytest.raises(RegistryUnavailable, match="does not answer"):
        codec.encode("t", RECORD)
