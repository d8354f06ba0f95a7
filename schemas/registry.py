"""A schema registry, through the client library's own registry client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

_NOT_FOUND = 404


class SchemaMissing(Exception):
    """The registry has no such schema, and registering is off. The text names subject and fix."""


class RegistryUnavailable(Exception):
    """The registry does not answer, or refuses us; the text says which."""


def connect(configuration: dict[str, Any], *, auto_register: bool) -> Registry:
    """A registry by the client library's own settings (``url``, ``basic.auth.user.info``, ``ssl.ca.location``, …);
    ``mock://name`` gives its in-memory one.
    """
    return Registry(SchemaRegistryClient.new_client(configuration), auto_register)


@dataclass(frozen=True, slots=True)
class Registry:
    """Implements ``codec.SchemaIds``. A subject is ``<topic>-<record's full name>``, since topics carry several records
    (the library calls this the topic-record-name strategy).
    """

    client: SchemaRegistryClient
    auto_register: bool

    def id_of(self, topic: str, name: str, definition: dict[str, Any]) -> int:
        """The id of the schema under the subject.

        Raises:
            SchemaMissing: not registered, and registering is off.
            RegistryUnavailable: see there.
        """
        subject = f"{topic}-cohortstream.{name}"
        schema = Schema(json.dumps(definition), "AVRO")
        try:
            if self.auto_register:
                return self.client.register_schema(subject, schema)
            found = self.client.lookup_schema(subject, schema).schema_id
            assert found is not None  # the registry answered with the schema that it knows
            return found
        except SchemaRegistryError as error:
            if not self.auto_register and error.http_status_code == _NOT_FOUND:
                raise SchemaMissing(
                    f"subject {subject} lacks the schema of this release; register schemas/avro/{name}.avsc under it, "
                    "or set schema_registry.auto_register = true"
                ) from error
            raise RegistryUnavailable(f"the schema registry refuses {subject}: {error}") from error
        except Exception as error:  # the library lets its HTTP library's own exceptions through
            raise RegistryUnavailable(f"the schema registry does not answer: {error}") from error

    def schema_of(self, schema_id: int) -> dict[str, Any] | None:
        """The schema with this id, or None.

        Raises:
            RegistryUnavailable: see there.
        """
        try:
            found = self.client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return None
            raise RegistryUnavailable(f"the schema registry refuses schema {schema_id}: {error}") from error
        except Exception as error:  # the library lets its HTTP library's own exceptions through
            raise RegistryUnavailable(f"the schema registry does not answer: {error}") from error
        assert found.schema_str is not None
        definition: dict[str, Any] = json.loads(found.schema_str)
        return definition
