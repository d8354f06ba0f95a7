"""Which codec the settings ask for, and how an older release learns a newer one's schemas.

With a schema registry, it is the registry that tells. Without, the schemas stand in a small compacted topic: whoever
writes records first writes their schemas there, and a reader that meets a fingerprint it does not know looks there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from connector.runtime.clock import Clock
from connector.runtime.kafka.connection import Connection
from connector.runtime.kafka.errors import translate
from connector.runtime.kafka.reading import BEGINNING, read_to_end
from connector.runtime.kafka.settings import RegistrySettings
from schemas import registry
from schemas.codec import KINDS, Codec, RegistryCodec, SingleObjectCodec, Undecodable, definition, schema_fingerprint
from schemas.keys import encode_key
from schemas.records import SchemaPublished


def make_codec(connection: Connection, settings: RegistrySettings | None, schemas_topic: str, clock: Clock) -> Codec:
    """The codec for all topics.

    Raises:
        schemas.registry.RegistryUnavailable, schemas.registry.SchemaMissing: at the first record, not here.
    """
    if settings is None:
        return SingleObjectCodec(_topic_lookup(connection, schemas_topic, clock))
    configuration: dict[str, Any] = {"url": settings.url}
    if settings.username is not None:
        password = settings.password.read() if settings.password else ""
        configuration["basic.auth.user.info"] = f"{settings.username}:{password}"
    if settings.ca_file is not None:
        configuration["ssl.ca.location"] = str(settings.ca_file)
    return RegistryCodec(registry.connect(configuration, auto_register=settings.auto_register))


def publish_schemas(connection: Connection, schemas_topic: str, names: Iterable[str] = tuple(KINDS)) -> None:
    """Write this release's schemas to their topic; equal ones are compacted away.

    Raises:
        KafkaFault: not all of them were acknowledged.
    """
    producer: Any = connection.producer()
    failed: list[Any] = []
    codec = SingleObjectCodec()
    for name in names:
        schema = definition(name)
        mark = schema_fingerprint(schema).hex()
        record = SchemaPublished(mark, name, json.dumps(schema, ensure_ascii=False, separators=(",", ":")))
        producer.produce(
            schemas_topic,
            codec.encode(schemas_topic, record),
            encode_key(mark),
            0,
            on_delivery=lambda error, _: failed.extend([error] if error else []),
        )
    producer.flush(15.0)
    if failed:
        raise translate(failed[0])


def _topic_lookup(connection: Connection, topic: str, clock: Clock) -> Callable[[bytes], dict[str, Any] | None]:
    """Finds a schema by its fingerprint; reads the whole topic, which has a few records a release."""
    bundled = SingleObjectCodec()

    def lookup(mark: bytes) -> dict[str, Any] | None:
        for batch in read_to_end(connection, topic, {0: BEGINNING}, clock):
            for message in batch:
                try:
                    record = bundled.decode(message.value or b"")
                except Undecodable:
                    continue  # of a release that changed even this record: then it is not for us
                if isinstance(record, SchemaPublished) and bytes.fromhex(record.fingerprint) == mark:
                    found: dict[str, Any] = json.loads(record.definition)
                    return found
        return None

    return lookup
