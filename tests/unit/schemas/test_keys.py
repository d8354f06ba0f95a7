"""Keys and partitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.keys import KeyFault, decode_key, encode_key, murmur2, name_in, partition_of

parts = st.one_of(st.none(), st.text(st.characters(codec="utf-8")), st.integers(0, 2**31))


@given(key=st.lists(parts, max_size=3))
def test_a_key_is_read_back(key: list[str | int | None]) -> None:
    """What is encoded is decoded."""
    assert tuple(key) == decode_key(encode_key(*key))


def test_a_key_is_readable() -> None:
    """An operator with any Kafka tool sees cohort and student as they are."""
    assert '["L1-É","219"]'.encode() == encode_key("L1-É", "219")


@pytest.mark.parametrize(
    "data", [None, b"", b"x", b'{"a":1}', b'["a", "b"]', b'["\\u0061"]', b"[1.5]", b"\xff", b"[[]]"]
)
def test_other_bytes_are_no_key(data: bytes | None) -> None:
    """Two spellings of one key would be two keys to compaction, so only the canonical one is taken."""
    with pytest.raises(KeyFault):
        decode_key(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_what_java_clients_compute(text: bytes, expected: int) -> None:
    """Vectors as published in Apache Kafka's own tests of its default partitioner."""
    assert expected & 0xFFFFFFFF == murmur2(text)


@given(cohort=st.text(st.characters(codec="utf-8")), partitions=st.integers(1, 100))
def test_a_partition_exists(cohort: str, partitions: int) -> None:
    """Always within the topic."""
    assert 0 <= partition_of(cohort, partitions) < partitions


@pytest.mark.parametrize("partitions", [1, 4, 100])
def test_each_partition_has_a_name_that_falls_into_it(partitions: int) -> None:
    """So what is about the partition as a whole travels like what is about a cohort, also for an earlier release."""
    assert list(range(partitions)) == [partition_of(name_in(p, partitions), partitions) for p in range(partitions)]
