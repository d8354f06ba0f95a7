"""Keys and partitions.

A key is a JSON array in its one canonical form (UTF-8, no blanks, nothing escaped that need not be). It is not Avro:
compaction compares bytes, and bytes that depend on a schema id or a fingerprint would change with the schema.
"""

from __future__ import annotations

import json
from itertools import count

Key = tuple[str | int | None, ...]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class KeyFault(ValueError):
    """These bytes are no key of ours."""


def encode_key(*parts: str | int | None) -> bytes:
    """The bytes of a key."""
    return _encode(parts).encode()


def decode_key(data: bytes | None) -> Key:
    """The parts of a key.

    Raises:
        KeyFault: the bytes are not what ``encode_key`` makes.
    """
    try:
        parts = json.loads(data or b"")
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise KeyFault("the key is not a JSON array") from error
    if not isinstance(parts, list) or not all(part is None or isinstance(part, str | int) for part in parts):
        raise KeyFault("the key is not a JSON array of text, whole numbers and nulls")
    if encode_key(*parts) != data:
        raise KeyFault("the key is not in its canonical form")
    return tuple(parts)


def partition_of(cohort: str, partitions: int) -> int:
    """The partition of a cohort's records: what a Java producer computes for the cohort's idnumber as its key."""
    return (murmur2(cohort.encode()) & 0x7FFFFFFF) % partitions


def name_in(partition: int, partitions: int) -> str:
    """A name that falls into this partition, for what is about the partition as a whole. It is no cohort's: they do not
    begin with a colon and a blank.
    """
    return next(name for n in count() if partition_of(name := f": {n}", partitions) == partition)


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 (seed 0x9747b28c), as an unsigned 32-bit number. Source: the algorithm's description by Austin
    Appleby; test vectors from the published ones of Kafka's default partitioner.
    """
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        block = int.from_bytes(data[start : start + 4], "little") * factor & mask
        block = (block ^ block >> 24) * factor & mask
        value = value * factor & mask ^ block
    if tail := data[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return value ^ value >> 15
